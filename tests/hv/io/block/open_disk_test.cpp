// SPDX-License-Identifier: MIT
#include "hv/io/block/open_disk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "hv/base/errors.hpp"
#include "tests/hv/io/block/temporary_file.hpp"

namespace ring3 {
namespace {

using testing::HasSubstr;

class OpenDisk : public testing::Test {
protected:
    std::shared_ptr<Disk> open(Sharing sharing, const std::string& path) {
        DiskSource source;
        source.path = path;
        source.sharing = sharing;
        return open_disk(source, *io, notes);
    }
    std::shared_ptr<Disk> open(Sharing sharing) { return open(sharing, file.path()); }
    std::shared_ptr<Disk> overlay(const std::string& kept) {
        DiskSource source;
        source.kind = DiskSource::Kind::overlay;
        source.path = file.path();
        source.overlay_path = kept;
        source.temporary_folder = file.folder();
        return open_disk(source, *io, notes);
    }
    std::string refusal(const std::function<void()>& action) {
        try {
            action();
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "(not refused)";
    }
    int write(Disk& disk, std::uint64_t offset, std::string bytes) {
        int result = -1;
        disk.write(offset, {{bytes.data(), bytes.size()}}, [&](int error) { result = error; });
        disk.wait_for_all();
        return result;
    }
    std::string read(Disk& disk, std::uint64_t offset, std::size_t length) {
        std::string bytes(length, '?');
        disk.read(offset, {{bytes.data(), length}}, [](int error) { EXPECT_EQ(error, 0); });
        disk.wait_for_all();
        return bytes;
    }

    TemporaryFile file{1 << 20, 'b'};
    std::unique_ptr<HostIo> io = make_immediate_io();
    std::vector<std::string> notes;
};

TEST_F(OpenDisk, says_what_is_wrong_with_a_file) {
    const auto message = [&](const std::string& path) {
        return refusal([&] { open(Sharing::read_only, path); });
    };
    EXPECT_THAT(message("/no/such/disk"), HasSubstr("/no/such/disk: the disk cannot be opened"));
    EXPECT_THAT(message(file.folder()), HasSubstr("this is a directory"));
    EXPECT_THAT(message("/dev/zero"), HasSubstr("a disk is a file or a block device"));
    ASSERT_EQ(::mkfifo(file.beside("fifo").c_str(), 0600), 0);
    EXPECT_THAT(message(file.beside("fifo")), HasSubstr("a disk is a file or a block device"));
    file.write(std::string(511, 'x'));
    EXPECT_THAT(message(file.path()), HasSubstr("this one has 511 bytes"));
}

TEST_F(OpenDisk, rounds_an_odd_size_down_and_says_so) {
    file.write(std::string(1025, 'x'));
    EXPECT_EQ(open(Sharing::read_only)->properties().bytes, 1024u);
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_THAT(notes[0], HasSubstr("the last 1 of its 1025 bytes"));
}

TEST_F(OpenDisk, advises_an_overlay_where_a_file_cannot_be_written) {
    if (::geteuid() == 0) GTEST_SKIP() << "root writes everything";
    ::chmod(file.path().c_str(), 0400);
    EXPECT_THAT(refusal([&] { open(Sharing::exclusive); }), HasSubstr("overlay:"));
    open(Sharing::read_only);
}

TEST_F(OpenDisk, lets_domains_share_a_disk_only_where_all_of_them_say_so) {
    const auto together = [&](Sharing first, Sharing second) {
        const auto holder = open(first);
        return refusal([&] { open(second); }) == "(not refused)";
    };
    EXPECT_TRUE(together(Sharing::read_only, Sharing::read_only));
    EXPECT_TRUE(together(Sharing::shared_writing, Sharing::shared_writing));
    EXPECT_TRUE(together(Sharing::shared_writing, Sharing::read_only));
    EXPECT_FALSE(together(Sharing::exclusive, Sharing::exclusive));
    EXPECT_FALSE(together(Sharing::exclusive, Sharing::read_only));
    EXPECT_FALSE(together(Sharing::exclusive, Sharing::shared_writing));
    EXPECT_FALSE(together(Sharing::read_only, Sharing::exclusive));
    open(Sharing::exclusive);  // all of them have let go
}

TEST_F(OpenDisk, keeps_a_base_from_being_written_under_its_overlays) {
    const auto first = overlay(""), second = overlay(file.beside("kept"));
    EXPECT_THAT(refusal([&] { open(Sharing::exclusive); }), HasSubstr("uses this disk"));
    EXPECT_THAT(refusal([&] { overlay(file.beside("kept")); }), HasSubstr("uses this disk"));
}

TEST_F(OpenDisk, refuses_an_overlay_that_is_none_or_lies_over_another_base) {
    std::ofstream(file.beside("other")) << std::string(10'000, 'x');
    EXPECT_THAT(refusal([&] { overlay(file.beside("other")); }), HasSubstr("no overlay of ring3"));
    overlay(file.beside("kept"));
    overlay(file.beside("kept"));
    file.write(std::string(1 << 20, 'c'));
    EXPECT_THAT(refusal([&] { overlay(file.beside("kept")); }), HasSubstr("has changed since"));
}

TEST_F(OpenDisk, leaves_no_file_of_an_overlay_that_is_not_kept) {
    {
        const auto disk = overlay("");
        EXPECT_EQ(write(*disk, 512, std::string(512, 'n')), 0);
        EXPECT_EQ(read(*disk, 0, 1536),
                  std::string(512, 'b') + std::string(512, 'n') + std::string(512, 'b'));
    }
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(file.folder()))
        ++files;
    EXPECT_EQ(files, 1u);
}

TEST_F(OpenDisk, keeps_what_was_flushed_to_an_overlay_when_the_process_is_killed) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto disk = overlay(file.beside("kept"));
        const bool is_written = write(*disk, 4096, std::string(4096, 'n')) == 0;
        disk->flush([&](int error) {
            if (error == 0 && is_written && write(*disk, 8192, std::string(4096, 'm')) == 0)
                ::kill(::getpid(), SIGKILL);
        });
        ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto disk = overlay(file.beside("kept"));
    EXPECT_EQ(read(*disk, 4096, 4096), std::string(4096, 'n'));
    // Never flushed: the old or the new.
    const std::string rest = read(*disk, 8192, 4096);
    EXPECT_TRUE(rest == std::string(4096, 'b') || rest == std::string(4096, 'm'));
    EXPECT_EQ(read(*disk, 0, 4096), std::string(4096, 'b'));
}

TEST_F(OpenDisk, gives_back_the_error_of_a_full_host_and_loses_nothing_else) {
    const auto disk = overlay(file.beside("kept"));
    EXPECT_EQ(write(*disk, 0, std::string(512, 'n')), 0);
    // A limit on the size of files stands for a full file system: EFBIG.
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1 << 20, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    EXPECT_NE(write(*disk, 1024, std::string(512, 'n')), 0);
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, handler);
    EXPECT_EQ(read(*disk, 0, 1536), std::string(512, 'n') + std::string(1024, 'b'));
    EXPECT_EQ(write(*disk, 1024, std::string(512, 'n')), 0);
}

}  // namespace
}  // namespace ring3
