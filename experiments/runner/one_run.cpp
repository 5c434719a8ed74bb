// SPDX-License-Identifier: MIT
#include "experiments/runner/one_run.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "experiments/runner/record/spool.hpp"
#include "workloads/catalogue/workload.hpp"
#include "workloads/images/image_store.hpp"

namespace ring3::experiment {
namespace {

using record::Status;

/// A guest that prints without end must not fill the host's memory and disk.
constexpr std::size_t most_console_bytes = std::size_t{16} << 20, most_console_lines = 100'000;

void add_programs(record::RunRecord& run, const std::string& domain, const WorkloadChoice& choice) {
    run.programs[domain] = choice.programs;
    run.iterations[domain] = choice.iterations;
    const Workload workload = read_workload(workloads_folder() / choice.name);
    for (const auto& [name, program] : workload.programs)
        if (program.higher_is_better) run.higher_is_better.push_back(name);
}

Status status_of(Outcome::End end) {
    switch (end) {
        case Outcome::End::finished:
            return Status::ok;
        case Outcome::End::crashed:
            return Status::dnr;
        case Outcome::End::never_ended:
            return Status::timeout;
        case Outcome::End::interrupted:
            return Status::interrupted;
    }
    return Status::dnr;
}

/// What stands for the places of this host in a record: those of two hosts are to be the same.
class Places {
public:
    explicit Places(const std::filesystem::path& scratch) {
        const std::filesystem::path images = ImageStore::default_root();
        names_ = {{scratch.string(), "{scratch}"},
                  {images.string(), "{images}"},
                  {(images.parent_path() / "trees").string(), "{trees}"}};
    }
    std::string without(std::string text) const {
        for (const auto& [place, name] : names_)
            for (std::size_t at = text.find(place); at != std::string::npos;
                 at = text.find(place, at + name.size()))
                text.replace(at, place.size(), name);
        return text;
    }

private:
    std::vector<std::pair<std::string, std::string>> names_;
};

}  // namespace

record::RunRecord record_of(const Boot& boot) {
    const Cell& cell = boot.cell;
    record::RunRecord run;
    run.cell = cell.number;
    run.seed = cell.seed;
    run.platform = cell.platform->name;
    run.platform_kind = cell.platform->kind;
    run.workload = cell.workload_name();
    run.size = cell.size();
    run.clock = cell.clock;
    run.factors = cell.factors;
    run.descriptor = boot.descriptor.text;
    run.settings = boot.descriptor.settings;
    if (cell.workload != nullptr) add_programs(run, "", *cell.workload);
    if (boot.has_peer()) return run;  // whose lines are of nobody's interest
    for (const Boot::Domain& domain : boot.domains) {
        add_programs(run, domain.name, domain.choice);
        if (domain.background) run.background.insert(domain.name);
    }
    return run;
}

Ran run_cell(const Boot& boot, Platform& platform, const std::filesystem::path& spool_path,
             const Platform::Sink& sink, const Platform::WantsStop& wants_stop) {
    record::RunRecord run = record_of(boot);
    record::Spool spool(spool_path);
    spool.append(record::block_of_begin(run));
    const Places places(boot.scratch);
    std::size_t bytes = 0;
    const auto is_too_much = [&] {
        return bytes > most_console_bytes || run.console.size() >= most_console_lines;
    };
    const auto take = [&](const Line& line) {
        bytes += line.text.size() + 1;
        if (is_too_much()) return;
        run.console.push_back({line.at.count(), line.domain, places.without(line.text)});
        spool.append(record::block_of_line(run.console.back()));
        sink(line);
    };
    const Outcome outcome = platform.run(boot, take, [&] { return is_too_much() || wants_stop(); });
    run.status = status_of(outcome.end);
    run.reason = outcome.reason;
    if (is_too_much()) {
        run.status = Status::dnr;
        run.reason = "the guest's console printed without end";
    }
    run.exit_code = outcome.exit_code;
    run.facts = outcome.facts;
    run.config = outcome.config;
    run.command = places.without(outcome.command);
    if (!outcome.trace.empty()) {
        run.trace = record::trace_beside(spool_path);
        std::filesystem::rename(outcome.trace, run.trace);
    }
    record::judge(run, record::values_of(run));
    spool.append(record::block_of_end(run));
    spool.sync();
    return {std::move(run), outcome.cpu_s, outcome.peak_rss_bytes};
}

}  // namespace ring3::experiment
