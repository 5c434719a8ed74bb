// SPDX-License-Identifier: MIT
// base: a small Debian system on a disk, for guests that do real work, and for the same work
// outside of a guest.
#include <cstdint>
#include <filesystem>
#include <fstream>

#include <stdlib.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/errors.hpp"
#include "workloads/images/archive.hpp"
#include "workloads/images/base_files.hpp"
#include "workloads/images/debian_tree.hpp"
#include "workloads/images/ext4_image.hpp"
#include "workloads/images/kernel_modules.hpp"
#include "workloads/images/recipe.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

// The kernel that usually starts this disk from outside, and the one inside: GRUB cannot unpack the
// first.
constexpr const char* outer_kernel = "debian-cloud";
constexpr const char* inner_kernel = "debian-generic";

// With sysvinit, which is Debian's too: systemd's start costs a guest several times the
// instructions of all the rest.
const std::vector<std::string> packages{
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

Ext4Options disk() {
    return {.label = "base",
            .uuid = "0b1c5ade-2f3b-4d5e-8a6f-7c8d9e0fa1b2",
            .size_bytes = std::uint64_t{2} << 30,
            .journal_mib = 32,
            .inodes = 131072,
            .made_at_s = made_at_s};
}

/// A directory that everybody may read, removed at the end. Not in the store: that may lie in a
/// home which is closed to others, or where no program may be run.
class PublicDirectory final {
public:
    PublicDirectory() {
        std::string name = fs::temp_directory_path() / "ring3-base-XXXXXX";
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

class Base final : public Recipe {
public:
    std::string name() const override { return "base"; }
    std::string summary() const override {
        return "a small Debian system on a disk: network, login on the console";
    }
    /// root.img: the disk, ext4 without a partition table; root.tar.zst: the same tree; files: a
    /// list of it with hashes.
    std::vector<std::string> files() const override {
        return {"root.img", "root.tar.zst", "files"};
    }
    std::vector<std::string> images() const override { return {outer_kernel, inner_kernel}; }
    std::vector<Package> packages(const Apt& apt) const override {
        return apt.closure(ring3::packages);
    }
    std::string text() const override;
    void build(const RecipeInputs& inputs, const fs::path& output) const override;
};

std::string Base::text() const {
    std::string text =
        fmt::format("base, procedure 2\n{}\n{}\n{}\n{}\n", fmt::join(ring3::packages, " "),
                    fmt::join(modules, " "), disk().size_bytes, base_script);
    for (const BaseFile& file : base_files())
        text += fmt::format("{} {:o}\n{}", file.path, file.permissions, file.content);
    return text;
}

void Base::build(const RecipeInputs& inputs, const fs::path& output) const {
    DebianTree tree;
    tree.packages = inputs.packages;
    tree.script = base_script;
    tree.made_at_s = made_at_s;
    for (const BaseFile& file : base_files())
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
    write_ext4_image(tar, output / "root.img", disk(), scratch.path());
    compress_file(tar, output / "root.tar.zst");
    fs::remove(tar);
}

const RegisteredRecipe entry{std::make_unique<Base>()};

}  // namespace
}  // namespace ring3
