#!/bin/sh
# Compiles the probe programs. Usage: bpf/build.sh OUTPUT.o
set -eu
cd "$(dirname "$0")"
exec "${CLANG:-clang}" -target bpf -mcpu=v2 -O2 -g -D__TARGET_ARCH_x86 \
	-Wall -Wextra -Werror -Wno-unused-function -Wno-unused-variable -Wno-unused-const-variable \
	-fdebug-prefix-map="$PWD"=bpf -fno-ident -c probelens.bpf.c -o "$1"
