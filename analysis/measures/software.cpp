// SPDX-License-Identifier: MIT
#include "analysis/measures/software.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ring3::analysis {
namespace {

/// What a run records of its software, and the key of a sweep that varies it on purpose.
struct Part {
    const char *what, *swept_by;
};
constexpr std::array parts{Part{"kernel", "guest.kernel"}, Part{"image", nullptr},
                           Part{"memory", "guest.memory_mib"}, Part{"vcpus", "guest.vcpus"},
                           Part{"words", "guest.extra"}};

bool is_at(const Cell& cell, const Point& point) {
    return cell.platform == point.platform && cell.workload == point.workload &&
           cell.size == point.size && cell.factors == point.factors;
}

void add_versions(const Campaign& campaign, const Point& point, const std::string& what,
                  std::set<std::string>& versions) {
    for (const Run& run : campaign.runs) {
        const auto found = run.meta.find("software_" + what);
        if (found != run.meta.end() && is_at(campaign.cell_of(run), point))
            versions.insert(found->second);
    }
}

bool is_named(const Campaign& campaign, const std::string& platform, const std::string& what) {
    return std::ranges::any_of(campaign.differences, [&](const Difference& difference) {
        return difference.platform == platform && difference.what == what;
    });
}

/// A sweep says so itself: its points are told apart by it.
bool is_swept(const Point& one, const Point& other, const char* key) {
    return key != nullptr && one.factors != other.factors &&
           (";" + one.factors + ";" + other.factors).find(fmt::format(";{}=", key)) !=
               std::string::npos;
}

}  // namespace

std::vector<std::string> unnamed_differences(const Campaign& campaign, const Point& one,
                                             const Point& other) {
    std::vector<std::string> unnamed;
    for (const auto& [what, swept_by] : parts) {
        std::set<std::string> versions;
        add_versions(campaign, one, what, versions);
        add_versions(campaign, other, what, versions);
        if (versions.size() > 1 && !is_swept(one, other, swept_by) &&
            !is_named(campaign, one.platform, what) && !is_named(campaign, other.platform, what))
            unnamed.emplace_back(what);
    }
    return unnamed;
}

std::vector<std::string> differences_between(const Campaign& before, const Campaign& after,
                                             const Point& point) {
    std::vector<std::string> found;
    for (const Part& part : parts) {
        std::set<std::string> versions;
        add_versions(before, point, part.what, versions);
        add_versions(after, point, part.what, versions);
        if (versions.size() > 1) found.emplace_back(part.what);
    }
    return found;
}

std::string refusal_text(const Point& one, const Point& other,
                         const std::vector<std::string>& differences) {
    return fmt::format(
        "{} {} is not compared with {}: they do not have the same {}, and no \"differs\" of the "
        "descriptor says so",
        one.label(), one.workload, other.label(), fmt::join(differences, ", "));
}

}  // namespace ring3::analysis
