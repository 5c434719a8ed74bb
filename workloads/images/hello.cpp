// SPDX-License-Identifier: MIT
// hello: the smallest guest that one can work in. Busybox, a shell on the console, and the kernel
// modules for disk and network.
#include <fmt/format.h>

#include "workloads/images/busybox.hpp"
#include "workloads/images/initramfs.hpp"
#include "workloads/images/kernel_modules.hpp"
#include "workloads/images/recipe.hpp"

namespace ring3 {
namespace {

// The kernel starts this; it gives its place to busybox's init, which works off etc/inittab. The
// console is opened again as a file of devtmpfs: that of the archive is hidden, and has no name,
// now.
constexpr const char* first_process = R"(#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
exec /sbin/init </dev/console >/dev/console 2>&1
)";

// The console, whichever the kernel was given (under Xen hvc0), gets the shell: as its controlling
// terminal, so that job control and Ctrl-C work. A shell that ends is replaced.
constexpr const char* inittab = R"(::sysinit:/etc/init.d/rcS
::respawn:-/bin/sh
::shutdown:/bin/umount -a -r 2>/dev/null
::ctrlaltdel:/sbin/reboot
)";

constexpr const char* start_up = R"(#!/bin/sh
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
hostname hello
ifconfig lo 127.0.0.1

# Drivers for the devices that are there already; /sbin/mdev would do the same for those to come.
for device in /sys/bus/xen/devices/*/modalias; do
    [ -e "$device" ] && read -r alias <"$device" && modprobe -q "$alias"
done

while read -r key value unit; do
    [ "$key" = MemTotal: ] && break
done </proc/meminfo
echo
echo "Hello from Linux $(uname -r) with $((value / 1024)) MiB of memory."
echo "'poweroff' ends this domain, 'reboot' starts it again."
echo
)";

// A shell at the prompt need not wait the two seconds that init grants to daemons: there are none.
constexpr const char* profile = R"(export PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/root
export PS1='\h:\w\$ '
poweroff() { umount -a -r 2>/dev/null; /bin/busybox poweroff -f; }
reboot() { umount -a -r 2>/dev/null; /bin/busybox reboot -f; }
halt() { umount -a -r 2>/dev/null; /bin/busybox halt -f; }
)";

// Disk, network, file systems, and the doors to Xen for programs in the guest. What one kernel has
// built in is a module of another.
const std::vector<std::string> modules{"xen-blkfront",  "xen-netfront", "ext4",  "overlay",
                                       "squashfs",      "loop",         "tun",   "af_packet",
                                       "xen-evtchn",    "xen-gntalloc", "xenfs", "xen-privcmd",
                                       "crc32c_generic"};

class Hello final : public Recipe {
public:
    Hello(std::string name, std::string kernel)
        : name_{std::move(name)}, kernel_{std::move(kernel)} {}

    std::string name() const override { return name_; }
    std::string summary() const override {
        return fmt::format("busybox, a shell on the console, modules of {}", kernel_);
    }
    std::vector<std::string> files() const override { return {"initrd"}; }
    std::vector<std::string> images() const override { return {kernel_}; }
    std::vector<Package> packages(const Apt& apt) const override {
        return {apt.candidate(busybox_package)};
    }
    std::string text() const override {
        std::string text = "hello, procedure 1\n";
        for (const std::string& module : modules) text += module + "\n";
        return text + kernel_ + first_process + inittab + start_up + profile;
    }
    void build(const RecipeInputs& inputs, const std::filesystem::path& output) const override;

private:
    std::string name_, kernel_;
};

void Hello::build(const RecipeInputs& inputs, const std::filesystem::path& output) const {
    Initramfs root;
    for (const char* directory : {"dev", "mnt", "proc", "root", "run", "sys", "var"})
        root.add_directory(directory);
    root.add_directory("tmp", 01777);
    root.add_character_device("dev/console", 5, 1, 0600);
    root.add_character_device("dev/null", 1, 3, 0666);

    const std::string busybox = busybox_of(inputs.packages.at(busybox_package));
    for (const std::string& tool : busybox_tools(busybox)) root.add_symlink(tool, "/bin/busybox");
    root.add_program("bin/busybox", busybox);

    root.add_program("init", first_process);
    root.add_file("etc/inittab", inittab);
    root.add_program("etc/init.d/rcS", start_up);
    root.add_file("etc/profile", profile);
    root.add_file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    root.add_file("etc/group", "root:x:0:\n");
    KernelModules{inputs.images.at(kernel_) / "modules", modules}.add_to(root);
    root.write(output / "initrd");
}

const RegisteredRecipe cloud{std::make_unique<Hello>("hello", "debian-cloud")};
const RegisteredRecipe generic{std::make_unique<Hello>("hello-generic", "debian-generic")};
const RegisteredRecipe rt{std::make_unique<Hello>("hello-rt", "debian-rt")};

}  // namespace
}  // namespace ring3
