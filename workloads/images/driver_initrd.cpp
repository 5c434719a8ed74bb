// SPDX-License-Identifier: MIT
#include "workloads/images/driver_initrd.hpp"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "workloads/images/initramfs.hpp"
#include "workloads/images/kernel_modules.hpp"

namespace ring3 {
namespace {

// Both kinds of device, whichever the domain has now: one that is attached later finds its driver
// even where the root file system has no modules of this kernel.
// ext4 asks for its checksum by a name that no module has, and there is nobody to look that up.
const std::vector<std::string> modules{"xen-blkfront", "xen-netfront", "crc32c_generic",
                                       "crc32c-intel", "ext4"};

// What the first process runs. The shell's own words are used where they do: a process more is
// some hundred thousand instructions more, at each start of each guest.
constexpr const char* first_process = R"sh(#!/bin/busybox sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
modprobe -a -q MODULES

say() { echo "initrd: $*"; }

# The words of the kernel's command line that are for us; the last of a kind counts. What the kernel
# does not know itself ("single") it has given to us as arguments, and init gets it.
set -f
read -r line </proc/cmdline
root= type= flags= mode=ro init= wait=10
for word in $line; do
    case $word in
        root=*) root=${word#*=} ;;
        rootfstype=*) type=${word#*=} ;;
        rootflags=*) flags=${word#*=} ;;
        rootdelay=*) wait=${word#*=} ;;
        rootwait) wait=forever ;;
        ro | rw) mode=$word ;;
        init=*) init=${word#*=} ;;
        --) break ;;
    esac
done
set +f
case $wait in
    forever) ;;
    '' | *[!0-9]*)
        say "rootdelay=$wait is no number of seconds"
        wait=10
        ;;
esac

# The device that root= means, if it is there by now.
find_device() {
    device=
    case $root in
        /dev/disk/by-label/*) named=LABEL=${root#/dev/disk/by-label/} ;;
        /dev/disk/by-uuid/*) named=UUID=${root#/dev/disk/by-uuid/} ;;
        *) named=$root ;;
    esac
    case $named in
        LABEL=* | UUID=*) device=$(findfs "$named" 2>/dev/null) ;;
        /dev/*)
            if [ -b "$named" ]; then
                device=$named
                return
            fi
            # Names that disks had before Xen's driver gave them its own.
            case $named in
                /dev/hd[a-z]*) other=/dev/xvd${named#/dev/hd} ;;
                /dev/sd[a-z]*) other=/dev/xvd${named#/dev/sd} ;;
                *) return ;;
            esac
            [ -b "$other" ] && device=$other
            ;;
        *:*)
            [ -e "/sys/dev/block/$named" ] || return
            while IFS== read -r key value; do
                [ "$key" = DEVNAME ] && device=/dev/$value
            done <"/sys/dev/block/$named/uevent"
            ;;
        # As the kernel writes a number: ca01 is 202:1.
        [0-9a-f][0-9a-f][0-9a-f][0-9a-f])
            high=${named%??}
            root=$((0x$high)):$((0x${named#??}))
            find_device
            ;;
    esac
    [ -n "$device" ]
}

# The store told the kernel about the domain's disks before we were started; so if it has none, none
# is on its way.
has_disks() { set -- /sys/bus/xen/devices/vbd-*; [ -e "$1" ]; }

wait_for_device() {
    find_device && return
    [ "$wait" = forever ] && say "waiting for $root"
    hundredths=0
    while [ "$wait" = forever ] || [ $hundredths -lt $((wait * 100)) ]; do
        [ "$wait" = forever ] || has_disks || return
        pause=1
        [ $hundredths -lt 100 ] || pause=10
        usleep ${pause}0000
        hundredths=$((hundredths + pause))
        find_device && return
    done
}

mount_root() {
    if [ -z "$root" ]; then
        say "the kernel's command line names no root file system (root=...)"
        return 1
    fi
    wait_for_device
    if [ -z "$device" ]; then
        has_disks || say "this domain has no disk"
        say "there is no $root"
        return 1
    fi
    [ "$device" = "$root" ] || say "$root is $device"
    options=$mode${flags:+,$flags}
    if [ -n "$type" ]; then
        mount -t "$type" -o "$options" "$device" /root && return
    else
        # ext4 first: trying all that there are leaves complaints of the others.
        mount -t ext4 -o "$options" "$device" /root 2>/dev/null && return
        mount -o "$options" "$device" /root && return
    fi
    say "$device cannot be mounted${type:+ as $type}, with the options $options"
    return 1
}

# The path of init below /root. A link may lead to a place that exists only there.
find_init() {
    for program in ${init:-/sbin/init /etc/init /bin/init /bin/sh}; do
        [ -e "/root$program" ] || [ -L "/root$program" ] && return
    done
    say "there is no ${init:-/sbin/init} on the root file system"
    return 1
}

is_mounted() { case $(cat /proc/mounts) in *' /root '*) ;; *) return 1 ;; esac; }

# A shell until there is a root file system with an init on it.
rescue() {
    while :; do
        say "the disks are:"
        while read -r major minor blocks name; do
            case $name in '' | name | loop* | ram*) continue ;; esac
            say "  /dev/$name, $((blocks / 1024)) MiB"
        done </proc/partitions
        say "Mount the root file system on /root, then 'exit' goes on;"
        say "'poweroff -f' ends the domain."
        setsid -c sh
        { is_mounted || mount_root; } && find_init && return
    done
}

mount_root && find_init || rescue

for directory in dev proc sys; do
    [ -d /root/$directory ] && mount --move /$directory /root/$directory
done
exec switch_root -c /dev/console /root "$program" "$@"
)sh";

// For the script, and for who has to find out in its shell why there is no root file system.
const std::vector<std::string> tools{
    "cat",   "dd",       "dmesg",       "fdisk",  "findfs",   "insmod", "ls",     "lsmod",
    "mkdir", "modprobe", "mount",       "od",     "poweroff", "ps",     "reboot", "setsid",
    "sh",    "sleep",    "switch_root", "umount", "usleep",   "vi"};

}  // namespace

const std::vector<std::string>& driver_initrd_modules() { return modules; }

std::string driver_initrd_text() {
    return fmt::format("driver initrd, procedure 2\n{}\n{}\n{}", fmt::join(modules, " "),
                       fmt::join(tools, " "), first_process);
}

void write_driver_initrd(const std::filesystem::path& modules_tar, const std::string& busybox,
                         const std::filesystem::path& output) {
    Initramfs root;
    for (const char* directory : {"dev", "proc", "root", "sys"}) root.add_directory(directory);
    root.add_character_device("dev/console", 5, 1, 0600);
    root.add_program("bin/busybox", busybox);
    for (const std::string& tool : tools) root.add_symlink("bin/" + tool, "busybox");

    std::string script = first_process;
    const std::string_view place = "MODULES";
    script.replace(script.find(place), place.size(), fmt::format("{}", fmt::join(modules, " ")));
    root.add_program("init", script);
    KernelModules{modules_tar, modules}.add_to(root);
    root.write(output);
}

}  // namespace ring3
