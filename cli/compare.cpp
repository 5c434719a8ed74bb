// SPDX-License-Identifier: MIT
// ring3 compare: is one campaign better than another?
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analysis/compare/compare.hpp"
#include "analysis/measures/software.hpp"
#include "analysis/text/numbers.hpp"
#include "cli/arguments.hpp"
#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

using analysis::Change;
using analysis::Comparison;

constexpr const char* help =
    "usage: ring3 compare [OPTIONS] BEFORE AFTER\n"
    "\n"
    "Compares two campaigns, folders that `ring3 run` leaves below results/, by platform, "
    "workload\n"
    "and program: is AFTER better, worse, the same, or is it unclear?\n"
    "\n"
    "      --threshold PERCENT   differences below it count as the same (default: 5)\n"
    "      --differs WHAT        compare although this differs: kernel, image, memory, vcpus, "
    "words;\n"
    "                            several times for several\n"
    "      --all                 list also what is the same\n"
    "      --json                print one JSON document\n"
    "\n"
    "Better and worse need the 95% interval of the ratio on one side of 1, with Holm's correction\n"
    "for the number of comparisons; unclear means that more repetitions are needed.\n"
    "\n"
    "Exit code: 0 nothing is worse, 1 something is, 2 the campaigns ran different software and\n"
    "--differs does not say so, or a file is damaged or of another version.\n";

std::string direction(const Comparison& one) {
    return one.better == analysis::Better::lower ? "lower is better" : "higher is better";
}

Json json_of(const analysis::Estimate& estimate) {
    Json json{{"value", estimate.value}};
    if (estimate.interval) json["interval"] = {estimate.interval->low, estimate.interval->high};
    return json;
}

Json json_of(const Comparison& one) {
    return {{"platform", one.point.platform},
            {"factors", one.point.factors},
            {"workload", one.point.workload},
            {"size", one.point.size},
            {"domain", one.quantity.domain},
            {"program", one.quantity.program},
            {"metric", one.quantity.metric},
            {"unit", one.unit},
            {"better", one.better == analysis::Better::lower ? "lower" : "higher"},
            {"before", json_of(one.before)},
            {"after", json_of(one.after)},
            {"speed_ratio", json_of(one.speed)},
            {"p_holm", one.p_value},
            {"cliffs_delta", one.delta},
            {"change", analysis::change_name(one.change)}};
}

void print_comparison(const Comparison& one) {
    fmt::print("{:<8} {} {}{}{} {}: {} -> {} {} ({}), {} times as fast {}\n",
               analysis::change_name(one.change), one.point.label(), one.point.workload,
               one.point.size.empty() ? "" : "/", one.point.size, one.quantity.label(),
               analysis::significant(one.before.value, 4),
               analysis::significant(one.after.value, 4), one.unit, direction(one),
               analysis::ratio_text(one.speed.value), analysis::interval_text(one.speed));
}

void print_result(const analysis::CompareResult& result, bool all) {
    std::size_t counts[4] = {};
    for (const Change change : {Change::worse, Change::better, Change::unclear, Change::same})
        for (const Comparison& one : result.comparisons) {
            if (one.change != change) continue;
            ++counts[static_cast<std::size_t>(change)];
            if (change != Change::same || all) print_comparison(one);
        }
    for (const std::string& remark : result.remarks) fmt::print("note     {}\n", remark);
    fmt::print("{} better, {} worse, {} the same, {} unclear\n", counts[0], counts[1], counts[2],
               counts[3]);
}

/// The same programs of different software are no comparison of what runs them.
void check_software(const analysis::Campaign& before, const analysis::Campaign& after,
                    const analysis::CompareResult& result,
                    const std::vector<std::string>& differs) {
    for (const Comparison& one : result.comparisons) {
        std::vector<std::string> unnamed = analysis::differences_between(before, after, one.point);
        std::erase_if(unnamed, [&](const std::string& what) {
            return std::ranges::find(differs, what) != differs.end();
        });
        if (unnamed.empty()) continue;
        throw ConfigError{fmt::format(
            "{} {} did not run the same {} in both; if that is what you want to compare, say "
            "--differs {}",
            one.point.label(), one.point.workload, fmt::join(unnamed, ", "), unnamed.front())};
    }
}

int run(std::span<const std::string> arguments) {
    double percent = 5;
    bool json = false, all = false;
    std::vector<std::string> differs;
    const std::vector<std::string> paths = CommandLine("compare")
                                               .value("threshold", percent)
                                               .values("differs", differs)
                                               .flag("json", json)
                                               .flag("all", all)
                                               .parse(arguments, {2, 2, "two campaigns' folders"});
    if (!(percent >= 0 && percent <= 1000))
        throw ConfigError{fmt::format("--threshold {}: must be from 0 to 1000 percent", percent)};
    const analysis::Campaign before = analysis::load_campaign(paths[0]);
    const analysis::Campaign after = analysis::load_campaign(paths[1]);
    const analysis::CompareResult result =
        analysis::compare(analysis::measure(before), analysis::measure(after), percent / 100);
    if (result.comparisons.empty())
        throw ConfigError{
            fmt::format("{} and {} have nothing in common: no program was measured on "
                        "the same platform in both",
                        paths[0], paths[1])};
    check_software(before, after, result, differs);
    if (json) {
        Json comparisons = Json::array();
        for (const Comparison& one : result.comparisons) comparisons.push_back(json_of(one));
        print_json("compare", {{"threshold", percent / 100},
                               {"comparisons", comparisons},
                               {"remarks", result.remarks}});
    } else {
        print_result(result, all);
    }
    const bool is_any_worse = std::ranges::any_of(
        result.comparisons, [](const Comparison& one) { return one.change == Change::worse; });
    return to_int(is_any_worse ? ExitCode::claim_failed : ExitCode::ok);
}

const RegisteredVerb entry{{"compare", "tells whether one campaign is better than another", help,
                            run, VerbGroup::experiment}};

}  // namespace
}  // namespace ring3
