// SPDX-License-Identifier: MIT
#include "workloads/images/base_files.hpp"

namespace ring3 {
namespace {

// Debian's sysvinit, with a script of our own in the place of those of the package initscripts.
constexpr const char* inittab = R"sh(# /etc/inittab: see inittab(5).
id:2:initdefault:
si::sysinit:/etc/rc start
~~:S:wait:/sbin/sulogin --force
l0:0:wait:/etc/rc stop 0
l1:1:wait:/etc/rc level 1
l2:2:wait:/etc/rc level 2
l3:3:wait:/etc/rc level 3
l4:4:wait:/etc/rc level 4
l5:5:wait:/etc/rc level 5
l6:6:wait:/etc/rc stop 6
ca:12345:ctrlaltdel:/sbin/shutdown -t1 -a -r now
co:2345:respawn:/etc/getty
)sh";

// hvc0 under Xen; elsewhere the last console= of the kernel's command line.
constexpr const char* getty = R"sh(#!/bin/sh
# The login on the console, whichever that is.
read -r consoles </sys/class/tty/console/active
exec /sbin/agetty --noclear --keep-baud "${consoles##* }" 115200,38400,9600 vt220
)sh";

// The stock scripts run some 400 processes to prepare for what a guest does not have (keyboards,
// clocks, network disks). This one does the same for what it has, in the shell itself where it can.
constexpr const char* rc = R"sh(#!/bin/sh
# Brings the system up and down: init runs it as /etc/inittab says.
#   /etc/rc start     file systems, names, networks
#   /etc/rc level N   the services of a runlevel
#   /etc/rc stop N    ends all services, unmounts, then halts (0) or reboots (6)
# It does the work of the scripts of the package initscripts, and runs those of all others.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# run_scripts LEVEL S|K start|stop
run_scripts() {
    for script in "/etc/rc$1.d/$2"*; do
        case ${script##*/[SK][0-9][0-9]} in
            bootlogs | bootmisc.sh | brightness | checkfs.sh | checkroot-bootclean.sh) ;;
            checkroot.sh | halt | hostname.sh | hwclock.sh | killprocs | kmod) ;;
            mount-configfs | mountall-bootclean.sh | mountall.sh | mountdevsubfs.sh) ;;
            mountkernfs.sh | mountnfs-bootclean.sh | mountnfs.sh | networking | procps) ;;
            rc.local | reboot | rmnologin | sendsigs | single | umountfs | umountnfs.sh) ;;
            umountroot | urandom | '*') ;;
            *) [ -x "$script" ] && "$script" "$3" ;;
        esac
    done
}

# The device, type and options of the root file system, as the kernel has it.
find_root() {
    while read -r device place type options rest; do
        [ "$place" = / ] && [ "$type" != rootfs ] && return
    done </proc/mounts
}

check_root() {
    find_root
    case $type,$options in ext[234],ro*) ;; *) return ;; esac
    e2fsck -p "$device" >/run/e2fsck.log 2>&1
    status=$?
    [ $status -eq 0 ] && return
    cat /run/e2fsck.log
    if [ $status -ge 4 ]; then
        echo "The root file system needs e2fsck by hand. The end of this shell reboots."
        sulogin --force
        reboot -d -f
    elif [ $status -ge 2 ]; then
        reboot -d -f
    fi
}

mount_all() {
    [ -e /proc/self ] || mount -t proc proc /proc
    [ -e /sys/kernel ] || mount -t sysfs sysfs /sys
    [ -e /dev/kmsg ] || mount -t devtmpfs devtmpfs /dev
    mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
    check_root
    mkdir -p /dev/pts /dev/shm /run/lock /run/network /run/sendsigs.omit.d
    case ,$options, in *,ro,*) mount -o remount,rw / ;; esac
    swap= checked=
    while read -r what place kind how dump pass; do
        case $what in '' | '#'*) continue ;; esac
        [ "$kind" = swap ] && swap=yes
        [ "${pass:-0}" -gt 1 ] && checked=yes
    done </etc/fstab
    [ -z "$checked" ] || fsck -A -R -T -p
    mount -a
    [ -z "$swap" ] || swapon -a
    [ -e /dev/fd ] || cp -d /usr/lib/base/dev/* /dev
    : >/run/utmp
}

# A network device that /etc/network/interfaces knows, or that the kernel was told of by
# ip=ADDRESS::GATEWAY:NETMASK:HOSTNAME:DEVICE:off:NAMESERVER (ip=dhcp is what happens anyway).
set_by_hand() {
    case $ip in *.*) ;; *) return 1 ;; esac
    old_ifs=$IFS
    IFS=:
    set -- $ip
    IFS=$old_ifs
    [ "$1" = "${6:-eth0}" ] && return 1
    [ "$interface" = "${6:-eth0}" ] || return 1
    ip link set "$interface" up
    ip address add "$1/${4:-255.255.255.0}" broadcast + dev "$interface"
    [ -z "$3" ] || ip route add default via "$3" dev "$interface"
    [ -z "$8" ] || echo "nameserver $8" >/etc/resolv.conf
}

start_networks() {
    ip=
    read -r words </proc/cmdline
    for word in $words; do
        case $word in ip=*) ip=${word#ip=} ;; esac
    done
    ip link set lo up
    ifup -a
    for device in /sys/class/net/*; do
        interface=${device##*/}
        [ "$interface" = lo ] || set_by_hand || ifup --allow=hotplug "$interface"
    done
    # From now on devices come and go.
    exec busybox uevent /etc/hotplug
}

