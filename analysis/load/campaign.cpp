// SPDX-License-Identifier: MIT
#include "analysis/load/campaign.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "analysis/load/record_file.hpp"
#include "hv/base/errors.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;

std::string value_or_nothing(const std::map<std::string, std::string>& map, const char* key) {
    const auto found = map.find(key);
    return found == map.end() ? "" : found->second;
}

template <std::size_t size>
std::string text(const record::Text<size>& from) {
    return std::string{from.view()};
}

Value plain(const record::Value& row) {
    return {text(row.domain), text(row.program), text(row.metric), text(row.unit), row.better,
            row.warm != 0,    row.ok != 0,       row.iteration,    row.value,      row.guest_value};
}

Cell plain(const record::Cell& row) {
    return {row.cell,           text(row.platform), text(row.platform_kind),
            text(row.workload), text(row.size),     text(row.clock),
            row.seed,           text(row.factors)};
}

Run plain(const record::Run& row) {
    Run run;
    run.run = row.run;
    run.cell = row.cell;
    run.repetition = row.repetition;
    run.status = row.status;
    run.noisy = row.noisy != 0;
    run.file = text(row.file);
    run.reason = text(row.reason);
    return run;
}

Claim plain(const record::Claim& row) {
    return {text(row.name),         text(row.text),     text(row.workload), text(row.program),
            text(row.metric),       text(row.platform), text(row.than),     text(row.factors),
            text(row.than_factors), row.at_least,       row.at_most,        text(row.domain),
            text(row.than_domain),  text(row.fact),     row.differs != 0};
}

Difference plain(const record::Difference& row) {
    return {text(row.platform), text(row.what), text(row.text), row.declared != 0};
}

Steady plain(const record::Steady& row) {
    return {text(row.domain),    text(row.program), text(row.metric), row.reached != 0,
            row.first_iteration, row.window,        row.variation,    row.drift};
}

template <typename Row>
auto plain_rows(const RecordFile& file, const char* object,
                std::span<const record::Column> columns) {
    std::vector<decltype(plain(Row{}))> plain_ones;
    for (const Row& row : file.rows<Row>(object, columns)) plain_ones.push_back(plain(row));
    return plain_ones;
}

/// Traces are long, and a report shows the beginnings of a few.
constexpr std::size_t most_events = 200'000, most_samples = 100'000, most_traces = 4;

void load_values(const RecordFile& file, Run& run) {
    run.meta = file.attributes("/meta");
    if (file.has("/result/values"))
        run.values = plain_rows<record::Value>(file, "/result/values", record::value_columns);
    if (file.has("/result/steady"))
        run.steady = plain_rows<record::Steady>(file, "/result/steady", record::steady_columns);
    if (file.has("/result/schedule"))
        run.schedule = plain_rows<record::Value>(file, "/result/schedule", record::value_columns);
}

void load_run(const fs::path& folder, Run& run, bool with_trace) {
    // A name from a file is no way out of its folder.
    if (fs::path{run.file}.filename() != run.file)
        throw ConfigError{fmt::format("{}: run {} names a file in another folder: {}",
                                      (folder / "index.h5").string(), run.run, run.file)};
    const RecordFile file{folder / run.file, record::run_format};
    load_values(file, run);
    if (with_trace && file.has("/trace/events"))
        run.events = file.table("/trace/events", most_events);
    if (file.has("/series"))
        for (const std::string& name : file.names("/series"))
            run.series[name] = file.table("/series/" + name, most_samples);
}

void load_host(const fs::path& path, Campaign& campaign) {
    const RecordFile file{path, record::host_format};
    campaign.host = file.attributes("/host");
    if (file.has("/host/runs"))
        campaign.host_runs = file.rows<record::HostRun>("/host/runs", record::host_run_columns);
}

void check(const Campaign& campaign, const fs::path& index) {
    for (const Run& run : campaign.runs)
        if (std::ranges::none_of(campaign.cells,
                                 [&](const Cell& cell) { return cell.cell == run.cell; }))
            throw ConfigError{fmt::format("{}: run {} is of cell {}, which is not in /cells",
                                          index.string(), run.run, run.cell)};
}

}  // namespace

const Cell& Campaign::cell_of(const Run& run) const {
    return *std::ranges::find(cells, run.cell, &Cell::cell);
}

const char* status_name(Status status) {
    const auto code = static_cast<std::size_t>(status);
    if (status == Status::dnr) return "DNR";
    return code < record::status_names.size() ? record::status_names[code] : "unknown";
}

Run load_run(const fs::path& file) {
    Run run;
    load_values(RecordFile(file, record::run_format), run);
    return run;
}

Campaign load_campaign(const fs::path& path) {
    const fs::path index = fs::is_directory(path) ? path / "index.h5" : path;
    if (!fs::exists(index))
        throw ConfigError{
            fmt::format("{}: there is no campaign; a campaign is the folder that "
                        "`ring3 run` leaves below results/, with an index.h5",
                        path.string())};
    const RecordFile file{index, record::campaign_format};
    Campaign campaign;
    campaign.folder = index.has_parent_path() ? index.parent_path() : fs::path{"."};
    const auto root = file.attributes("/");
    campaign.generator = value_or_nothing(root, "generator");
    campaign.descriptor_sha256 = value_or_nothing(root, "descriptor_sha256");
    const auto about = file.attributes("/campaign");
    campaign.name = value_or_nothing(about, "name");
    campaign.title = value_or_nothing(about, "title");
    campaign.question = value_or_nothing(about, "question");
    campaign.baseline = value_or_nothing(about, "baseline");
    if (file.has("/campaign/descriptor")) campaign.descriptor = file.text("/campaign/descriptor");
    campaign.cells = plain_rows<record::Cell>(file, "/cells", record::cell_columns);
    campaign.runs = plain_rows<record::Run>(file, "/runs", record::run_columns);
    if (file.has("/claims"))
        campaign.claims = plain_rows<record::Claim>(file, "/claims", record::claim_columns);
    if (file.has("/differences"))
        campaign.differences =
            plain_rows<record::Difference>(file, "/differences", record::difference_columns);
    check(campaign, index);
    // The first of each cell: a repetition shows the same.
    std::set<std::uint32_t> traced;
    for (Run& run : campaign.runs) {
        if (run.file.empty()) continue;
        const bool is_first = run.status == Status::ok && traced.size() < most_traces &&
                              traced.insert(run.cell).second;
        load_run(campaign.folder, run, is_first);
    }
    if (fs::exists(campaign.folder / "host.h5")) load_host(campaign.folder / "host.h5", campaign);
    return campaign;
}

}  // namespace ring3::analysis
