// SPDX-License-Identifier: MIT
#include "analysis/paper/statements.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/paper/paper.hpp"
#include "hv/base/errors.hpp"

namespace ring3::analysis {
namespace {

const std::vector<PublishedFigure>& published() {
    static const auto all = load_published(published_folder());
    return all;
}

TEST(Statements, of_the_paper_hold_in_the_published_figures) {
    int checked = 0;
    for (const auto& entry : std::filesystem::directory_iterator(paper_folder())) {
        if (entry.path().extension() != ".tex") continue;
        std::ifstream file(entry.path());
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        // The definition of the macro itself is none.
        if (text.find("\\newcommand{\\checked}") != text.npos) continue;
        for (const Statement& statement : statements_in(text)) {
            const Evaluated result = evaluate_statement(statement, published());
            EXPECT_TRUE(result.holds) << entry.path().filename() << ": \"" << statement.words
                                      << "\", but it is " << result.value;
            ++checked;
        }
    }
    EXPECT_GE(checked, 12);
}

TEST(Statements, are_found_with_their_words) {
    const auto found = statements_in("a \\checked{x {y} =\n1}{\\textbf{so} it\nis} b");
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].expression, "x {y} = 1");
    EXPECT_EQ(found[0].words, "\\textbf{so} it is");
    EXPECT_THROW(statements_in("\\checked{x = 1} no words"), ConfigError);
    EXPECT_THROW(statements_in("\\checked{x = 1"), ConfigError);
}

bool holds(const std::string& expression) {
    return evaluate_statement({expression, ""}, published()).holds;
}

TEST(Statements, are_as_exact_as_their_number_is_written) {
    const std::string build = "Fig3; Linux build time; XenoLinux (X); elapsed time";
    EXPECT_TRUE(holds(build + " = 271"));
    EXPECT_FALSE(holds(build + " = 270"));
    EXPECT_FALSE(holds(build + " >= 272"));
    const std::string ratio =
        build + " / Fig3; Linux build time; native Linux (L); elapsed time";  // 1.0304
    EXPECT_TRUE(holds(ratio + " = 1.03"));
    EXPECT_FALSE(holds(ratio + " = 1.031"));
    EXPECT_TRUE(holds(ratio + " <= 1.04"));
}

TEST(Statements, about_figures_that_are_not_there_are_refused) {
    EXPECT_THROW(holds("Fig3; Linux build time; Nobody; elapsed time = 1"), ConfigError);
    EXPECT_THROW(holds("Fig3; Linux build time = 1"), ConfigError);
    EXPECT_THROW(holds("Fig3; Linux build time; XenoLinux (X); elapsed time"), ConfigError);
    EXPECT_THROW(holds("Fig3; Linux build time; XenoLinux (X); elapsed time = much"), ConfigError);
}

}  // namespace
}  // namespace ring3::analysis
