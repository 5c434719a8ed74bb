// SPDX-License-Identifier: MIT
#include "tests/support/campaign_writer.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "experiments/runner/record/campaign_files.hpp"
#include "experiments/runner/record/hdf5_file.hpp"
#include "hv/trace/schema.hpp"

namespace ring3::test {
namespace {

using analysis::Campaign;
using analysis::Columns;

/// A table of plain columns, cell by cell.
class Cells {
public:
    explicit Cells(const Columns& table) : table_(table) {}

    std::size_t rows() const {
        return table_.empty() ? 0 : std::max(table_[0].numbers.size(), table_[0].texts.size());
    }
    /// Zero where there is no such column.
    std::uint64_t number(const char* name, std::size_t row) const {
        const auto column = std::ranges::find(table_, name, &analysis::Column::name);
        return column == table_.end() ? 0 : static_cast<std::uint64_t>(column->numbers.at(row));
    }
    std::string text(const char* name, std::size_t row) const {
        return std::ranges::find(table_, name, &analysis::Column::name)->texts.at(row);
    }

private:
    const Columns& table_;
};

std::uint16_t event_code(const std::string& name) {
    for (const trace::EventInfo& info : trace::events())
        if (info.name == name) return static_cast<std::uint16_t>(info.event);
    return 0;
}

std::vector<record::TraceEvent> events_of(const Cells& cells) {
    std::vector<record::TraceEvent> rows;
    for (std::size_t i = 0; i < cells.rows(); ++i) {
        const auto small = [&](const char* name) {
            return static_cast<std::uint16_t>(cells.number(name, i));
        };
        rows.push_back({cells.number("time_ns", i), small("pcpu"), small("domain"), small("vcpu"),
                        event_code(cells.text("event", i)), cells.number("first", i),
                        cells.number("second", i), cells.number("third", i)});
    }
    return rows;
}

std::vector<record::MemorySample> memory_of(const Cells& cells) {
    std::vector<record::MemorySample> rows;
    for (std::size_t i = 0; i < cells.rows(); ++i)
        rows.push_back({cells.number("time_ns", i), cells.text("domain", i),
                        cells.number("populated_pages", i), cells.number("target_pages", i)});
    return rows;
}

std::vector<record::RunStateSample> run_states_of(const Cells& cells) {
    std::vector<record::RunStateSample> rows;
    for (std::size_t i = 0; i < cells.rows(); ++i)
        rows.push_back({cells.number("time_ns", i), cells.text("domain", i),
                        static_cast<std::uint32_t>(cells.number("vcpu", i)),
                        cells.number("running_ns", i), cells.number("runnable_ns", i),
                        cells.number("blocked_ns", i), cells.number("offline_ns", i)});
    return rows;
}

std::vector<record::RingSample> rings_of(const Cells& cells) {
    std::vector<record::RingSample> rows;
    for (std::size_t i = 0; i < cells.rows(); ++i)
        rows.push_back({cells.number("time_ns", i), cells.text("domain", i),
                        cells.text("device", i), cells.text("ring", i),
                        static_cast<std::uint32_t>(cells.number("waiting", i)),
                        static_cast<std::uint32_t>(cells.number("in_flight", i)),
                        static_cast<std::uint32_t>(cells.number("size", i))});
    return rows;
}

void write_series(record::Hdf5File& file, const std::map<std::string, Columns>& series) {
    file.group("/series");
    for (const auto& [name, table] : series) {
        const Cells cells(table);
        const std::string path = "/series/" + name;
        if (name == "memory")
            file.table(path, name, record::memory_sample_columns, memory_of(cells));
        if (name == "runstates")
            file.table(path, name, record::run_state_sample_columns, run_states_of(cells));
        if (name == "rings") file.table(path, name, record::ring_sample_columns, rings_of(cells));
    }
}

void write_run(const Campaign& campaign, const analysis::Run& run,
               const std::filesystem::path& folder) {
    record::Hdf5File file(folder / run.file, record::run_format, campaign.descriptor_sha256);
    file.group("/meta");
    for (const auto& [name, text] : run.meta) file.attribute("/meta", name, text);
    file.group("/result");
    std::vector<record::Value> rows;
    for (const analysis::Value& value : run.values)
        rows.push_back({value.domain, value.program, value.metric, value.unit, value.better,
                        value.warm, value.ok, value.iteration, value.value, value.guest_value});
    file.table("/result/values", "Values", record::value_columns, rows);
    std::vector<record::Steady> steady;
    for (const analysis::Steady& one : run.steady)
        steady.push_back({one.domain, one.program, one.metric, one.is_reached, one.first,
                          one.window, one.variation, one.drift});
    if (!steady.empty())
        file.table("/result/steady", "Steady states", record::steady_columns, steady);
    if (!run.events.empty()) {
        file.group("/trace");
        file.table("/trace/events", "Events", record::trace_event_columns,
                   events_of(Cells(run.events)));
    }
    if (!run.series.empty()) write_series(file, run.series);
    file.close();
}

record::CampaignRecord record_of(const Campaign& campaign) {
    record::CampaignRecord record{campaign.name,
                                  campaign.title,
                                  campaign.question,
                                  campaign.baseline,
                                  campaign.descriptor,
                                  {},
                                  {},
                                  {},
                                  {}};
    for (const analysis::Cell& cell : campaign.cells)
        record.cells.push_back({cell.cell, cell.platform, cell.platform_kind, cell.workload,
                                cell.size, cell.clock, cell.seed, cell.factors});
    for (const analysis::Run& run : campaign.runs)
        record.runs.push_back(
            {run.run, run.cell, run.repetition, run.status, run.noisy, run.file, run.reason});
    for (const analysis::Claim& claim : campaign.claims)
        record.claims.push_back({claim.name, claim.text, claim.workload, claim.program,
                                 claim.metric, claim.platform, claim.than, claim.factors,
                                 claim.than_factors, claim.at_least, claim.at_most, claim.domain,
                                 claim.than_domain, claim.fact, claim.differs});
    for (const analysis::Difference& difference : campaign.differences)
        record.differences.push_back(
            {difference.platform, difference.what, difference.text, difference.declared});
    return record;
}

}  // namespace

void write_campaign(const Campaign& campaign, const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    record::write_index(folder / "index.h5", record_of(campaign));
    for (const analysis::Run& run : campaign.runs)
        if (!run.file.empty()) write_run(campaign, run, folder);
    if (!campaign.host.empty())
        record::write_host(folder / "host.h5", campaign.descriptor, campaign.host,
                           campaign.host_runs);
}

}  // namespace ring3::test
