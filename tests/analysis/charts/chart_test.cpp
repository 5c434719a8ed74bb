// SPDX-License-Identifier: MIT
#include "analysis/charts/chart.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "hv/base/errors.hpp"
#include "tests/analysis/charts/samples.hpp"
#include "tests/support/program.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

fs::path golden_folder() {
    return fs::path{build_info::source_root} / "tests/analysis/charts/golden";
}

TEST(Charts, of_every_kind_are_drawn_as_the_pictures_in_the_tree) {
    const fs::path folder = fs::path{test::own_runtime_folder()} / "charts";
    // To make them anew: RING3_GOLDEN=tests/analysis/charts/golden, and look at each.
    const char* const renew = std::getenv("RING3_GOLDEN");
    for (const Chart& chart : sample_charts()) {
        SCOPED_TRACE(chart.name);
        draw(chart, folder);
        const std::string svg = content(folder / (chart.name + ".svg"));
        EXPECT_GT(fs::file_size(folder / (chart.name + ".png")), 3000u);
        if (renew != nullptr) {
            for (const char* kind : {".svg", ".png"})
                fs::copy_file(folder / (chart.name + kind), fs::path{renew} / (chart.name + kind),
                              fs::copy_options::overwrite_existing);
            continue;
        }
        EXPECT_TRUE(svg == content(golden_folder() / (chart.name + ".svg")))
            << "differs from tests/analysis/charts/golden/" << chart.name << ".svg";
    }
}

TEST(Charts, can_be_drawn_again_from_their_script) {
    const fs::path folder = fs::path{test::own_runtime_folder()} / "again";
    const Chart chart = sample_charts()[0];
    draw(chart, folder);
    const std::string before = content(folder / "bars.svg");
    fs::remove(folder / "bars.svg");
    const fs::path moved = fs::path{test::own_runtime_folder()} / "elsewhere";
    fs::rename(folder, moved);
    EXPECT_EQ(std::system(("cd '" + moved.string() + "' && gnuplot bars.gp").c_str()), 0);
    EXPECT_TRUE(content(moved / "bars.svg") == before);
}

TEST(Charts, without_gnuplot_say_what_to_install) {
    const std::string path = std::getenv("PATH");
    setenv("PATH", "/nowhere", 1);
    try {
        draw(sample_charts()[0], fs::path{test::own_runtime_folder()} / "none");
        ADD_FAILURE() << "it was drawn";
    } catch (const EnvironmentError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("apt install gnuplot-nox"));
    }
    setenv("PATH", path.c_str(), 1);
}

TEST(Charts, with_a_wrong_script_tell_what_gnuplot_says) {
    Chart chart = sample_charts()[0];
    chart.script = "plot nonsense\n";
    try {
        draw(chart, fs::path{test::own_runtime_folder()} / "wrong");
        ADD_FAILURE() << "it was drawn";
    } catch (const EnvironmentError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("nonsense"));
    }
}

}  // namespace
}  // namespace ring3::analysis
