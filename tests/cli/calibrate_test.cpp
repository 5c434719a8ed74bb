// SPDX-License-Identifier: MIT
// ring3 calibrate, with a campaign in place of some minutes of measuring.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/measures/cost_fit.hpp"
#include "build_info.hpp"
#include "tests/support/campaign_writer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using namespace test;
using testing::HasSubstr;

/// os-latency on a host where each event costs what is known.
std::string measured_with(const analysis::CostFit& truth) {
    analysis::Campaign campaign;
    campaign.name = "costs-host";
    campaign.baseline = "ring3";
    campaign.cells = {{0, "ring3", "ring3", "os-latency", "test", "wall", 1, ""}};
    analysis::Run run;
    run.status = analysis::Status::ok;
    run.file = "run-0001.h5";
    run.run = 1;
    for (const auto& counts : analysis::load_event_counts(analysis::event_counts_file()))
        run.values.push_back({"", "processes", counts.row, "us", analysis::Better::lower, true,
                              true, 1,
                              analysis::predicted_us(truth, counts, analysis::Kernel::paravirtual),
                              std::numeric_limits<double>::quiet_NaN()});
    campaign.runs = {run};
    const fs::path folder = fs::path{own_runtime_folder()} / "costs";
    write_campaign(campaign, folder);
    return folder.string();
}

TEST(Calibrate, writes_a_cost_model_that_machines_take) {
    analysis::CostFit truth;
    truth.ns[static_cast<std::size_t>(Cost::instruction)] = 0.5;
    truth.ns[static_cast<std::size_t>(Cost::system_call)] = 300;
    truth.ns[static_cast<std::size_t>(Cost::hypercall)] = 700;
    truth.ns[static_cast<std::size_t>(Cost::exception)] = 900;
    const std::string model = own_runtime_folder() + "/host.toml";
    const Outcome made =
        run_ring3(fmt::format("calibrate --from {} -o {}", measured_with(truth), model));
    EXPECT_EQ(made.code, 0) << made.text;
    EXPECT_THAT(made.said, HasSubstr("null_call"));
    std::ifstream file(model);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    for (const char* cost : {"instruction_ps = 500\n", "system_call_ns = 300\n",
                             "hypercall_ns = 700\n", "exception_ns = 900\n"})
        EXPECT_THAT(text, HasSubstr(cost));

    const std::string config = own_runtime_folder() + "/small.cfg";
    std::ofstream(config) << fmt::format("name = \"small\"\nkernel = \"{}\"\nmemory = 8\n",
                                         small_kernel(prints('A')));
    const Outcome ran = run_ring3(
        fmt::format("create {} --clock virtual --digest --set clock.cost_model={}", config, model));
    EXPECT_EQ(ran.code, 0) << ran.text;
    EXPECT_NE(digest_of(ran),
              digest_of(run_ring3(fmt::format("create {} --clock virtual --digest", config))));
}

TEST(Calibrate, refuses_what_it_cannot_use) {
    expect_failure("calibrate --from /nonexistent", 2, "/nonexistent");
    expect_failure("calibrate --cache-kib -1", 2, "--cache-kib must be from 0");
}

}  // namespace
}  // namespace ring3
