#!/bin/sh
# Builds the libbpf that the package ships: version 1.7.0, pinned by checksum in Cargo.lock, compiled with gcc, beside
# the libelf and libz that it was linked with. A distribution's own libbpf is often too old for uprobe_multi links
# (libbpf 1.3). Does nothing when its result is there already.
#
#   usage: helper/libbpf/build.sh [OUTPUT_DIR]      (default dist/native)
#   needs: cargo (fetches the sources, compiles nothing), make, gcc, pkg-config, libelf-dev, zlib1g-dev
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$root/dist/native}
work=$root/build/libbpf
stamp=$(cat "$here/build.sh" "$here/Cargo.lock" | sha256sum | cut -d' ' -f1)

if [ -f "$out/libbpf.so.1" ] && [ "$(cat "$out/.stamp" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi

fail() {
	printf 'helper/libbpf/build.sh: %s\n' "$1" >&2
	exit 1
}
for tool in cargo make gcc pkg-config; do
	command -v "$tool" >/dev/null || fail "$tool is missing; install it (npm run setup does)"
done
pkg-config --exists libelf zlib || fail "libelf or zlib headers are missing; install libelf-dev and zlib1g-dev"

mkdir -p "$work" "$out"
cp "$here/Cargo.toml" "$here/Cargo.lock" "$work/"
: >"$work/none.rs" # Cargo wants a target; nothing of it is compiled.
(cd "$work" && cargo vendor --quiet --locked vendor >/dev/null) || fail "cargo could not fetch libbpf-sys"

source=$work/vendor/libbpf-sys/libbpf
make --silent -C "$source/src" OBJDIR="$work/objects" LDFLAGS='-Wl,-rpath,\$$ORIGIN -Wl,-z,now' \
	-j "$(nproc)" "$work/objects/libbpf.so.1.7.0" || fail "libbpf did not compile"

library_path() {
	gcc -print-file-name="$1" | xargs realpath
}
install -m 0755 -s "$work/objects/libbpf.so.1.7.0" "$out/libbpf.so.1"
install -m 0644 "$(library_path libelf.so.1)" "$out/libelf.so.1"
install -m 0644 "$(library_path libz.so.1)" "$out/libz.so.1"

mkdir -p "$out/licences"
cp "$source/LICENSE" "$out/licences/libbpf.LICENSE"
cp "$source/LICENSE.BSD-2-Clause" "$out/licences/libbpf.LICENSE.BSD-2-Clause"
cp "$source/LICENSE.LGPL-2.1" "$out/licences/libbpf.LICENSE.LGPL-2.1"
# Unmodified copies of the build machine's shared libraries, replaceable by any compatible one (LGPL-3.0+ or GPL-2.0+).
cp "$work/vendor/libbpf-sys/elfutils/COPYING-LGPLV3" "$out/licences/libelf.COPYING-LGPLV3"
cp "$work/vendor/libbpf-sys/elfutils/COPYING-GPLV2" "$out/licences/libelf.COPYING-GPLV2"
cp "$work/vendor/libbpf-sys/zlib/LICENSE" "$out/licences/zlib.LICENSE" 2>/dev/null ||
	sed -n '1,/^\*\//p' "$work/vendor/libbpf-sys/zlib/zlib.h" >"$out/licences/zlib.LICENSE"
printf '%s' "$stamp" >"$out/.stamp"
