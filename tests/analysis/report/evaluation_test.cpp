// SPDX-License-Identifier: MIT
#include "analysis/report/evaluation.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "workloads/catalogue/workload.hpp"

namespace ring3::analysis {
namespace {

TEST(PaperTables, know_the_workloads_and_their_sizes) {
    for (const PaperTable& table : paper_tables()) {
        const Workload workload = read_workload(workloads_folder() / table.workload);
        for (const PaperTable::Row& row : table.rows) {
            if (row.program[0] == '\0') continue;
            const WorkloadProgram& program = workload.programs.at(row.program);
            for (const auto& [size, mib] : table.mib)
                EXPECT_EQ(program.sizes.at(size).parameters.at("mib"), std::llround(mib))
                    << row.program << " " << size;
        }
    }
}

TEST(PaperTables, have_a_published_figure_in_every_cell) {
    const auto published = load_published(published_folder());
    for (const PaperTable& table : paper_tables())
        for (const PaperTable::Row& row : table.rows) {
            // Ours beside those of the paper.
            if (std::string{row.name}.starts_with("within one system")) continue;
            for (const char* platform : table.platforms)
                EXPECT_EQ(std::ranges::count_if(published,
                                                [&](const PublishedFigure& figure) {
                                                    return figure.figure == table.figure &&
                                                           figure.workload == row.name &&
                                                           figure.platform == platform;
                                                }),
                          1)
                    << table.figure << row.name << platform;
        }
}

TEST(Figure3Rows, are_programs_that_the_workloads_have) {
    for (const Figure3Row& row : figure3_rows()) {
        const Workload workload = read_workload(workloads_folder() / row.workload);
        for (const Figure3Row::Choice& choice : row.choices)
            EXPECT_TRUE(choice.program[0] == '\0' || workload.programs.contains(choice.program))
                << row.workload << " " << choice.program;
    }
}

}  // namespace
}  // namespace ring3::analysis
