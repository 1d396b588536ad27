#!/bin/sh
# Makes a bare Debian or Ubuntu machine ready: `npm run setup` for building and running, `--test` for the tests too.
# Safe to run again; does nothing, fast, when nothing is to do. Uses root, or sudo where it is not root.
set -eu
cd "$(dirname "$0")/.."

# command:package pairs; a package is installed only where its command is missing.
need="clang:clang llvm-strip:llvm gcc:gcc make:make pkg-config:pkg-config go:golang-go sudo:sudo cargo:cargo"
# header:package pairs, for what has no command.
headers="stdio.h:libc6-dev libelf.h:libelf-dev zlib.h:zlib1g-dev"
if [ "${1:-}" = --test ]; then
  need="$need clang-format:clang-format chromium:chromium readelf:binutils gdb:gdb g++:g++ python3:python3 bpftrace:bpftrace setpriv:util-linux useradd:passwd xz:xz-utils qemu-system-x86_64:qemu-system-x86 busybox:busybox-static"
  headers="$headers gssapi/gssapi.h:libkrb5-dev libsecret-1/libsecret/secret.h:libsecret-1-dev"
fi

missing=
for pair in $need; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
for pair in $headers; do
  [ -e "/usr/include/${pair%%:*}" ] || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
  root=
  if [ "$(id -u)" != 0 ]; then
    root=sudo
    command -v sudo >/dev/null || { echo "setup: these packages are missing:$missing; there is no sudo here to install them with: run this as root" >&2; exit 1; }
  fi
  command -v apt-get >/dev/null || { echo "setup: these packages are missing:$missing; this machine has no apt-get: install their equivalents, then run this again" >&2; exit 1; }
  echo "setup: installing$missing" >&2
  $root apt-get update -q >/dev/null
  # shellcheck disable=SC2086
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
fi

# What an outer `npm run` says of itself does not describe the inner npm: packages read their Node's version there.
unset npm_config_user_agent npm_execpath npm_node_execpath npm_command
# npm leaves a copy of the lock file behind; where it is newer than the lock file, the packages are there.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund >&2
  touch node_modules/.package-lock.json
fi
node build.mjs --if-stale
if [ "${1:-}" = --test ]; then node_modules/.bin/node test/vscode/installEditor.ts; fi
