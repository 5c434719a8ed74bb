// SPDX-License-Identifier: MIT
#include "hv/trace/file.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"

namespace ring3::trace {
namespace {

using ::testing::HasSubstr;

Record record(std::uint64_t time, std::uint16_t pcpu = 0) {
    return {time, pcpu, 1, 0, Event::run, {time, 2, 3}};
}

class TraceFile : public ::testing::Test {
protected:
    ~TraceFile() override { std::filesystem::remove(path); }

    void write(std::span<const std::vector<Record>> all) {
        FileWriter writer(path, default_classes(), true);
        for (const auto& batch : all) writer.take(batch);
        writer.finish();
    }
    std::string bytes() const {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void put(const std::string& bytes) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    void expect_refused(const char* why) {
        try {
            read_file(path);
            ADD_FAILURE() << why;
        } catch (const ConfigError& error) {
            EXPECT_THAT(error.what(), HasSubstr(why));
        }
    }

    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("ring3-trace-{}", ::getpid());
    const std::vector<std::vector<Record>> batches{{record(1), record(5)}, {record(6)}};
};

TEST_F(TraceFile, gives_back_what_was_written) {
    write(batches);
    const File file = read_file(path);
    EXPECT_TRUE(file.is_complete);
    EXPECT_TRUE(file.is_virtual);
    EXPECT_EQ(file.classes, default_classes());
    EXPECT_EQ(file.records, (std::vector{record(1), record(5), record(6)}));
}

TEST_F(TraceFile, is_read_in_order_of_time_then_of_pcpus) {
    write(std::vector<std::vector<Record>>{{record(4, 1), record(8, 1)},
                                           {record(1, 0), record(4, 0)}});
    EXPECT_EQ(read_file(path).records,
              (std::vector{record(1, 0), record(4, 0), record(4, 1), record(8, 1)}));
}

TEST_F(TraceFile, that_is_cut_short_anywhere_gives_its_whole_blocks) {
    write(batches);
    const std::string whole = bytes();
    constexpr std::size_t head = 32, block_head = 24;
    const std::size_t first = head + block_head + 2 * sizeof(Record);
    const std::size_t second = first + block_head + sizeof(Record);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        put(whole.substr(0, size));
        if (size < head) {
            EXPECT_THROW(read_file(path), ConfigError) << size;
            continue;
        }
        const File file = read_file(path);
        EXPECT_FALSE(file.is_complete) << size;
        EXPECT_NE(file.cut, "") << size;
        EXPECT_EQ(file.records.size(), size < first ? 0u : size < second ? 2u : 3u) << size;
    }
}

TEST_F(TraceFile, with_a_flipped_bit_anywhere_never_gives_a_wrong_record) {
    write(batches);
    const std::string whole = bytes();
    const std::vector<Record> right{record(1), record(5), record(6)};
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        put(damaged);
        try {
            const File file = read_file(path);
            EXPECT_FALSE(file.is_complete) << at;
            EXPECT_TRUE(std::equal(file.records.begin(), file.records.end(), right.begin())) << at;
        } catch (const ConfigError&) {
            EXPECT_LT(at, 32u) << "only the head is worth an error";
        }
    }
}

TEST_F(TraceFile, is_refused_when_it_is_something_else) {
    put("name = \"tiny\"\nkernel = \"image:tiny/vmlinuz\"\n");
    expect_refused("not a trace");
    put("");
    expect_refused("not a trace");
    write(batches);
    std::string other = bytes();
    other[8] = 9;
    put(other);
    expect_refused("version 9");
    std::filesystem::remove(path);
    expect_refused("cannot read");
}

TEST_F(TraceFile, tells_at_the_end_that_the_disk_was_full) {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
    FileWriter writer("/dev/full", default_classes(), true);
    EXPECT_NO_THROW(writer.take(batches[0]));
    EXPECT_THROW(writer.finish(), EnvironmentError);
    EXPECT_THROW(FileWriter("/no/such/folder/trace", default_classes(), true), EnvironmentError);
}

}  // namespace
}  // namespace ring3::trace
