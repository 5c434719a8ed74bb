// SPDX-License-Identifier: MIT
#include "analysis/load/published.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "tests/support/program.hpp"

namespace ring3::analysis {
namespace {

double value(const char* figure, const char* workload, const char* metric, const char* platform) {
    static const auto all = load_published(published_folder());
    return published_value(all, figure, workload, metric, platform);
}

constexpr const char* native = "native Linux (L)";
constexpr const char* xen = "XenoLinux (X)";
constexpr const char* vmware = "VMware Workstation 3.2 (V)";
constexpr const char* uml = "UML skas3 (U)";

// The numbers on the bars and in the tables of the paper, by hand.
TEST(PublishedFigures, are_those_printed_in_figure_3) {
    EXPECT_EQ(value("Fig3", "SPEC INT2000", "score", native), 567);
    EXPECT_EQ(value("Fig3", "SPEC INT2000", "score", uml), 550);
    EXPECT_EQ(value("Fig3", "Linux build time", "elapsed time", xen), 271);
    EXPECT_EQ(value("Fig3", "Linux build time", "elapsed time", uml), 535);
    EXPECT_EQ(value("Fig3", "OSDB-IR", "throughput", vmware), 80);
    EXPECT_EQ(value("Fig3", "OSDB-OLTP", "throughput", native), 1714);
    EXPECT_EQ(value("Fig3", "OSDB-OLTP", "throughput", vmware), 199);
    EXPECT_EQ(value("Fig3", "dbench", "score (throughput)", uml), 111);
    EXPECT_EQ(value("Fig3", "SPEC WEB99", "conformant clients", xen), 514);
}

TEST(PublishedFigures, have_the_ratios_of_their_own_labels) {
    const auto all = load_published(published_folder());
    int checked = 0;
    for (const PublishedFigure& row : all) {
        if (row.figure != "Fig3" || row.metric != "relative score to Linux (computed from labels)")
            continue;
        for (const PublishedFigure& base : all) {
            if (base.figure != "Fig3" || base.workload != row.workload || base.unit == "ratio" ||
                base.platform != native)
                continue;
            for (const PublishedFigure& own : all)
                if (own.figure == "Fig3" && own.workload == row.workload &&
                    own.platform == row.platform && own.unit != "ratio") {
                    const double ratio = own.higher_is_better == "yes" ? own.value / base.value
                                                                       : base.value / own.value;
                    EXPECT_NEAR(row.value, ratio, 5.1e-5) << row.workload << row.platform;
                    ++checked;
                }
        }
    }
    EXPECT_EQ(checked, 24);
}

TEST(PublishedFigures, are_those_printed_in_tables_3_to_6) {
    const char* const processes = "lmbench 3.0-a3 process time";
    EXPECT_EQ(value("Table3", "lmbench: null call", processes, "L-UP"), 0.45);
    EXPECT_EQ(value("Table3", "lmbench: fork proc", processes, "Xen"), 198);
    EXPECT_EQ(value("Table3", "lmbench: sh proc", processes, "UML"), 58000);
    EXPECT_EQ(value("Table4", "lmbench: 2p/0K", "lmbench 3.0-a3 context switch time", "Xen"), 1.97);
    EXPECT_EQ(value("Table4", "lmbench: 16p/64K", "lmbench 3.0-a3 context switch time", "VMW"),
              72.2);
    EXPECT_EQ(value("Table5", "lmbench: page fault", "lmbench 3.0-a3 file & VM latency", "Xen"),
              2.73);
    EXPECT_EQ(value("Table6", "ttcp TCP MTU 500 RX", "bandwidth", "Xen"), 467);
    EXPECT_EQ(value("Table6", "ttcp TCP MTU 1500 TX", "bandwidth", "UML"), 165);
    EXPECT_EQ(value("Table2", "Total", "lines of code modified or added", "Linux"), 2995);
}

TEST(PublishedFigures, that_are_words_are_no_numbers) {
    EXPECT_TRUE(std::isnan(value("Table2", "Virtual network driver",
                                 "lines of code modified or added", "Windows XP")));
    EXPECT_TRUE(std::isnan(value("Fig99", "", "", "")));
}

TEST(PublishedFigures, in_a_malformed_file_are_refused_with_the_line) {
    const std::filesystem::path folder =
        std::filesystem::path{test::own_runtime_folder()} / "published";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "a.csv") << "figure,workload\n"
                                       "a,b,c,d,e,1,yes,\"with, comma and \"\"quotes\"\"\",seen\n";
    EXPECT_EQ(load_published(folder)[0].source, "with, comma and \"quotes\"");
    std::ofstream(folder / "b.csv") << "head\na,b\n";
    try {
        load_published(folder);
        ADD_FAILURE() << "it was taken";
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("b.csv:2: has 2 fields"));
    }
}

}  // namespace
}  // namespace ring3::analysis