start() {
    mount_all
    read -r name </etc/hostname && echo "$name" >/proc/sys/kernel/hostname
    while read -r module options; do
        case $module in '' | '#'*) ;; *) modprobe "$module" $options ;; esac
    done </etc/modules
    set -- /etc/sysctl.d/*.conf
    [ ! -e "$1" ] || sysctl -q --system
    # The login need not wait for an answer of a DHCP server.
    start_networks </dev/null >/run/network/log 2>&1 &
    run_scripts S S start
}

stop() {
    run_scripts "$1" K stop
    killall5 -15
    # While there is anybody to tell to go on.
    tries=0
    while killall5 -18 && [ $tries -lt 50 ]; do
        busybox usleep 100000
        tries=$((tries + 1))
    done
    killall5 -9
    swapoff -a
    umount -a -r -t noproc,nosysfs,nodevtmpfs,nodevpts,notmpfs
    mount -o remount,ro /
    [ "$1" = 6 ] && reboot -d -f
    halt -d -f -p
}

case $1 in
    start) start ;;
    level)
        run_scripts "$2" K stop
        run_scripts "$2" S start
        [ ! -x /etc/rc.local ] || /etc/rc.local
        ;;
    stop) stop "$2" ;;
    *) echo "usage: /etc/rc start | level N | stop 0|6" >&2 && exit 2 ;;
esac
exit 0
)sh";

constexpr const char* hotplug = R"sh(#!/bin/sh
# Run for each device that comes or goes after the start of the system.
case $SUBSYSTEM,$ACTION in
    net,add) ifup --allow=hotplug "$INTERFACE" ;;
    net,remove) ifdown --force "$INTERFACE" ;;
esac
)sh";

constexpr const char* interfaces = R"sh(# /etc/network/interfaces: see interfaces(5).
# The kernel's parameter ip=ADDRESS::GATEWAY:NETMASK::eth0:off:NAMESERVER goes before this.
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

allow-hotplug eth0
iface eth0 inet dhcp
)sh";

constexpr const char* fstab = R"sh(# <file system> <mount point> <type> <options> <dump> <pass>
/dev/xvda /        ext4   errors=remount-ro            0 1
devpts    /dev/pts devpts gid=5,mode=620               0 0
tmpfs     /dev/shm tmpfs  nosuid,nodev                 0 0
tmpfs     /run/lock tmpfs nosuid,nodev,noexec,size=5m  0 0
)sh";

constexpr const char* grub_config = R"sh(# The menu of a boot loader that finds this disk.
set timeout=3
set default=0
# The kernel is compressed so.
insmod xzio

menuentry 'Debian GNU/Linux' {
    linux /boot/vmlinuz root=/dev/xvda ro console=hvc0 quiet
    initrd /boot/initrd
}
menuentry 'Debian GNU/Linux, single user' {
    linux /boot/vmlinuz root=/dev/xvda ro console=hvc0 single
    initrd /boot/initrd
}
)sh";

constexpr const char* page = R"sh(<!DOCTYPE html>
<title>base</title>
<p>A web server in a guest. It was started by <code>busybox httpd -h /var/www/html</code>.</p>
)sh";

}  // namespace

const std::vector<BaseFile>& base_files() {
    static const std::vector<BaseFile> files{
        {"boot/grub/grub.cfg", grub_config},
        {"etc/apt/sources.list", "# Where packages come from is for the site to say.\n"},
        {"etc/fstab", fstab},
        {"etc/getty", getty, 0755},
        {"etc/hostname", "base\n"},
        {"etc/hosts", "127.0.0.1 localhost\n127.0.1.1 base\n::1 localhost\n"},
        {"etc/hotplug", hotplug, 0755},
        {"etc/inittab", inittab},
        {"etc/modules", "# Kernel modules to load at the start, one per line.\n"},
        {"etc/network/interfaces", interfaces},
        {"etc/rc", rc, 0755},
        {"etc/resolv.conf", ""},
        {"var/www/html/index.html", page},
    };
    return files;
}

// root needs no password: the console is the machine's owner's.
const char* const base_script = R"sh(
sed -i 's/^root:[^:]*:/root::/' /etc/shadow
for kernel in /usr/lib/modules/*; do depmod "${kernel##*/}"; done
mkdir -p /etc/inittab.d /usr/lib/base/dev
cd /usr/lib/base/dev
ln -s /proc/self/fd fd
ln -s fd/0 stdin
ln -s fd/1 stdout
ln -s fd/2 stderr
rm -rf /var/cache/apt /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log
mkdir -p /var/cache/apt/archives/partial
)sh";

}  // namespace ring3
