// SPDX-License-Identifier: MIT
#include "analysis/load/published.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>

#include <fmt/format.h>

#include "build_info.hpp"
#include "hv/base/errors.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t columns = 9;
constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The fields of a line; one in quotes may hold commas, and "" is a quote.
std::vector<std::string> fields_of(const std::string& line) {
    std::vector<std::string> fields(1);
    bool is_quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (is_quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"')
            fields.back() += line[++i];
        else if (c == '"')
            is_quoted = !is_quoted;
        else if (c == ',' && !is_quoted)
            fields.emplace_back();
        else
            fields.back() += c;
    }
    return fields;
}

double number_of(const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    return text.empty() || *end != '\0' ? none : number;
}

void load_file(const fs::path& path, std::vector<PublishedFigure>& all) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    for (std::size_t number = 2; std::getline(file, line); ++number) {
        const std::vector<std::string> f = fields_of(line);
        if (f.size() != columns)
            throw ConfigError{fmt::format("{}:{}: has {} fields, not {}", path.string(), number,
                                          f.size(), columns)};
        all.push_back({f[0], f[1], f[2], f[3], f[4], f[5], number_of(f[5]), f[6], f[7], f[8]});
    }
}

}  // namespace

fs::path published_folder() {
    const char* root = std::getenv("RING3_ROOT");
    return fs::path{root != nullptr && *root != '\0' ? root : build_info::source_root} /
           "results/published";
}

std::vector<PublishedFigure> load_published(const fs::path& folder) {
    if (!fs::is_directory(folder))
        throw EnvironmentError{fmt::format(
            "{}: the published figures are not there; RING3_ROOT names the tree of ring3",
            folder.string())};
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".csv") files.push_back(entry.path());
    std::ranges::sort(files);
    std::vector<PublishedFigure> all;
    for (const fs::path& path : files) load_file(path, all);
    return all;
}

double published_value(const std::vector<PublishedFigure>& all, const std::string& figure,
                       const std::string& workload, const std::string& metric,
                       const std::string& platform) {
    for (const PublishedFigure& row : all)
        if (row.figure == figure && row.workload == workload && row.metric == metric &&
            row.platform == platform)
            return row.value;
    return none;
}

}  // namespace ring3::analysis
