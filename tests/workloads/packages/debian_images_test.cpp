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
