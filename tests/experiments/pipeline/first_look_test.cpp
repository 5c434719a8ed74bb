// SPDX-License-Identifier: MIT
// The README's first command at its smallest size: every platform, every workload, once.
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "analysis/load/campaign.hpp"
#include "build_info.hpp"
#include "tests/support/program.hpp"
#include "tests/support/script_experiment.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;
using record::Status;
using testing::HasSubstr;

const std::string descriptor =
    (fs::path{build_info::source_root} / "experiments/first-look.toml").string();

TEST(FirstLook, comes_from_its_descriptor_to_a_report_whose_first_picture_is_figure_3) {
    const std::string smallest =
        "--set experiment.repetitions=1 --set 'workloads.spec-int-like.programs=[\"gzip\"]' "
        "--set workloads.spec-int-like.iterations=1 " +
        descriptor;
    const std::string plan = test::run_ring3("plan " + smallest).shown;
    // Making disks takes a quarter of an hour, and is tested in workloads/packages.
    if (plan.starts_with("first: "))
        GTEST_SKIP() << "images are missing, which `ring3 run` of the descriptor makes: "
                     << plan.substr(0, plan.find('\n'));
    const test::ScratchFolder folder;
    const test::Outcome outcome = test::run_ring3(
        fmt::format("run --json --results {} {}", folder.path().string(), smallest));
    // A claim may miss its bound on a busy host; nothing else may go wrong.
    EXPECT_THAT(outcome.code, testing::AnyOf(0, 1)) << outcome.said;

    const analysis::Campaign campaign = analysis::load_campaign(folder / "first-look/latest");
    EXPECT_EQ(campaign.cells.size(), 4U * 5U);
    ASSERT_EQ(campaign.runs.size(), 20U);
    for (const analysis::Run& run : campaign.runs) {
        const analysis::Cell& cell = campaign.cell_of(run);
        SCOPED_TRACE(cell.platform + "/" + cell.workload + ": " + run.reason);
        const bool may_be_absent = cell.platform == "uml" || cell.platform == "qemu-tcg";
        if (run.status == Status::skipped && may_be_absent) continue;
        EXPECT_EQ(run.status, Status::ok);
        EXPECT_FALSE(run.values.empty());
        for (const analysis::Value& value : run.values) EXPECT_TRUE(value.ok);
        // The same disk image for all of a workload.
        EXPECT_FALSE(run.meta.at("software_image").empty());
        EXPECT_EQ(run.series.contains("memory"), cell.platform == "ring3");
    }
    const std::string page = test::content_of(folder / "first-look/latest/report/REPORT.md");
    EXPECT_THAT(page.substr(page.find("![")), HasSubstr("(figure3.svg)"));
    EXPECT_THAT(page, testing::Not(HasSubstr("Refused")));
}

}  // namespace
}  // namespace ring3::experiment
