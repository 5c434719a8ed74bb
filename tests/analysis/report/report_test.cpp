// SPDX-License-Identifier: MIT
#include "analysis/report/report.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "tests/support/campaign_writer.hpp"
#include "tests/support/made_up_campaign.hpp"
#include "tests/support/program.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

fs::path written(const Campaign& campaign) {
    const fs::path folder = fs::path{test::own_runtime_folder()} / campaign.name;
    fs::remove_all(folder);
    test::write_campaign(campaign, folder);
    return folder;
}

std::map<std::string, std::string> files_of(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder))
        files[entry.path().filename()] = content(entry.path());
    return files;
}

TEST(Report, begins_with_figure_3_and_shows_everything_that_a_campaign_has) {
    const fs::path folder = written(test::made_up_campaign());
    const ReportOutcome outcome = write_report(folder);
    const std::string markdown = content(outcome.markdown);
    EXPECT_EQ(markdown.find("!["), markdown.find("![Bar chart"));
    for (const char* part :
         {"figure3.svg", "unofficial", "not met", "undecided", "DNR", "skipped",
          "this platform has no network here", "17", "noisy", "Table 3", "its own, 6.1.176",
          "A processor of nobody", "Cliff", "run\\-order.svg", "forest.svg"}) {
        std::string text = part;
        if (text == "run\\-order.svg") text = "run-order.svg";
        EXPECT_THAT(markdown, HasSubstr(text));
    }
    // What did not run has no score, and nothing is made up for it.
    EXPECT_THAT(markdown, HasSubstr("| dbench (test) | uml | - |  | DNR |"));
    EXPECT_FALSE(outcome.all_claims_hold());
}

TEST(Report, is_one_page_that_needs_no_network) {
    const std::string html = content(write_report(written(test::made_up_campaign())).html);
    EXPECT_THAT(html, HasSubstr("data:image/svg+xml;base64,"));
    EXPECT_THAT(html, Not(HasSubstr("http://")));
    EXPECT_THAT(html, Not(HasSubstr("https://")));
    EXPECT_THAT(html, Not(HasSubstr("src=\"figure")));
    EXPECT_THAT(html, HasSubstr("@media print"));
    EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
}

TEST(Report, comes_out_the_same_twice) {
    for (const Campaign& campaign : {test::made_up_campaign(), test::made_up_sweep()}) {
        const fs::path folder = written(campaign);
        write_report(folder);
        const auto first = files_of(folder / "report");
        fs::remove_all(folder / "report");
        write_report(folder);
        EXPECT_TRUE(first == files_of(folder / "report")) << campaign.name;
    }
}

TEST(Report, of_a_sweep_has_curves_and_a_map_and_what_changes_over_time) {
    const fs::path folder = written(test::made_up_sweep());
    const ReportOutcome outcome = write_report(folder);
    const std::string markdown = content(outcome.markdown);
    EXPECT_THAT(markdown, HasSubstr("(curve-ring3-SPEC-WEB99-scheduler-slice-us.svg)"));
    EXPECT_THAT(markdown,
                HasSubstr("(map-ring3-SPEC-WEB99-scheduler-slice-us-scheduler-name.svg)"));
    for (const char* name : {"(schedule-1.svg)", "(shares-1.svg)", "(memory-1.svg)",
                             "(runstates-1.svg)", "(rings-1.svg)"})
        EXPECT_THAT(markdown, HasSubstr(name));
    // From the series: MiB of each domain, and the target that a balloon did not reach at once.
    const std::string memory = content(folder / "report" / "memory-1.dat");
    EXPECT_THAT(memory, HasSubstr("# web: x y"));
    EXPECT_THAT(memory, HasSubstr("# hog, target: x y"));
    EXPECT_THAT(memory, Not(HasSubstr("# web, target")));
    EXPECT_THAT(memory, HasSubstr("\n3.98 48 48 48\n"));
    EXPECT_THAT(markdown, HasSubstr("Allocation error of run 1"));
    EXPECT_THAT(markdown, HasSubstr("| 10 ms | 9 |"));
    EXPECT_THAT(markdown, HasSubstr("| d1v0 | 256 |"));
    // The virtual clock's repetitions are no observations: three seeds, not six runs.
    EXPECT_THAT(markdown, HasSubstr("| 3 x 1 |"));
}

