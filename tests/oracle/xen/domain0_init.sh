#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# Process 1 of domain 0: starts the toolstack, then one domU after another; prints their consoles.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
for module in xen-privcmd xen-evtchn xen-gntdev xenfs; do insmod "/lib/modules/$module.ko"; done
mount -t xenfs xenfs /proc/xen
mkdir -p /run/xen /run/xenstored
xenstored --pid-file /run/xenstored.pid
xen-init-dom0
xenconsoled --log=guest --log-dir=/log

for group in $(cat /groups); do
    cat >/guest.cfg <<END
name = "guest"
kernel = "/guest"
memory = 64
extra = "groups=$group"
on_poweroff = "preserve"
on_reboot = "preserve"
on_crash = "preserve"
END
    rm -f /log/guest-guest.log
    xl create -e /guest.cfg >/log/xl 2>&1 || cat /log/xl
    tries=0
    state=running
    while [ $tries -lt 60 ] && [ $state = running ]; do
        sleep 0.2
        tries=$((tries + 1))
        # The fifth column is r, b, p, s (shut down), c (crashed), d, or a minus for each.
        case $(xl list guest | awk 'END { print $5 }') in
            *c*) state=crashed ;;
            *s*) state=shut_down ;;
        esac
    done
    sleep 0.2 # for xenconsoled to write the rest
    echo "=== begin $group"
    cat /log/guest-guest.log
    echo "=== end $state"
    xl destroy guest
done
reboot -f
