// SPDX-License-Identifier: MIT
// What every disk model promises, and what is special in each.
#include "hv/io/disk_model/disk_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "hv/base/errors.hpp"
#include "hv/base/registry.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using Kind = DiskAccess::Kind;

std::unique_ptr<DiskModel> make(const std::string& name,
                                const std::vector<std::pair<std::string, std::int64_t>>& set = {}) {
    Params params("disk");
    for (const auto& [key, value] : set) params.set(key, {value, "test"});
    return Registry<DiskModel>::create(name, params);
}

class EveryDiskModel : public testing::TestWithParam<std::string> {
protected:
    /// When each of some random accesses ends.
    std::vector<Time> run() {
        const auto model = make(GetParam());
        std::mt19937_64 random{1};
        Time now{1ms};
        std::uint64_t last_end = 0;
        std::vector<Time> ends;
        for (int i = 0; i < 3000; ++i) {
            const auto kind = static_cast<Kind>(random() % 4);
            DiskAccess access{kind, random() % (std::uint64_t{1} << 30) * 512,
                              (1 + random() % 2048) * 512};
            if (kind == Kind::flush) access = {kind, 0, 0};
            // Some of them one behind the other, as files are read.
            if (random() % 2 == 0 && kind != Kind::flush) access.offset = last_end;
            last_end = access.offset + access.length;
            const Time end = model->completes_at(now, access);
            EXPECT_GE(end, now);
            EXPECT_LT(end, now + 200s);
            ends.push_back(end);
            now += Duration{static_cast<std::int64_t>(random() % 20'000'000)};
        }
        return ends;
    }
};

TEST_P(EveryDiskModel, ends_no_command_before_it_began_and_repeats) { EXPECT_EQ(run(), run()); }

TEST_P(EveryDiskModel, takes_commands_anywhere) {
    const auto model = make(GetParam());
    const std::uint64_t far = ~std::uint64_t{0} / 512 * 512 - (1 << 20);
    Time now{};
    for (const Kind kind : {Kind::read, Kind::write, Kind::discard, Kind::flush}) {
        const Time end = model->completes_at(now, {kind, far, 1 << 20});
        EXPECT_GE(end, now);
        now = end;
    }
}

std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const PolicyName& policy : Registry<DiskModel>::names()) all.push_back(policy.name);
    return all;
}
INSTANTIATE_TEST_SUITE_P(DiskModel, EveryDiskModel, testing::ValuesIn(names()),
                         [](const auto& test) {
                             std::string name = test.param;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

TEST(Instant, takes_no_time) {
    EXPECT_EQ(make("instant")->completes_at(Time{5s}, {Kind::read, 0, 1 << 20}), Time{5s});
}

TEST(Ssd, works_on_as_many_commands_at_once_as_it_has_channels) {
    const auto model =
        make("ssd", {{"channels", 2}, {"read_latency_us", 100}, {"bandwidth_mib_per_s", 100'000}});
    std::vector<Duration> ends;
    for (int i = 0; i < 4; ++i)
        ends.push_back(model->completes_at(Time{}, {Kind::read, 0, 512}).time_since_epoch() / 1us *
                       1us);
    EXPECT_EQ(ends, (std::vector<Duration>{100us, 100us, 200us, 200us}));
}

TEST(Ssd, transfers_no_faster_than_its_interface) {
    const auto model = make("ssd", {{"bandwidth_mib_per_s", 100}});
    Time end{};
    for (std::uint64_t i = 0; i < 100; ++i)
        end = std::max(end, model->completes_at(Time{}, {Kind::read, i << 20, 1 << 20}));
    EXPECT_GE(end, Time{1s});
    EXPECT_LT(end, Time{1s + 1ms});
}

/// Requests one after the other, the next one a little after the last was answered; MB/s.
double rate(DiskModel& model, Kind kind, std::uint64_t first, Duration pause) {
    constexpr std::uint64_t length = 64 << 10, count = 400;
    Time now{};
    for (std::uint64_t i = 0; i < count; ++i)
        now = model.completes_at(now + pause, {kind, first + i * length, length});
    return static_cast<double>(length * count) / 1e6 /
           std::chrono::duration<double>(now.time_since_epoch()).count();
}

TEST(Disk2003, reads_a_file_at_the_rate_of_its_zone) {
    const auto outer = rate(*make("disk-2003"), Kind::read, 0, 50us);
    EXPECT_GT(outer, 55) << "68 MB/s less what switching tracks costs";
    EXPECT_LT(outer, 68);
    const auto inner = rate(*make("disk-2003"), Kind::read, 145'000'000'000 / 512 * 512, 50us);
    EXPECT_GT(inner, 30);
    EXPECT_LT(inner, 39);
}

TEST(Disk2003, loses_a_revolution_with_each_write_that_comes_too_late) {
    const auto writes = rate(*make("disk-2003"), Kind::write, 0, 50us);
    EXPECT_LT(writes, 64e3 / 5e3) << "64 KiB in each 6 ms";
    Params params("disk");
    params.set("write_cache", {true, "test"});
    const auto cached = Registry<DiskModel>::create("disk-2003", params);
    EXPECT_GT(rate(*cached, Kind::write, 0, 50us), writes * 2);
}

TEST(Disk2003, needs_a_seek_and_half_a_revolution_for_a_random_read) {
    const auto model = make("disk-2003");
    std::mt19937_64 random{7};
    Time now{};
    constexpr int count = 2000;
    for (int i = 0; i < count; ++i)
        now = model->completes_at(now, {Kind::read, random() % (146'000'000'000 / 512) * 512, 512});
    const Duration mean = now.time_since_epoch() / count;
    // 4.7 ms on the average over all distances, 3 ms, and the command.
    EXPECT_GT(mean, 7ms);
    EXPECT_LT(mean, 8700us);
}

TEST(Disk2003, flushes_its_cache_before_it_answers) {
    Params params("disk");
    params.set("write_cache", {true, "test"});
    const auto model = Registry<DiskModel>::create("disk-2003", params);
    const Time written = model->completes_at(Time{}, {Kind::write, 100'000'000'000, 4096});
    EXPECT_LT(written, Time{1ms});
    EXPECT_GT(model->completes_at(written, {Kind::flush, 0, 0}), Time{3ms});
}

}  // namespace
}  // namespace ring3