TEST(Report, of_several_domains_has_their_throughput_and_fairness) {
    const ReportOutcome outcome = write_report(written(test::made_up_domains()));
    const std::string markdown = content(outcome.markdown);
    EXPECT_THAT(markdown, HasSubstr("(curve-ring3-domains-domains-count.svg)"));
    EXPECT_THAT(markdown, HasSubstr("figure 4"));
    // The last of four, and how evenly they shared.
    EXPECT_THAT(markdown, HasSubstr("| 4.440 | s |"));
    EXPECT_THAT(markdown, HasSubstr("| 4 | 1.0000 |"));
    ASSERT_EQ(outcome.claims.size(), 1u);
    EXPECT_EQ(outcome.claims[0].verdict, Verdict::met);
}

TEST(Report, of_a_factor_of_names_compares_each_platform_with_itself) {
    const fs::path folder = written(test::made_up_neighbours());
    const std::string markdown = content(write_report(folder).markdown);
    EXPECT_THAT(markdown, HasSubstr("(by-domains-neighbour-program-domains-database-ir.svg)"));
    EXPECT_THAT(markdown, HasSubstr("domains.neighbour.program = compute"));
    const std::string data =
        content(folder / "report" / "by-domains-neighbour-program-domains-database-ir.dat");
    for (const char* height : {" 0.1 ", " 0.025 ", " 0.990", " 0.96 "})
        EXPECT_THAT(data, HasSubstr(height));
    // What a neighbour did itself is another program each time.
    EXPECT_THAT(markdown, Not(HasSubstr("by-domains-neighbour-program-domains-neighbour")));
}

TEST(Report, tells_of_a_virtual_run_that_did_not_repeat) {
    Campaign campaign = test::made_up_sweep();
    campaign.runs[1].values[0].value += 1;
    const std::string markdown = content(write_report(written(campaign)).markdown);
    EXPECT_THAT(markdown, HasSubstr("not deterministic"));
}

TEST(Report, of_an_incomplete_suite_gives_no_score) {
    Campaign campaign = test::made_up_campaign();
    for (auto& run : campaign.runs)
        if (campaign.cell_of(run).platform == "qemu" &&
            campaign.cell_of(run).workload == "spec-int-like")
            std::erase_if(run.values, [](const Value& value) { return value.program == "mcf"; });
    const std::string markdown = content(write_report(written(campaign)).markdown);
    EXPECT_THAT(markdown, HasSubstr("no score: 1 of 4 missing"));
    EXPECT_THAT(markdown, HasSubstr("qemu incomplete"));
}

TEST(Report, makes_no_ratio_of_software_that_differs) {
    Campaign campaign = test::made_up_campaign();
    for (auto& run : campaign.runs)
        run.meta["software_image"] = campaign.cell_of(run).platform == "ring3" ? "new" : "old";
    const ReportOutcome outcome = write_report(written(campaign));
    const std::string markdown = content(outcome.markdown);
    EXPECT_THAT(markdown, HasSubstr("Refused: ring3 kernel-build is not compared with native"));
    EXPECT_THAT(markdown, HasSubstr("| refused |"));
    EXPECT_THAT(markdown, HasSubstr("0.46"));  // what it measured is there all the same
    EXPECT_EQ(outcome.refusals.size(), 6u);
    for (const ClaimResult& claim : outcome.claims)
        EXPECT_EQ(claim.verdict, Verdict::undecided) << claim.claim.name;
}

TEST(Report, tells_where_iterations_became_steady) {
    Campaign campaign = test::made_up_campaign();
    for (auto& run : campaign.runs)
        if (campaign.cell_of(run).workload == "kernel-build" && run.status == Status::ok) {
            const bool is_uml = campaign.cell_of(run).platform == "uml";
            run.steady = {{"", "build", "time", !is_uml, is_uml ? 3u : 1u, 2, 0.01, 0.02}};
        }
    const std::string markdown = content(write_report(written(campaign)).markdown);
    EXPECT_THAT(markdown, HasSubstr("## Steady states"));
    EXPECT_THAT(markdown, HasSubstr("| kernel-build | build | ring3 | 6 of 6 | 2 | 2 |"));
    EXPECT_THAT(markdown, HasSubstr("| kernel-build | build | uml | 0 of 6 | - | 2 |"));
    EXPECT_THAT(markdown, HasSubstr("uml kernel-build: 6 series were never steady by the rule"));
    EXPECT_THAT(markdown, HasSubstr("not steady"));
}

TEST(Report, of_a_campaign_without_a_single_value_is_still_one) {
    Campaign campaign = test::made_up_campaign();
    campaign.name = "empty";
    for (auto& run : campaign.runs) {
        run.values.clear();
        run.status = Status::skipped;
        run.reason = "nothing was allowed";
    }
    const ReportOutcome outcome = write_report(written(campaign));
    EXPECT_TRUE(outcome.all_claims_hold());
    EXPECT_THAT(content(outcome.markdown), HasSubstr("nothing was allowed"));
}

}  // namespace
}  // namespace ring3::analysis
