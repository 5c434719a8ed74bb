// SPDX-License-Identifier: MIT
// The campaigns of results/reference: their reports, derived again from their data.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <gtest/gtest.h>

#include "analysis/report/report.hpp"
#include "build_info.hpp"
#include "tests/support/program.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> reference_campaigns() {
    const fs::path folder = fs::path{build_info::source_root} / "results/reference";
    std::vector<fs::path> found;
    if (fs::is_directory(folder))
        for (const auto& entry : fs::recursive_directory_iterator(folder))
            if (entry.path().filename() == "index.h5") found.push_back(entry.path().parent_path());
    return found;
}

TEST(ReferenceResults, give_the_report_that_stands_beside_them) {
    const auto campaigns = reference_campaigns();
    if (campaigns.empty()) GTEST_SKIP() << "no campaign in results/reference";
    for (const fs::path& campaign : campaigns) {
        SCOPED_TRACE(campaign.string());
        const fs::path copy = fs::path{test::own_runtime_folder()} / "reference";
        fs::remove_all(copy);
        fs::create_directories(copy);
        for (const auto& entry : fs::directory_iterator(campaign))
            if (entry.path().extension() == ".h5")
                fs::copy_file(entry.path(), copy / entry.path().filename());
        write_report(copy);
        int compared = 0;
        for (const auto& entry : fs::directory_iterator(campaign / "report")) {
            if (!entry.is_regular_file()) continue;
            EXPECT_TRUE(content(entry.path()) == content(copy / "report" / entry.path().filename()))
                << entry.path().filename() << " is another one";
            ++compared;
        }
        EXPECT_GT(compared, 2);
    }
}

}  // namespace
}  // namespace ring3::analysis
