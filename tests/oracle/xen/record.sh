#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the test guest as a domU on the real Xen, and records what it prints: expected/<group>.txt.
# Debian's own hypervisor runs under QEMU's TCG, with Debian's kernel and xen-utils as domain 0;
# nothing is installed, and no privilege is needed.
#
#   record.sh GUEST [GROUP...]      GUEST: build/release/tests/guest/pv_guest
#
# Without groups: all of tests/guest/groups/groups.hpp. About two minutes; a hostile guest that runs
# on costs twelve seconds more.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { sed -n '3,10s/^# \?//p' "$0"; exit 2; }
guest=$(realpath "$1")
shift
groups=${*:-$(sed -n 's/^    {"\([a-z_]*\)", .*/\1/p' "$here/../../guest/groups/groups.hpp")}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

kernel=$(apt-cache depends linux-image-amd64 |
    sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -1)
apt-get -q download xen-hypervisor-4.17-amd64 xen-utils-4.17 busybox-static "$kernel" \
    >apt.log 2>&1 || { cat apt.log; exit 4; }
for package in *.deb; do dpkg-deb -x "$package" debian; done
zcat debian/boot/xen-4.17-amd64.gz >xen.elf

# Domain 0: busybox, xl and the daemons that it needs, with their libraries (from libxen-dev).
root=$work/initramfs
mkdir -p "$root"/{bin,dev,etc/xen,lib/modules,log,proc,run,sys} \
    "$root"/var/{lib/xen,lib/xenstored,log/xen}
ln -s ../run "$root/var/run"
: >"$root/etc/xen/xl.conf"
cp "$here/domain0_init.sh" "$root/init"
cp "$guest" "$root/guest"
cp debian/bin/busybox "$root/bin/"
for tool in xl xenstored xenconsoled xen-init-dom0; do
    cp "debian/usr/lib/xen-4.17/bin/$tool" "$root/bin/"
done
# libgcc_s is loaded by name when a daemon ends a thread.
libraries=$(ldd "$root"/bin/x* | sed -n 's/.*\(=> \|\t\)\(\/[^ ]*\) .*/\2/p' | sort -u)
libraries+=" $(gcc -print-file-name=libgcc_s.so.1)"
if ldd "$root"/bin/x* | grep 'not found'; then echo 'install libxen-dev'; exit 4; fi
for library in $libraries; do install -D "$library" "$root$library"; done
ln -sf "$(realpath "$(gcc -print-file-name=libgcc_s.so.1)")" "$root/lib/libgcc_s.so.1"
for module in xen-privcmd xen-evtchn xen-gntdev xenfs; do
    find debian/lib/modules -name "$module.ko" -exec cp {} "$root/lib/modules/" \;
done
echo "$groups" >"$root/groups"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >initramfs.gz

# smap=0: TCG runs iretq at CPL 3 with supervisor rights otherwise.
timeout 900 qemu-system-x86_64 -display none -nodefaults -serial file:serial.log \
    -accel tcg -cpu max,-la57 -m 1024 -no-reboot -kernel xen.elf \
    -initrd "$(echo debian/boot/vmlinuz-*) console=hvc0 quiet rdinit=/init,initramfs.gz" \
    -append 'com1=115200,8n1 console=com1 dom0=pv dom0_mem=512M dom0_max_vcpus=1 smap=0'

mkdir -p "$here/expected"
tr -d '\r' <serial.log | awk -v folder="$here/expected" '
    /^=== begin / { file = folder "/" $3 ".txt"; printf "" > file; next }
    /^=== end /   { print "guest/state: " $3 > file; close(file); file = ""; count++; next }
    # The flood and addresses in the guest'"'"'s code are of no interest.
    /^hostile_flood_console\/line|^guest\/unexpected_trap_at/ { next }
    file != "" && /^[a-z0-9_]+\/[^:]+: / { print > file }
    END { exit count == 0 }' || { tail -30 serial.log; exit 4; }
wc -l "$here"/expected/*.txt
