// SPDX-License-Identifier: MIT
// Stock kernels under every scheduler: two of them boot and power off, and a second run is the same
// run to the last bit.
#include <filesystem>
#include <set>

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "cli/create_options.hpp"
#include "hv/abi/sched.hpp"
#include "hv/base/registry.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/machine.hpp"
#include "hv/trace/file.hpp"
#include "hv/trace/timeline.hpp"
#include "tests/support/program.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3::test {
namespace {

struct Result {
    std::string digest;
    std::vector<trace::Record> records;
    bool have_powered_off = true;
};

struct Kept final : trace::Sink {
    void take(std::span<const trace::Record> more) override {
        records.insert(records.end(), more.begin(), more.end());
    }
    std::vector<trace::Record> records;
};

Result boot(const std::vector<std::string>& settings, int guests, int vcpus = 1) {
    MachineConfig config;
    config.choose("clock", "virtual", "test");
    for (const std::string& setting : settings) config.set(setting);
    Patient outside;
    Kept sink;
    Machine machine(std::move(config), outside, {});
    machine.start_trace(sink, trace::parse_classes("sched,runstate"));
    for (int i = 0; i < guests; ++i) {
        const std::vector<std::string> overrides{fmt::format("name=\"tiny{}\"", i),
                                                 fmt::format("vcpus={}", vcpus), "memory=96"};
        machine.add_guest(
            guest_spec(read_domain_config(
                           std::string(build_info::source_root) + "/examples/tiny.cfg", overrides),
                       resolve_file));
    }
    EXPECT_EQ(machine.run(), Machine::End::guests_ended);
    machine.stop_trace();
    Result result{machine.digest(), std::move(sink.records)};
    for (Guest* const guest : machine.guests())
        result.have_powered_off &= guest->shutdown_reason() == std::uint32_t{SHUTDOWN_poweroff};
    return result;
}

class StockKernels : public testing::TestWithParam<std::string> {
protected:
    std::string scheduler() const { return "scheduler.name=" + GetParam(); }
};

TEST_P(StockKernels, boot_and_power_off_and_do_so_again) {
    // One pCPU for each vCPU, Domain-0's too, where they are not shared.
    const std::vector<std::string> settings{
        scheduler(), fmt::format("machine.pcpus={}", GetParam() == "null" ? 3 : 1)};
    const Result once = boot(settings, 2);
    EXPECT_TRUE(once.have_powered_off);
    EXPECT_EQ(once.digest, boot(settings, 2).digest);
}

TEST_P(StockKernels, of_two_vcpus_boot_on_two_pcpus) {
    const std::vector<std::string> settings{
        scheduler(), fmt::format("machine.pcpus={}", GetParam() == "null" ? 3 : 2)};
    const Result once = boot(settings, 1, 2);
    EXPECT_TRUE(once.have_powered_off);
    EXPECT_EQ(once.digest, boot(settings, 1, 2).digest);
}

INSTANTIATE_TEST_SUITE_P(Scheduler, StockKernels, ::testing::ValuesIn([] {
                             std::vector<std::string> names;
                             for (const auto& entry : Registry<Scheduler>::names())
                                 if (entry.name != "replay") names.push_back(entry.name);
                             return names;
                         }()),
                         [](const auto& scheduler_name) { return scheduler_name.param; });

TEST(ReplayedSchedule, is_the_run_that_it_was_recorded_from) {
    const Result once = boot({"scheduler.slice_us=3000"}, 2);
    const auto path =
        std::filesystem::temp_directory_path() / fmt::format("ring3-schedule-{}", ::getpid());
    trace::FileWriter writer(path, trace::default_classes(), true);
    writer.take(once.records);
    writer.finish();
    const Result again = boot({"scheduler.name=replay", "scheduler.file=" + path.string()}, 2);
    std::filesystem::remove(path);
    EXPECT_EQ(once.digest, again.digest);
    EXPECT_EQ(trace::slices(once.records).size(), trace::slices(again.records).size());
}

std::string plug_in(const std::string& name) {
    return fmt::format("scheduler.name={}/tests/plug_ins/{}.so", build_info::binary_dir, name);
}

TEST(SchedulerFromOutside, boots_stock_kernels_and_does_so_again) {
    const Result once = boot({plug_in("least_run"), "machine.pcpus=2"}, 2, 2);
    EXPECT_TRUE(once.have_powered_off);
    EXPECT_EQ(once.digest, boot({plug_in("least_run"), "machine.pcpus=2"}, 2, 2).digest);
}

TEST(SchedulerFromOutside, that_fails_under_a_stock_kernel_ends_the_run_with_its_name) {
    const Outcome outcome =
        run_ring3(fmt::format("create {}/examples/tiny.cfg --clock virtual --set {} --set "
                              "scheduler.how=throws_in_stopped",
                              build_info::source_root, plug_in("misbehaves")));
    EXPECT_EQ(outcome.code, 6);
    EXPECT_THAT(outcome.said, testing::HasSubstr("misbehaves.so threw in stopped()"));
}

TEST(StockKernel, of_four_vcpus_boots_on_one_two_and_four_pcpus) {
    for (const int pcpus : {1, 2, 4}) {
        const std::vector<std::string> settings{fmt::format("machine.pcpus={}", pcpus)};
        const Result once = boot(settings, 1, 4);
        EXPECT_TRUE(once.have_powered_off) << pcpus;
        std::set<std::uint16_t> vcpus, used;
        for (const trace::Slice& slice : trace::slices(once.records)) {
            if (slice.who.domain != 0) vcpus.insert(slice.who.vcpu);
            used.insert(slice.pcpu);
        }
        EXPECT_EQ(vcpus.size(), 4u);
        EXPECT_EQ(used.size(), static_cast<std::size_t>(pcpus));
    }
}

}  // namespace
}  // namespace ring3::test
