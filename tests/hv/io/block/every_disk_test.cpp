// SPDX-License-Identifier: MIT
// What every kind of disk promises, in every way of getting at the host: it behaves as an array of
// bytes, and gives back the errors of the host.
#include "hv/io/block/disk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>

#include "hv/base/errors.hpp"
#include "hv/io/block/open_disk.hpp"
#include "hv/io/host_poll.hpp"
#include "tests/hv/io/block/temporary_file.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t sectors = 512;
constexpr std::uint64_t sector = 512;

struct Case {
    std::string io;
    std::string disk;

    friend void PrintTo(const Case& test, std::ostream* out) {
        *out << test.io << "_" << test.disk;
    }
};

class EveryDisk : public testing::TestWithParam<Case> {
protected:
    EveryDisk() {
        for (char& byte : contents) byte = static_cast<char>(random());
        if (GetParam().disk == "memory") std::ranges::fill(contents, '\0');
        base.write(contents);
        open();
    }

    std::unique_ptr<HostIo> make_io() {
        if (GetParam().io == "uring") return make_uring_io(poll);
        return GetParam().io == "threads" ? make_threaded_io(poll) : make_immediate_io();
    }

    void open() {
        DiskSource source;
        source.path = base.path();
        source.sharing = Sharing::exclusive;
        source.temporary_folder = base.folder();
        if (GetParam().disk == "memory") {
            source.kind = DiskSource::Kind::memory;
            source.bytes = sectors * sector;
        } else if (GetParam().disk != "file") {
            source.kind = DiskSource::Kind::overlay;
            if (GetParam().disk == "kept") source.overlay_path = base.beside("overlay");
        }
        std::vector<std::string> notes;
        disk = open_disk(source, *io, notes);
        ASSERT_EQ(disk->properties().bytes, sectors * sector);
    }

    /// Starts one operation chosen at random; the model array goes along.
    void start_one() {
        const std::uint64_t first = random() % sectors;
        const std::uint64_t count = 1 + random() % std::min<std::uint64_t>(sectors - first, 40);
        std::string& buffer = buffers.emplace_back(count * sector, static_cast<char>(random()));
        const auto place = static_cast<std::ptrdiff_t>(first * sector);
        const auto end = place + static_cast<std::ptrdiff_t>(count * sector);
        switch (random() % 4) {
            case 0:
                disk->write(first * sector, pieces_of(buffer), [](int e) { ASSERT_EQ(e, 0); });
                std::ranges::copy(buffer, contents.begin() + place);
                break;
            case 1:
                return disk->flush([](int error) { ASSERT_EQ(error, 0); });
            case 2:
                disk->discard(first * sector, count * sector, [](int e) { ASSERT_EQ(e, 0); });
                disk->wait_for_all();
                // A discard promises nothing: what is there now is what is there.
                disk->read(first * sector, pieces_of(buffer), [](int e) { ASSERT_EQ(e, 0); });
                disk->wait_for_all();
                std::ranges::copy(buffer, contents.begin() + place);
                break;
            default: {
                const std::string expected{contents.begin() + place, contents.begin() + end};
                disk->read(first * sector, pieces_of(buffer), [&buffer, expected](int error) {
                    ASSERT_EQ(error, 0);
                    ASSERT_EQ(buffer, expected);
                });
            }
        }
        // Overlapping ones may pass each other.
        disk->wait_for_all();
    }

    /// In pieces of odd numbers of sectors, as segments come.
    Pieces pieces_of(std::string& buffer) {
        Pieces pieces;
        for (std::size_t at = 0; at < buffer.size();) {
            const std::size_t here =
                std::min<std::size_t>(buffer.size() - at, (1 + random() % 8) * sector);
            pieces.push_back({buffer.data() + at, here});
            at += here;
        }
        return pieces;
    }

    std::string read_all() {
        std::string all(sectors * sector, '?');
        disk->read(0, pieces_of(all), [](int error) { ASSERT_EQ(error, 0); });
        disk->wait_for_all();
        return all;
    }

    std::mt19937_64 random{20031019};
    TemporaryFile base{0};
    std::string contents = std::string(sectors * sector, '\0');
    std::list<std::string> buffers;
    HostPoll poll;
    std::unique_ptr<HostIo> io = make_io();
    std::shared_ptr<Disk> disk;
};

TEST_P(EveryDisk, behaves_as_an_array_of_bytes) {
    for (int i = 0; i < 400; ++i) start_one();
    EXPECT_EQ(read_all(), contents);
}

TEST_P(EveryDisk, does_many_operations_at_once) {
    std::vector<std::string> written;
    for (std::uint64_t i = 0; i < sectors; ++i) written.emplace_back(sector, static_cast<char>(i));
    std::uint64_t done = 0;
    for (std::uint64_t i = 0; i < sectors; ++i) {
        disk->write(i * sector, {{written[i].data(), sector}}, [&](int error) {
            EXPECT_EQ(error, 0);
            ++done;
        });
        if (i % 100 == 0) disk->flush([](int error) { EXPECT_EQ(error, 0); });
    }
    for (int polls = 0; done < sectors && polls < 100'000; ++polls)
        poll.poll(std::chrono::milliseconds{1});
    EXPECT_EQ(done, sectors);
    const std::string all = read_all();
    for (std::uint64_t i = 0; i < sectors; ++i)
        EXPECT_EQ(all.substr(i * sector, sector), written[i]);
}

TEST_P(EveryDisk, leaves_a_base_as_it_is) {
    if (GetParam().disk == "file" || GetParam().disk == "memory") GTEST_SKIP();
    const std::string before = base.read();
    for (int i = 0; i < 100; ++i) start_one();
    disk.reset();
    EXPECT_EQ(base.read(), before);
}

TEST_P(EveryDisk, finds_what_was_written_when_it_is_opened_again) {
    if (GetParam().disk == "gone" || GetParam().disk == "memory") GTEST_SKIP();
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 50; ++i) start_one();
        disk.reset();
        open();
        EXPECT_EQ(read_all(), contents);
    }
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const char* io : {"immediate", "uring", "threads"})
        for (const char* disk : {"file", "gone", "kept"}) all.push_back({io, disk});
    all.push_back({"immediate", "memory"});
    return all;
}
INSTANTIATE_TEST_SUITE_P(Block, EveryDisk, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.io + "_" + test.param.disk; });

}  // namespace
}  // namespace ring3
