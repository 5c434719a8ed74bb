// SPDX-License-Identifier: MIT
// The real recipes, with packages of the day. They are skipped where apt cannot have these.
#include <fstream>
#include <map>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "workloads/images/archive.hpp"
#include "workloads/images/image_store.hpp"
#include "workloads/images/kernel_modules.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::IsSupersetOf;

class DebianImages : public testing::Test {
protected:
    DebianImages() : fresh_{make_directory()} {}
    ~DebianImages() override { fs::remove_all(fresh_); }

    static fs::path make_directory() {
        char name[] = "/tmp/ring3-debian-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp"};
        return name;
    }
    static ImageStore store_in(const fs::path& root) {
        return {root, registered_recipes(), [](const std::string&) {}};
    }
    static std::string bytes_of(const fs::path& file) {
        std::ifstream stream{file, std::ios::binary};
        return {std::istreambuf_iterator<char>{stream}, {}};
    }
    static std::vector<std::string> paths_in(const fs::path& file) {
        std::vector<std::string> paths;
        ArchiveReader reader{file};
        while (reader.next()) paths.push_back(reader.path());
        return paths;
    }

    fs::path fresh_;
};

TEST_F(DebianImages, are_the_same_bytes_wherever_and_whenever_they_are_built) {
    ImageStore users = store_in(ImageStore::default_root());
    ImageStore fresh = store_in(fresh_);
    try {
        for (const char* name : {"debian-cloud", "hello", "tiny"}) {
            const ImageStore::Image one = users.build(name);
            const ImageStore::Image other = fresh.build(name);
            ASSERT_EQ(other.state, ImageStore::State::ready);
            EXPECT_EQ(to_json(*one.manifest), to_json(*other.manifest));
            for (const auto& [file, measure] : one.manifest->files)
                EXPECT_EQ(bytes_of(one.directory / file), bytes_of(other.directory / file))
                    << name << "/" << file;
        }
    } catch (const AptError& error) {
        GTEST_SKIP() << error.what();
    }
}

TEST_F(DebianImages, of_a_kernel_hold_the_kernel_its_config_and_its_modules) {
    ImageStore store = store_in(ImageStore::default_root());
    try {
        // The setup header of a bzImage: magic at 0x202 (Documentation/x86/boot.rst).
        EXPECT_EQ(bytes_of(store.resolve("debian-cloud/vmlinuz")).substr(0x202, 4), "HdrS");
        EXPECT_THAT(bytes_of(store.resolve("debian-cloud/config")),
                    testing::HasSubstr("\nCONFIG_XEN_PV=y\n"));
        const KernelModules modules{store.resolve("debian-cloud/modules"), {"xen-blkfront"}};
        EXPECT_THAT(paths_in(store.resolve("debian-cloud/modules")),
                    Contains("lib/modules/" + modules.release() + "/modules.order"));
        const std::string drivers = "lib/modules/" + modules.release() + "/kernel/drivers/";
        EXPECT_THAT(paths_in(store.resolve("debian-cloud/initrd")),
                    IsSupersetOf({std::string{"init"}, drivers + "block/xen-blkfront.ko",
                                  drivers + "net/xen-netfront.ko"}));
    } catch (const AptError& error) {
        GTEST_SKIP() << error.what();
    }
}

/// The file of an ext4 image at `path`, by debugfs.
std::string file_in(const fs::path& image, const std::string& path) {
    return output_of({"debugfs", "-R", "cat " + path, image.string()}, "/");
}

TEST_F(DebianImages, of_base_are_a_clean_file_system_with_the_tree_that_is_listed_beside_it) {
    ImageStore store = store_in(ImageStore::default_root());
    try {
        const fs::path disk = store.resolve("base/root.img");
        EXPECT_NO_THROW(output_of({"e2fsck", "-f", "-n", disk.string()}, "/"));
        EXPECT_EQ(file_in(disk, "/etc/hostname"), "base\n");
        EXPECT_THAT(file_in(disk, "/etc/shadow"), testing::StartsWith("root::"));
        EXPECT_EQ(file_in(disk, "/boot/vmlinuz"),
                  bytes_of(store.resolve("debian-generic/vmlinuz")));

        const std::string list = bytes_of(store.resolve("base/files"));
        for (const char* line :
             {"/usr/sbin/init\n", "/etc/rc\n", "/usr/bin/busybox\n", "/boot/grub/grub.cfg\n",
              "/modules.dep.bin\n", "/var/lib/dpkg/status\n"})
            EXPECT_THAT(list, testing::HasSubstr(line));
        EXPECT_THAT(file_in(disk, "/etc/apt/sources.list"),
                    testing::Not(testing::HasSubstr("copy:")))
            << "no place of the host's is left in it";
        EXPECT_THAT(paths_in(store.resolve("base/root.tar.zst")), Contains("usr/sbin/init"));
    } catch (const AptError& error) {
        GTEST_SKIP() << error.what();
    }
}

TEST_F(DebianImages, of_pvgrub_hold_an_elf_file) {
    ImageStore store = store_in(ImageStore::default_root());
    try {
        EXPECT_EQ(bytes_of(store.resolve("pvgrub/grub-x86_64-xen.bin")).substr(0, 4),
                  "\x7f"
                  "ELF");
    } catch (const AptError& error) {
        GTEST_SKIP() << error.what();
    }
}

TEST_F(DebianImages, of_hello_hold_a_shell_and_the_modules_of_their_kernel) {
    ImageStore store = store_in(ImageStore::default_root());
    try {
        const fs::path initrd = store.resolve("hello/initrd");
        const KernelModules modules{store.resolve("debian-cloud/modules"), {"xen-netfront"}};
        const std::string top = "lib/modules/" + modules.release() + "/kernel/drivers/";
        EXPECT_THAT(
            paths_in(initrd),
            IsSupersetOf({std::string{"init"}, std::string{"bin/busybox"}, std::string{"bin/sh"},
                          std::string{"sbin/init"}, std::string{"dev/console"},
                          top + "block/xen-blkfront.ko", top + "net/xen-netfront.ko"}));
    } catch (const AptError& error) {
        GTEST_SKIP() << error.what();
    }
}

}  // namespace
}  // namespace ring3
