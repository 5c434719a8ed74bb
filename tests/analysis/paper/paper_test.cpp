// SPDX-License-Identifier: MIT
#include "analysis/paper/paper.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/charts/program.hpp"
#include "hv/base/errors.hpp"
#include "tests/support/campaign_writer.hpp"
#include "tests/support/made_up_campaign.hpp"
#include "tests/support/program.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

fs::path written() {
    const fs::path folder = fs::path{test::own_runtime_folder()} / "campaign";
    fs::remove_all(folder);
    test::write_campaign(test::made_up_campaign(), folder);
    return folder;
}

bool has_pdflatex() { return run_program({"pdflatex", "--version"}, "/").code == 0; }

TEST(Paper, has_tables_and_numbers_of_the_campaign) {
    const fs::path folder = written();
    try {
        write_paper({folder});
    } catch (const EnvironmentError& error) {
        EXPECT_FALSE(has_pdflatex()) << error.what();
    }
    const fs::path generated = folder / "report/paper/generated";
    EXPECT_THAT(content(generated / "numbers.tex"),
                HasSubstr("\\csname speed@Linux build time@ring3\\endcsname{0.476}"));
    EXPECT_THAT(content(generated / "scores.tex"), HasSubstr("DNR"));
    EXPECT_THAT(content(generated / "tables.tex"), HasSubstr("null call"));
    EXPECT_THAT(content(generated / "claims.tex"), HasSubstr("not met"));
    EXPECT_TRUE(fs::exists(generated / "figure3.pdf"));
    EXPECT_TRUE(fs::exists(folder / "report/paper/evaluation.tex"));
}

TEST(Paper, has_a_figure_of_neighbours_where_a_campaign_has_them) {
    const fs::path folder = fs::path{test::own_runtime_folder()} / "neighbours";
    fs::remove_all(folder);
    test::write_campaign(test::made_up_neighbours(), folder);
    try {
        write_paper({folder});
    } catch (const EnvironmentError& error) {
        EXPECT_FALSE(has_pdflatex()) << error.what();
    }
    const fs::path generated = folder / "report/paper/generated";
    const std::string name = "by-domains-neighbour-program-domains-database-ir";
    EXPECT_THAT(content(generated / "isolation.tex"), HasSubstr(name + ".pdf"));
    EXPECT_TRUE(fs::exists(generated / (name + ".pdf")));
    EXPECT_THAT(content(generated / "figure3.tex"), HasSubstr("No campaign has a row"));
}

TEST(Paper, becomes_a_pdf_where_latex_is_installed) {
    if (!has_pdflatex()) GTEST_SKIP() << "pdflatex is not installed";
    const fs::path pdf = write_paper({written()});
    EXPECT_TRUE(content(pdf).starts_with("%PDF"));
    const std::string log = content(pdf.parent_path() / "evaluation.log");
    EXPECT_EQ(log.find("undefined references"), log.npos);
}

TEST(Paper, without_pdflatex_says_what_to_install_and_leaves_the_text) {
    const fs::path folder = written();
    // gnuplot is there, pdflatex is not.
    const fs::path tools = fs::path{test::own_runtime_folder()} / "tools";
    fs::create_directories(tools);
    fs::remove(tools / "gnuplot");
    fs::create_symlink("/usr/bin/gnuplot", tools / "gnuplot");
    const std::string path = std::getenv("PATH");
    setenv("PATH", tools.c_str(), 1);
    try {
        write_paper({folder});
        ADD_FAILURE() << "a PDF was made";
    } catch (const EnvironmentError& error) {
        EXPECT_THAT(error.what(), HasSubstr("apt install texlive-latex-base"));
    }
    setenv("PATH", path.c_str(), 1);
    EXPECT_TRUE(fs::exists(folder / "report/paper/generated/scores.tex"));
}

}  // namespace
}  // namespace ring3::analysis
