// SPDX-License-Identifier: MIT
// The verbs on recorded campaigns.
#include "cli/report.hpp"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/campaign_writer.hpp"
#include "tests/support/made_up_campaign.hpp"
#include "tests/support/program.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using namespace test;
using testing::AllOf;
using testing::HasSubstr;

std::string written(const char* name, const analysis::Campaign& campaign) {
    const fs::path folder = fs::path{own_runtime_folder()} / name;
    fs::remove_all(folder);
    write_campaign(campaign, folder);
    return folder.string();
}

/// As made up, without the claim that is not met.
analysis::Campaign holding() {
    analysis::Campaign campaign = made_up_campaign();
    campaign.claims.erase(campaign.claims.begin() + 1);
    return campaign;
}

TEST(ReportVerb, prints_verdicts_and_the_page_and_answers_1_if_a_claim_is_not_met) {
    const std::string folder = written("failing", made_up_campaign());
    const Outcome outcome = run_ring3("report " + folder);
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.shown,
                AllOf(HasSubstr("not met    ring3 reaches 0.9 of native Linux on a build"),
                      HasSubstr("undecided  ring3 beats UML on dbench"),
                      HasSubstr(folder + "/report/report.html\n")));
    EXPECT_EQ(run_ring3("report " + written("holding", holding())).code, 0);
}

TEST(ReportVerb, gives_one_json_document) {
    const Outcome outcome = run_ring3("report --json " + written("json", made_up_campaign()));
    const auto json = nlohmann::json::parse(outcome.shown);
    EXPECT_EQ(json["verb"], "report");
    EXPECT_EQ(json["result"][0]["claims"][1]["verdict"], "not met");
}

TEST(ReportVerb, refuses_what_is_no_campaign) {
    const Outcome outcome = run_ring3("report " + own_runtime_folder());
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.said, HasSubstr("there is no campaign"));
    EXPECT_EQ(run_ring3("report").code, 2);
}

/// The same runs on another image.
analysis::Campaign on_image(analysis::Campaign campaign, const char* image,
                            const std::string& platform = "") {
    for (auto& run : campaign.runs)
        if (platform.empty() || campaign.cell_of(run).platform == platform)
            run.meta["software_image"] = image;
    return campaign;
}

TEST(ReportVerb, answers_1_where_a_comparison_was_refused) {
    const auto mixed = on_image(on_image(holding(), "old"), "new", "uml");
    const Outcome outcome = run_ring3("report " + written("mixed", mixed));
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.shown, HasSubstr("refused    uml dbench is not compared with native: they "
                                         "do not have the same image"));
}

TEST(CompareVerb, refuses_other_software_unless_that_is_the_question) {
    const std::string a = written("old", on_image(holding(), "old"));
    const std::string b = written("new", on_image(holding(), "new"));
    const Outcome refused = run_ring3("compare " + a + " " + b);
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.said, HasSubstr("did not run the same image in both"));
    EXPECT_THAT(refused.said, HasSubstr("--differs image"));
    EXPECT_EQ(run_ring3("compare --differs image " + a + " " + b).code, 0);
    EXPECT_EQ(run_ring3("compare " + a + " " + a).code, 0);
}

TEST(ReportVerb, without_gnuplot_says_what_to_install) {
    const Outcome outcome =
        run_ring3("report " + written("plotless", holding()), "", "env PATH=/nowhere");
    EXPECT_EQ(outcome.code, 4);
    EXPECT_THAT(outcome.said, HasSubstr("apt install gnuplot-nox"));
}

TEST(CompareVerb, tells_better_and_worse_with_units_and_direction) {
    analysis::Campaign after = made_up_campaign();
    for (auto& run : after.runs)
        if (after.cell_of(run).platform == "ring3")
            for (auto& value : run.values)
                if (value.program == "gcc") value.value *= 1.5;
    const std::string a = written("before", made_up_campaign()), b = written("after", after);
    const Outcome worse = run_ring3("compare " + a + " " + b);
    EXPECT_EQ(worse.code, 1);
    EXPECT_THAT(worse.shown, AllOf(HasSubstr("worse    ring3 spec-int-like/test gcc:"),
                                   HasSubstr(" s (lower is better), 0.667 times as fast"),
                                   HasSubstr("0 better, 1 worse")));
    const Outcome better = run_ring3("compare --json " + b + " " + a);
    EXPECT_EQ(better.code, 0);
    EXPECT_THAT(better.shown, HasSubstr("\"change\": \"better\""));
    EXPECT_EQ(run_ring3("compare " + a).code, 2);
    EXPECT_EQ(run_ring3("compare --threshold -1 " + a + " " + b).code, 2);
}

}  // namespace
}  // namespace ring3
