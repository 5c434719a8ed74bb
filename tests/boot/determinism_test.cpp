// SPDX-License-Identifier: MIT
// One digest: whatever the engine does, traced or not, wherever the host puts the process, under
// every cost model. Costs are where this is hardest: each event moves the time on, in the middle of
// what an engine likes to run in one piece.
#include <filesystem>

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "hv/clock/cost_model.hpp"
#include "tests/support/program.hpp"

namespace ring3::test {
namespace {

using testing::IsEmpty;
using testing::Not;

std::string arguments(const std::string& more) {
    return fmt::format("create {}/examples/tiny.cfg --clock virtual --digest {}",
                       build_info::source_root, more);
}

/// A model in which every event has a price, none a multiple of another's.
constexpr const char* everything =
    "--set clock.instruction_ps=431 --set clock.system_call_ns=97 --set clock.hypercall_ns=1013 "
    "--set clock.exception_ns=701 --set clock.interrupt_ns=809 --set clock.cr3_load_ns=1511 "
    "--set clock.flush_ns=211 --set clock.table_update_ns=307 --set clock.frame_ns=503 "
    "--set clock.context_switch_ns=2503 --set clock.cold_cache_ns=294001 "
    "--set clock.io_request_ns=4001 --set clock.io_byte_ps=601";

class CostModels : public testing::TestWithParam<std::string> {
protected:
    std::string digest(const std::string& more = "") const {
        const std::string model = GetParam() == "everything"
                                      ? std::string(everything)
                                      : "--set clock.cost_model=" + GetParam();
        return digest_of(run_ring3(arguments(model + " " + more)));
    }
};

TEST_P(CostModels, give_one_digest_whatever_the_engine_does) {
    const std::string reference = digest();
    ASSERT_THAT(reference, Not(IsEmpty()));
    for (const char* setting : {"block_limit=1", "block_limit=8", "block_limit=0",
                                "take_exits=false", "code_cache_mib=4", "host=baseline"})
        EXPECT_EQ(digest(fmt::format("--set engine.{}", setting)), reference) << setting;
}

TEST_P(CostModels, give_one_digest_traced_or_not_and_wherever_the_process_lies) {
    const std::string reference = digest();
    const auto path =
        std::filesystem::temp_directory_path() / fmt::format("ring3-traced-{}", ::getpid());
    EXPECT_EQ(digest(fmt::format("--trace {},classes=all", path.string())), reference);
    EXPECT_GT(std::filesystem::file_size(path), 1'000'000u);
    std::filesystem::remove(path);
    const std::string model = GetParam() == "everything" ? std::string(everything)
                                                         : "--set clock.cost_model=" + GetParam();
    EXPECT_EQ(digest_of(run_ring3(arguments(model), "", "setarch -R ")), reference)
        << "without address space layout randomization";
}

/// Several pCPUs, and vCPUs that take turns: switches and cold caches.
TEST_P(CostModels, give_one_digest_on_several_pcpus) {
    const std::string shape =
        "vcpus=4 --set machine.pcpus=2 --set scheduler.name=credit --set scheduler.slice_ms=1 ";
    const std::string reference = digest(shape);
    ASSERT_THAT(reference, Not(IsEmpty()));
    for (const char* setting : {"block_limit=8", "take_exits=false"})
        EXPECT_EQ(digest(shape + fmt::format("--set engine.{}", setting)), reference) << setting;
}

INSTANTIATE_TEST_SUITE_P(Determinism, CostModels,
                         testing::Values("flat", "xeon-2003", "everything"), [](const auto& one) {
                             std::string name = one.param;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

TEST(Determinism, has_another_digest_for_each_cost_model) {
    const std::string flat = digest_of(run_ring3(arguments("")));
    EXPECT_EQ(digest_of(run_ring3(arguments("--set clock.cost_model=flat"))), flat)
        << "it is the default";
    EXPECT_NE(digest_of(run_ring3(arguments("--set clock.cost_model=xeon-2003"))), flat);
}

}  // namespace
}  // namespace ring3::test
