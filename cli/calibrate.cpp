// SPDX-License-Identifier: MIT
// ring3 calibrate: what events cost in ring3 on this host, as a cost model for virtual time.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include <unistd.h>

#include <fmt/format.h>

#include "analysis/load/campaign.hpp"
#include "analysis/measures/cost_fit.hpp"
#include "analysis/measures/measures.hpp"
#include "cli/arguments.hpp"
#include "cli/progress.hpp"
#include "cli/verb.hpp"
#include "experiments/runner/campaign.hpp"
#include "hv/clock/cost_model.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 calibrate [OPTIONS]\n"
    "       ring3 calibrate --count CAMPAIGN [--output FILE]\n"
    "\n"
    "Measures what the services of an operating system take in ring3 on this host by the wall "
    "clock\n"
    "(experiments/costs/host.toml, some minutes), fits to that what each event costs, and writes "
    "a\n"
    "cost model, which virtual time can be told to use:\n"
    "\n"
    "  ring3 calibrate\n"
    "  ring3 create --clock virtual --set clock.cost_model=./host.toml -c examples/tiny.cfg\n"
    "\n"
    "Prints what each service took, and what the model says that it takes.\n"
    "\n"
    "  -o, --output FILE    where the model is written (host.toml); \"-\": to standard output\n"
    "      --from CAMPAIGN  a campaign of that experiment which was run before, in place of a run\n"
    "      --cache-kib N    the cache that others fill between two turns of a vCPU (this host's\n"
    "                       second-level cache)\n"
    "      --count CAMPAIGN makes the counts of events instead (counts.csv), of a campaign of\n"
    "                       experiments/costs/counts.toml\n";

using Rows = std::vector<std::pair<std::string, double>>;

/// What each row of the workload took on this platform, in us, in the order of their names.
Rows rows_of(const std::vector<analysis::Measured>& all, const std::string& platform) {
    Rows rows;
    for (const analysis::Measured& measured : all) {
        if (measured.point.platform != platform) continue;
        for (const auto& [quantity, measure] : measured.measures)
            if (measure.unit == "us" && !measure.sample.empty())
                rows.emplace_back(quantity.metric, analysis::estimate_median(measure.sample).value);
    }
    if (rows.empty())
        throw ConfigError{
            fmt::format("the campaign has no values of the platform \"{}\"", platform)};
    return rows;
}

void write(const std::string& text, const std::string& path) {
    if (path == "-") {
        fmt::print("{}", text);
        return;
    }
    std::ofstream file(path);
    file << text;
    file.close();
    if (!file) throw EnvironmentError{fmt::format("cannot write {}", path)};
    print_note(fmt::format("written: {}", path));
}

int count(const std::string& campaign, const std::string& output) {
    const auto all = analysis::measure(analysis::load_campaign(campaign));
    constexpr double step_ns = 10'000;  // as counts.toml has it
    std::map<Cost, std::map<std::string, double>> with_step;
    for (const CostKey& key : cost_keys()) {
        const std::string name(key.key, std::string_view(key.key).rfind('_'));
        const auto found = std::ranges::find_if(
            all, [&](const analysis::Measured& one) { return one.point.platform == name; });
        if (found == all.end()) continue;
        const Rows rows = rows_of(all, name);
        with_step[key.cost] = {rows.begin(), rows.end()};
    }
    const auto counts = analysis::count_events(rows_of(all, "plain"), with_step, step_ns);
    write(analysis::text_of(counts), output.empty() ? "-" : output);
    return to_int(ExitCode::ok);
}

/// The folder of a new campaign.
std::string measure_here() {
    const std::filesystem::path file = analysis::event_counts_file().parent_path() / "host.toml";
    const experiment::Descriptor descriptor = experiment::read_descriptor(file, {});
    const std::filesystem::path folder = experiment::new_folder(descriptor, "");
    CampaignProgress progress;
    experiment::Campaign campaign(descriptor, folder, progress);
    const bool is_whole = campaign.run();
    progress.end();
    if (!is_whole) throw EnvironmentError{"stopped before all was measured"};
    return folder.string();
}

std::string model_text(const analysis::CostFit& fit, std::int64_t cache_kib) {
    std::string text =
        "# What events cost in ring3 on one host: made by `ring3 calibrate`.\n"
        "name = \"host\"\n"
        "version = 1\n"
        "summary = \"measured by ring3 calibrate\"\n\n"
        "[costs]\n";
    const analysis::CostsNs ns = analysis::all_costs(fit, static_cast<double>(cache_kib));
    for (const CostKey& key : cost_keys()) {
        const double units =
            ns[static_cast<std::size_t>(key.cost)] * 1000 / static_cast<double>(key.unit_ps);
        text += fmt::format("{} = {}\n", key.key,
                            std::clamp<std::int64_t>(std::llround(units), key.least, key.most()));
    }
    return text;
}

std::int64_t cache_of_host() {
    const long bytes = ::sysconf(_SC_LEVEL2_CACHE_SIZE);
    constexpr long usual_kib = 512;
    return bytes > 0 ? bytes / 1024 : usual_kib;
}

int run(std::span<const std::string> arguments) {
    std::string output, from, counted;
    double cache_kib = static_cast<double>(cache_of_host());
    CommandLine("calibrate")
        .value("output,o", output)
        .value("from", from)
        .value("count", counted)
        .value("cache-kib", cache_kib)
        .parse(arguments, {});
    if (cache_kib < 0 || cache_kib > 1e6)
        throw ConfigError{"ring3 calibrate: --cache-kib must be from 0 to 1000000"};
    if (!counted.empty()) return count(counted, output);
    const auto counts = analysis::load_event_counts(analysis::event_counts_file());
    const std::string folder = from.empty() ? measure_here() : from;
    const Rows rows = rows_of(analysis::measure(analysis::load_campaign(folder)), "ring3");
    std::vector<analysis::ServiceTime> times;
    for (const auto& [row, us] : rows) times.push_back({row, us});
    const analysis::CostFit fit = analysis::fit_costs(counts, times);
    fmt::print(stderr, "{:<16} {:>12} {:>12}\n", "service", "measured us", "by the model");
    for (const analysis::CostFit::Row& row : fit.rows)
        fmt::print(stderr, "{:<16} {:>12.2f} {:>12.2f}\n", row.measured.row, row.measured.us,
                   row.fitted_us);
    write(model_text(fit, std::llround(cache_kib)), output.empty() ? "host.toml" : output);
    return to_int(ExitCode::ok);
}

const RegisteredVerb entry{{"calibrate", "measures this host's costs of events, for virtual time",
                            help, run, VerbGroup::experiment}};

}  // namespace
}  // namespace ring3
