// SPDX-License-Identifier: MIT
#include "workloads/images/debian_system.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <stdlib.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/errors.hpp"
#include "workloads/images/archive.hpp"
#include "workloads/images/base_files.hpp"
#include "workloads/images/debian_tree.hpp"
#include "workloads/images/ext4_image.hpp"
#include "workloads/images/kernel_modules.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

// The kernel that usually starts this disk from outside, and the one inside: GRUB cannot unpack the
// first.
constexpr const char* outer_kernel = "debian-cloud";
constexpr const char* inner_kernel = "debian-generic";

// With sysvinit, which is Debian's too: systemd's start costs a guest several times the
// instructions of all the rest.
const std::vector<std::string> common_packages{
    "apt",    "busybox",       "e2fsprogs", "ifupdown",      "iperf3",   "iproute2", "iputils-ping",
    "kmod",   "less",          "login",     "netbase",       "procps",   "psmisc",   "socat",
    "stress", "sysvinit-core", "udhcpc",    "usr-is-merged", "vim-tiny", "wget"};

// For what is not there when a guest starts: its initrd has loaded the drivers of its devices.
const std::vector<std::string> modules{
    "xen-blkfront", "xen-netfront", "ext4",  "crc32c_generic", "overlay",
    "squashfs",     "loop",         "tun",   "af_packet",      "xen-evtchn",
    "xen-gntdev",   "xen-gntalloc", "xenfs", "xen-privcmd"};

// The first day of a machine under virtual time: for it too no file is from the future.
constexpr std::int64_t made_at_s = 946'684'800;

constexpr std::size_t longest_label = 16;  // of ext4

/// A directory that everybody may read, removed at the end. Not in the store: that may lie in a
/// home which is closed to others, or where no program may be run.
class PublicDirectory final {
public:
    PublicDirectory() {
        std::string name = fs::temp_directory_path() / "ring3-system-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr)
            throw std::system_error{errno, std::generic_category(), "cannot make " + name};
        path_ = name;
        fs::permissions(path_, fs::perms{0755});
    }
    PublicDirectory(const PublicDirectory&) = delete;
    PublicDirectory& operator=(const PublicDirectory&) = delete;
    ~PublicDirectory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

std::string bytes_of(const fs::path& file) {
    std::ifstream stream{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

}  // namespace

DebianSystem::DebianSystem(std::string name, std::string summary, Disk disk,
                           std::function<Additions()> additions)
    : name_{std::move(name)},
      summary_{std::move(summary)},
      disk_{std::move(disk)},
      additions_{std::move(additions)} {}

std::vector<std::string> DebianSystem::images() const { return {outer_kernel, inner_kernel}; }

std::vector<Package> DebianSystem::packages(const Apt& apt) const {
    std::vector<std::string> names = common_packages;
    std::ranges::copy(additions_().packages, std::back_inserter(names));
    return apt.closure(names);
}

std::string DebianSystem::text() const {
    const Additions additions = additions_();
    std::string text =
        fmt::format("Debian system {}, procedure 3\n{} {}\n{}\n{} {} {}\n{}\n{}\n", name_,
                    fmt::join(common_packages, " "), fmt::join(additions.packages, " "),
                    fmt::join(modules, " "), disk_.uuid, disk_.size_bytes, disk_.inodes,
                    base_script, additions.script);
    for (const BaseFile& file : base_files())
        text += fmt::format("{} {:o}\n{}", file.path, file.permissions, file.content);
    for (const File& file : additions.files)
        text += fmt::format("{} {:o}\n{}", file.path, file.permissions, file.content);
    return text;
}

void DebianSystem::build(const RecipeInputs& inputs, const fs::path& output) const {
    const Additions additions = additions_();
    DebianTree tree;
    tree.packages = inputs.packages;
    tree.script = base_script + additions.script;
    tree.made_at_s = made_at_s;
    for (const BaseFile& file : base_files())
        tree.files.add_file(file.path, file.content, file.permissions);
    for (const File& file : additions.files)
        tree.files.add_file(file.path, file.content, file.permissions);
    for (const char* file : {"vmlinuz", "initrd", "config"})
        tree.files.add_file(fmt::format("boot/{}", file),
                            bytes_of(inputs.images.at(inner_kernel) / file));
    // lib is a link, so what would be in it goes to the place it leads to.
    for (const auto& [kernel, directory] : inputs.images)
        KernelModules{directory / "modules", modules}.add_to(tree.files, "usr/");

    const PublicDirectory scratch;
    const fs::path tar = output / "root.tar";
    write_debian_tree(tree, tar, scratch.path());
    std::ofstream{output / "files", std::ios::binary} << list_tree(tar);
    write_ext4_image(tar, output / "root.img",
                     {.label = name_.substr(0, longest_label),
                      .uuid = disk_.uuid,
                      .size_bytes = disk_.size_bytes,
                      .journal_mib = 32,
                      .inodes = disk_.inodes,
                      .made_at_s = made_at_s},
                     scratch.path());
    compress_file(tar, output / "root.tar.zst");
    fs::remove(tar);
}

}  // namespace ring3
