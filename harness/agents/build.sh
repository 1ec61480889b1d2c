#!/bin/sh
# Assembles the guest agents: build.sh [OUTPUT FOLDER]
# Needs the cross binutils: apt-get install binutils-powerpc64-linux-gnu
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

powerpc64-linux-gnu-as -mbig -o "$work/ppc64.o" "$here/ppc64.S"
powerpc64-linux-gnu-ld -Ttext=0 --entry=0x100 -o "$work/ppc64.elf" "$work/ppc64.o"
powerpc64-linux-gnu-objcopy -O binary -j .text "$work/ppc64.elf" "$out/ppc64.bin"
