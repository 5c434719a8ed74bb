// SPDX-License-Identifier: MIT
// Figures that others have published, from results/published/: data with its source, drawn beside
// what was measured here and never used in a statistic.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ring3::analysis {

struct PublishedFigure {
    std::string figure, workload, metric, unit, platform;
    std::string text;  ///< as printed
    double value = 0;  ///< NaN where what is printed is no number
    std::string higher_is_better, source, confidence;
};

/// The folder results/published/ of this tree: RING3_ROOT says where that is, else the build.
std::filesystem::path published_folder();

/// All rows of the .csv files there. ConfigError, with file and line, where one is malformed.
std::vector<PublishedFigure> load_published(const std::filesystem::path& folder);

/// The value of one row, NaN where there is none.
double published_value(const std::vector<PublishedFigure>& all, const std::string& figure,
                       const std::string& workload, const std::string& metric,
                       const std::string& platform);

}  // namespace ring3::analysis
