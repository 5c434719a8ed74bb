// SPDX-License-Identifier: MIT
#include "workloads/images/virtio_initrd.hpp"

#include <fstream>
#include <vector>

#include <fmt/format.h>

#include "workloads/images/driver_initrd.hpp"
#include "workloads/images/initramfs.hpp"
#include "workloads/images/kernel_modules.hpp"

namespace ring3 {
namespace {

// The kernel lays the second archive over the first. modprobe wants to see /proc, which the first
// archive's init mounts again.
constexpr const char* first_process = R"sh(#!/bin/busybox sh
export PATH=/bin
mount -t proc proc /proc
modprobe -a -q virtio_pci virtio_blk
umount /proc
exec /init "$@"
)sh";

}  // namespace

void write_virtio_initrd(const std::filesystem::path& initrd,
                         const std::filesystem::path& modules_tar,
                         const std::filesystem::path& output) {
    // The lists that modprobe reads are replaced: they have to tell of the others as well.
    std::vector<std::string> modules = driver_initrd_modules();
    modules.insert(modules.end(), {"virtio_pci", "virtio_blk"});
    Initramfs added;
    KernelModules{modules_tar, modules}.add_to(added);
    added.add_program(virtio_first_process + 1, first_process);
    const std::filesystem::path second = output.string() + ".second";
    added.write(second);

    std::ofstream stream;
    stream.exceptions(std::ios::failbit | std::ios::badbit);
    stream.open(output, std::ios::binary);
    for (const auto& part : {initrd, second}) {
        std::ifstream in;
        in.exceptions(std::ios::failbit | std::ios::badbit);
        in.open(part, std::ios::binary);
        stream << in.rdbuf();
    }
    stream.close();
    std::filesystem::remove(second);
}

}  // namespace ring3
