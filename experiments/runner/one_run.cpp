// SPDX-License-Identifier: MIT
#include "experiments/runner/one_run.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "experiments/runner/record/spool.hpp"
#include "workloads/images/image_store.hpp"

namespace ring3::experiment {
namespace {

using record::Status;

/// A guest that prints without end must not fill the host's memory and disk.
constexpr std::size_t most_console_bytes = std::size_t{16} << 20, most_console_lines = 100'000;

void add_programs(record::RunRecord& run, const std::string& domain, const WorkloadChoice& choice) {
    run.planned[domain] = {choice.programs, choice.iterations, choice.steady};
    run.higher_is_better.insert(run.higher_is_better.end(), choice.higher_is_better.begin(),
                                choice.higher_is_better.end());
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
        add(scratch, "{scratch}");
        add(images, "{images}");
        add(images.parent_path() / "trees", "{trees}");
    }
    std::string without(std::string text) const {
        for (const auto& [place, name] : names_)
            for (std::size_t at = text.find(place); at != std::string::npos;
                 at = text.find(place, at + name.size()))
                text.replace(at, place.size(), name);
        return text;
    }

private:
    /// Platforms are told where links lead.
    void add(const std::filesystem::path& place, const char* name) {
        names_.emplace_back(place.string(), name);
        const auto behind_links = std::filesystem::weakly_canonical(place);
        if (behind_links != place) names_.emplace_back(behind_links.string(), name);
    }

    std::vector<std::pair<std::string, std::string>> names_;
};

/// Keeps what a run tells, in its record and on the disk, and passes it on.
class Recorder final : public Listener {
public:
    Recorder(record::RunRecord& run, record::Spool& spool, const Places& places, Listener& next)
        : run_(run), spool_(spool), places_(places), next_(next) {}

    bool is_too_much() const {
        return bytes_ > most_console_bytes || run_.console.size() >= most_console_lines;
    }
    void line(const Line& line) override {
        bytes_ += line.text.size() + 1;
        if (is_too_much()) return;
        run_.console.push_back({line.at.count(), line.domain, places_.without(line.text)});
        spool_.append(record::block_of_line(run_.console.back()));
        next_.line(line);
    }
    void sample(const MachineSample& sample) override {
        run_.samples.push_back(sample);
        spool_.append(record::block_of_sample(sample));
        next_.sample(sample);
    }
    void progress(const Progress& progress) override { next_.progress(progress); }
    bool wants_stop() override { return is_too_much() || next_.wants_stop(); }

private:
    record::RunRecord& run_;
    record::Spool& spool_;
    const Places& places_;
    Listener& next_;
    std::size_t bytes_ = 0;
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
    run.software = boot.software;
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
             Listener& listener) {
    record::RunRecord run = record_of(boot);
    record::Spool spool(spool_path);
    spool.append(record::block_of_begin(run));
    const Places places(boot.scratch);
    Recorder recorder(run, spool, places, listener);
    const Outcome outcome = platform.run(boot, recorder);
    run.status = status_of(outcome.end);
    run.reason = outcome.reason;
    if (recorder.is_too_much()) {
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
    // Where the platform itself saw nothing wrong, what was said may tell what was.
    if (run.status == Status::dnr && outcome.reason.empty() && !outcome.errors.empty())
        run.reason += ": " + outcome.errors;
    spool.append(record::block_of_end(run));
    spool.sync();
    return {std::move(run), outcome.cpu_s, outcome.peak_rss_bytes};
}

}  // namespace ring3::experiment
