// SPDX-License-Identifier: MIT
#include "hv/domain/builder/boot_file.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using testing::HasSubstr;

class BootFile : public testing::Test {
protected:
    BootFile() {
        std::string name = testing::TempDir() + "boot_file_XXXXXX";
        folder = mkdtemp(name.data());
    }
    ~BootFile() override { std::filesystem::remove_all(folder); }

    template <class Error>
    std::string message(const std::string& path) {
        try {
            read_boot_file(path, "kernel");
        } catch (const Error& error) {
            return error.what();
        }
        return "no error";
    }
    std::filesystem::path folder;
};

TEST_F(BootFile, gives_the_bytes_of_the_file) {
    std::ofstream(folder / "vmlinuz") << "hello";
    const auto bytes = read_boot_file(folder / "vmlinuz", "kernel");
    ASSERT_EQ(bytes.size(), 5u);
    EXPECT_EQ(bytes[4], std::byte{'o'});
}

TEST_F(BootFile, names_a_missing_file) {
    EXPECT_THAT(message<EnvironmentError>(folder / "vmlinuz"),
                HasSubstr("vmlinuz: the kernel cannot be read: No such file or directory"));
}

TEST_F(BootFile, refuses_what_is_not_an_ordinary_file) {
    EXPECT_THAT(message<ConfigError>(folder), HasSubstr("must be an ordinary file"));
    ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
    EXPECT_THAT(message<ConfigError>(folder / "fifo"), HasSubstr("must be an ordinary file"));
}

TEST_F(BootFile, refuses_an_empty_or_enormous_file) {
    std::ofstream(folder / "vmlinuz").close();
    EXPECT_THAT(message<ConfigError>(folder / "vmlinuz"), HasSubstr("is an empty file"));
    std::filesystem::resize_file(folder / "vmlinuz", (std::uintmax_t{4} << 30) + 1);
    EXPECT_THAT(message<ConfigError>(folder / "vmlinuz"), HasSubstr("4096 MiB; at most 4096"));
}

}  // namespace
}  // namespace ring3
