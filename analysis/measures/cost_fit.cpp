// SPDX-License-Identifier: MIT
#include "analysis/measures/cost_fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analysis/stats/least_squares.hpp"
#include "build_info.hpp"
#include "hv/base/errors.hpp"

namespace ring3::analysis {
namespace {

struct CountColumn {
    Cost cost;
    const char* name;
};
constexpr CountColumn columns[] = {
    {Cost::instruction, "instructions"},   {Cost::system_call, "system_calls"},
    {Cost::hypercall, "hypercalls"},       {Cost::exception, "exceptions"},
    {Cost::cr3_load, "cr3_loads"},         {Cost::flush, "flushes"},
    {Cost::table_update, "table_updates"}, {Cost::cold_cache, "cold_kib"},
};
constexpr std::array fitted{Cost::instruction,  Cost::system_call, Cost::hypercall,
                            Cost::exception,    Cost::cr3_load,    Cost::flush,
                            Cost::table_update, Cost::cold_cache};

constexpr std::size_t index_of(Cost cost) { return static_cast<std::size_t>(cost); }

std::string head() {
    std::string text = "row";
    for (const CountColumn& column : columns) text += fmt::format(",{}", column.name);
    return text;
}

std::vector<std::string> fields_of(const std::string& line) {
    std::vector<std::string> fields;
    std::istringstream in(line);
    for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
    return fields;
}

/// Of each process's array so much has left a cache of 512 KiB when its turn comes again: where all
/// arrays together fill it. Programs of the workload's table 4 alone have arrays.
double cold_kib_of(const std::string& row) {
    int processes = 0, kib = 0;
    if (std::sscanf(row.c_str(), "switch_%dp_%dk", &processes, &kib) != 2) return 0;
    constexpr int cache_kib = 512;
    return processes * kib >= cache_kib ? kib : 0;
}

double count_in(const EventCounts& counts, Cost cost, Kernel kernel) {
    const bool is_xens =
        cost == Cost::hypercall || cost == Cost::table_update || cost == Cost::flush;
    return is_xens && kernel == Kernel::native ? 0 : counts.count[index_of(cost)];
}

}  // namespace

std::span<const Cost> fitted_costs() { return fitted; }

std::filesystem::path event_counts_file() {
    const char* const root = std::getenv("RING3_ROOT");
    return std::filesystem::path(root != nullptr ? root : build_info::source_root) /
           "experiments/costs/counts.csv";
}

std::vector<EventCounts> load_event_counts(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw ConfigError(fmt::format("cannot read {}", path.string()));
    std::vector<EventCounts> all;
    std::string line;
    for (unsigned number = 1; std::getline(file, line); ++number) {
        if (line.empty() || line[0] == '#') continue;
        const auto refuse = [&](const std::string& what) {
            throw ConfigError(fmt::format("{}:{}: {}", path.string(), number, what));
        };
        if (line.starts_with("row,")) {
            if (line != head()) refuse(fmt::format("the columns must be {}", head()));
            continue;
        }
        const std::vector<std::string> fields = fields_of(line);
        if (fields.size() != 1 + std::size(columns))
            refuse(fmt::format("must have {} fields", 1 + std::size(columns)));
        EventCounts counts{fields[0], {}};
        for (std::size_t i = 0; i < std::size(columns); ++i) {
            char* end = nullptr;
            const double value = std::strtod(fields[i + 1].c_str(), &end);
            if (*end != '\0' || fields[i + 1].empty() || value < 0)
                refuse(fmt::format("\"{}\" is no count", fields[i + 1]));
            counts.count[index_of(columns[i].cost)] = value;
        }
        all.push_back(std::move(counts));
    }
    return all;
}

std::string text_of(std::span<const EventCounts> counts) {
    std::string text = head() + "\n";
    for (const EventCounts& each : counts) {
        text += each.row;
        for (const CountColumn& column : columns)
            text += fmt::format(",{:.6g}", each.count[index_of(column.cost)]);
        text += "\n";
    }
    return text;
}

std::vector<EventCounts> count_events(
    const std::vector<std::pair<std::string, double>>& plain_us,
    const std::map<Cost, std::map<std::string, double>>& with_step_us, double step_ns) {
    std::vector<EventCounts> all;
    for (const auto& [row, us] : plain_us) {
        EventCounts counts{row, {}};
        counts.count[index_of(Cost::instruction)] = us * 1000;
        counts.count[index_of(Cost::cold_cache)] = cold_kib_of(row);
        for (const auto& [cost, rows] : with_step_us) {
            const auto found = rows.find(row);
            if (found == rows.end()) continue;
            // To a hundredth of an event: what the guest's clock and its timer ticks blur.
            const double count = std::max(0.0, (found->second - us) * 1000 / step_ns);
            counts.count[index_of(cost)] = std::round(count * 100) / 100;
        }
        all.push_back(std::move(counts));
    }
    return all;
}

CostFit fit_costs(std::span<const EventCounts> counts, std::span<const ServiceTime> times) {
    CostFit fit;
    std::vector<std::vector<double>> rows;
    std::vector<const EventCounts*> used;
    for (const ServiceTime& time : times) {
        const auto found = std::ranges::find(counts, time.row, &EventCounts::row);
        if (found == counts.end() || !(time.us > 0)) continue;
        // Divided by what is wanted, which makes errors relative: rows differ by 10^4.
        std::vector<double> row;
        for (const Cost cost : fitted)
            row.push_back(count_in(*found, cost, time.kernel) / (time.us * 1000));
        rows.push_back(std::move(row));
        used.push_back(&*found);
        fit.rows.push_back({time, 0});
    }
    if (rows.size() < fitted.size())
        throw ConfigError(
            fmt::format("{} times are too few to fit {} costs", rows.size(), fitted.size()));
    const std::vector<double> wanted(rows.size(), 1.0);
    const std::vector<double> found = non_negative_least_squares(rows, wanted);
    for (std::size_t i = 0; i < fitted.size(); ++i) fit.ns[index_of(fitted[i])] = found[i];
    for (std::size_t i = 0; i < used.size(); ++i)
        fit.rows[i].fitted_us = predicted_us(fit, *used[i], fit.rows[i].measured.kernel);
    return fit;
}

CostsNs all_costs(const CostFit& fit, double cache_kib) {
    CostsNs ns = fit.ns;
    const auto of = [&](Cost cost) -> double& { return ns[index_of(cost)]; };
    const double per_kib = of(Cost::cold_cache);
    constexpr double frame_kib = 4;
    of(Cost::interrupt) = of(Cost::exception);
    of(Cost::context_switch) = of(Cost::hypercall) + of(Cost::cr3_load);
    of(Cost::frame) = frame_kib * per_kib;
    of(Cost::cold_cache) = cache_kib * per_kib;
    of(Cost::io_request) = of(Cost::hypercall) + of(Cost::interrupt);
    of(Cost::io_byte) = 0;
    return ns;
}

double predicted_us(const CostFit& fit, const EventCounts& counts, Kernel kernel) {
    double ns = 0;
    for (const Cost cost : fitted) ns += fit.ns[index_of(cost)] * count_in(counts, cost, kernel);
    return ns / 1000;
}

}  // namespace ring3::analysis
