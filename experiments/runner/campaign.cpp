// SPDX-License-Identifier: MIT
#include "experiments/runner/campaign.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <system_error>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "experiments/runner/host.hpp"
#include "experiments/runner/one_run.hpp"
#include "experiments/runner/record/campaign_files.hpp"
#include "experiments/runner/stopping.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/sha256.hpp"
#include "workloads/catalogue/workload.hpp"
#include "workloads/images/image_files.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using record::Status;
using std::chrono::steady_clock;

std::string content_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// What a campaign is: another descriptor, other settings make it another one.
std::string identity_of(const Descriptor& descriptor) {
    return sha256_hex(fmt::format("{}\n{}", descriptor.text, fmt::join(descriptor.settings, "\n")));
}

/// Of a campaign's folder as a whole: its plan, its log, the spools.
constexpr int plan_version = 1;

/// What is to be done, for people and for who resumes it.
Json plan_json(const Descriptor& descriptor, const std::vector<Cell>& cells,
               const std::string& program) {
    Json list = Json::array();
    for (const Cell& cell : cells)
        list.push_back({{"cell", cell.number},
                        {"label", cell.label()},
                        {"platform", cell.platform->name},
                        {"workload", cell.workload_name()},
                        {"size", cell.size()},
                        {"factors", cell.factors},
                        {"seed", cell.seed},
                        {"clock", cell.clock}});
    Json order = Json::array();
    for (unsigned repetition = 1; repetition <= descriptor.stopping.most; ++repetition) {
        Json turns = Json::array();
        for (const Turn& turn : turns_of(cells, repetition, descriptor.order_seed))
            turns.push_back(turn.cell->number);
        order.push_back(turns);
    }
    return {{"ring3", plan_version}, {"identity", identity_of(descriptor)},
            {"program", program},    {"settings", descriptor.settings},
            {"cells", list},         {"order", order}};
}

record::Cell row_of(const Cell& cell) {
    return {cell.number, cell.platform->name, cell.platform->kind, cell.workload_name(),
            cell.size(), cell.clock,          cell.seed,           cell.factors};
}

record::Claim row_of(const ClaimText& claim) {
    return {claim.name,     claim.text,   claim.workload,    claim.program,      claim.metric,
            claim.platform, claim.than,   claim.factors,     claim.than_factors, claim.at_least,
            claim.at_most,  claim.domain, claim.than_domain, claim.fact,         claim.differs};
}

}  // namespace

fs::path results_root(const fs::path& results) {
    return fs::absolute(results.empty() ? workloads_folder().parent_path() / "results" : results);
}

fs::path results_of(const Descriptor& descriptor, const fs::path& results) {
    return results_root(results) / descriptor.name;
}

fs::path new_folder(const Descriptor& descriptor, const fs::path& results) {
    const std::string time = fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::time(nullptr)));
    const fs::path place = results_of(descriptor, results);
    fs::path folder = place / fmt::format("{}-{}", time, identity_of(descriptor).substr(0, 8));
    for (unsigned i = 2; fs::exists(folder); ++i)
        folder = place / fmt::format("{}-{}-{}", time, identity_of(descriptor).substr(0, 8), i);
    return folder;
}

Campaign::Campaign(const Descriptor& descriptor, fs::path folder, CampaignListener& listener)
    : descriptor_(descriptor),
      folder_(std::move(folder)),
      listener_(listener),
      cells_(cells_of(descriptor)),
      files_([&listener](const std::string& text) { listener.note(text); }),
      log_(folder_ / "log.ndjson"),
      time_left_(CampaignLog(folder_.parent_path() / "latest" / "log.ndjson")) {
    for (const PlatformChoice& choice : descriptor.platforms) {
        if (choice.kind == "published") continue;
        platforms_[choice.name] = make_platform(choice);
        const std::string reason = platforms_[choice.name]->unavailable();
        if (!reason.empty()) unavailable_[choice.name] = reason;
    }
    for (const Cell& cell : cells_) {
        const auto found = unavailable_.find(cell.platform->name);
        std::string reason = found == unavailable_.end() ? "" : found->second;
        if (reason.empty() && cell.has_several_guests())
            reason = platform_of(cell).unavailable_for_several();
        if (!reason.empty()) skipped_[cell.number] = reason;
    }
}

Platform& Campaign::platform_of(const Cell& cell) { return *platforms_.at(cell.platform->name); }

std::string Campaign::file_name(std::uint32_t run, const char* ending) const {
    return fmt::format("run-{:04}.{}", run, ending);
}

void Campaign::begin() {
    fs::create_directories(folder_);
    lock_ = std::make_unique<CampaignLock>(folder_);
    write_durably(folder_ / "descriptor.toml", descriptor_.text);
    write_durably(folder_ / "plan.json",
                  plan_json(descriptor_, cells_, files_.identity("/proc/self/exe")).dump(1) + "\n");
    const fs::path latest = folder_.parent_path() / "latest";
    std::error_code ignored;
    fs::remove(latest, ignored);
    fs::create_directory_symlink(folder_.filename(), latest, ignored);
}

void Campaign::resume(Resume resume, bool accept_changes) {
    if (!fs::exists(folder_))
        throw ConfigError{fmt::format(
            "there is no campaign to go on with at {}; without --resume a new one begins",
            folder_.string())};
    lock_ = std::make_unique<CampaignLock>(folder_);
    const Json plan = Json::parse(content_of(folder_ / "plan.json"), nullptr, false);
    if (plan.is_discarded())
        throw ConfigError{
            fmt::format("{} is no folder of a campaign: it has no plan.json", folder_.string())};
    if (plan.value("ring3", 0) != plan_version)
        throw ConfigError{fmt::format(
            "{} was made by another version of ring3 (its folders have version {}, this one's {}); "
            "it cannot be resumed, but `ring3 report` may read it",
            folder_.string(), plan.value("ring3", 0), plan_version)};
    std::vector<std::string> changes;
    if (plan.value("identity", "") != identity_of(descriptor_))
        changes.emplace_back("the descriptor or --set");
    if (plan.value("program", "") != files_.identity("/proc/self/exe"))
        changes.emplace_back("ring3 itself");
    if (!changes.empty() && !accept_changes)
        throw ConfigError{fmt::format(
            "{} has changed since {} began; what comes now would not be comparable. Start a new "
            "campaign, or say --accept-changes, which is recorded",
            fmt::join(changes, " and "), folder_.string())};
    for (const std::string& change : changes) log_.note(change + " has changed, and was accepted");
    resume_ = resume;
    runs_ = log_.runs();
    recover_spools();
    drop_damaged();
}

/// A run whose file was cut, as by a disk that failed, is run again.
void Campaign::drop_damaged() {
    for (const LoggedRun& run : runs_) {
        const fs::path file = folder_ / run.run.file.view();
        if (run.run.file.view().empty() || !fs::exists(file)) continue;
        try {
            analysis::load_run(file);
        } catch (const ConfigError& error) {
            const std::string note = fmt::format("{}; the run is repeated", error.what());
            log_.note(note);
            listener_.note(note);
            fs::remove(file);
        }
    }
}

void Campaign::recover_spools() {
    for (const auto& entry : fs::directory_iterator(folder_)) {
        if (entry.path().extension() != ".spool") continue;
        const record::RunRecord run = record::record_from(entry.path());
        const std::string stem = entry.path().stem();
        const auto number = static_cast<std::uint32_t>(std::stoul(stem.substr(4)));
        const bool is_logged = std::ranges::any_of(
            runs_, [&](const LoggedRun& known) { return known.run.run == number; });
        // Whole but for its HDF5 file: nothing is lost. Else the cell runs again.
        if (run.status != Status::interrupted && is_logged)
            record::write_run_file(folder_ / (stem + ".h5"), run);
        else
            log_.note(fmt::format("{} was killed while it ran, and is repeated", stem));
        fs::remove(record::trace_beside(entry.path()));
        fs::remove(entry.path());
    }
}

bool Campaign::is_done(const Turn& turn) const {
    return std::ranges::any_of(runs_, [&](const LoggedRun& known) {
        if (known.run.cell != turn.cell->number || known.run.repetition != turn.repetition)
            return false;
        if (known.run.status == Status::interrupted) return false;
        const bool is_good = known.run.status == Status::ok;
        const bool has_file =
            known.run.file.view().empty() || fs::exists(folder_ / known.run.file.view());
        return has_file && (is_good || resume_ != Resume::failed);
    });
}

bool Campaign::has_settled(const Cell& cell, unsigned repetition) const {
    const StoppingRule& rule = descriptor_.stopping;
    if (rule.relative_interval == 0 || repetition <= rule.least) return false;
    CellValues values;
    for (const LoggedRun& run : runs_)
        if (run.run.cell == cell.number && run.run.status == Status::ok)
            values.add(analysis::load_run(folder_ / run.run.file.view()));
    return is_settled(rule, values);
}

void Campaign::skip_unavailable() {
    for (const auto& [name, reason] : unavailable_)
        listener_.note(fmt::format("{} is skipped: {}", name, reason));
}

std::vector<Turn> Campaign::turns() const {
    std::vector<Turn> all;
    for (unsigned repetition = 1; repetition <= descriptor_.stopping.most; ++repetition)
        for (const Turn& turn : turns_of(cells_, repetition, descriptor_.order_seed)) {
            // What repeats bit for bit has nothing to tell a second time, nor what is not there.
            const bool once = turn.cell->clock == "virtual" || skipped_.contains(turn.cell->number);
            if (repetition == 1 || !once) all.push_back(turn);
        }
    return all;
}

double Campaign::seconds_left(const std::vector<Turn>& turns, std::size_t from) const {
    std::set<std::pair<std::uint32_t, unsigned>> done;
    for (const LoggedRun& run : runs_) done.emplace(run.run.cell, run.run.repetition);
    std::vector<std::string> labels;
    for (std::size_t i = from; i < turns.size(); ++i) {
        const Cell& cell = *turns[i].cell;
        if (!done.contains({cell.number, turns[i].repetition}) && !skipped_.contains(cell.number))
            labels.push_back(cell.label());
    }
    return time_left_.of_all(labels);
}

bool Campaign::run() {
    if (resume_ == Resume::no) begin();
    skip_unavailable();
    const std::vector<Turn> all = turns();
    bool is_whole = true;
    for (std::size_t i = 0; i < all.size() && is_whole; ++i) {
        if (is_done(all[i]) || has_settled(*all[i].cell, all[i].repetition)) continue;
        is_whole = !listener_.wants_stop();
        if (!is_whole) break;
        listener_.turn_begins({i + 1, all.size(), seconds_left(all, i)}, all[i]);
        run_turn(all[i]);
        is_whole = runs_.back().run.status != Status::interrupted;
    }
    write_files();
    log_.end(is_whole);
    lock_.reset();
    return is_whole;
}

void Campaign::run_turn(const Turn& turn) {
    const Cell& cell = *turn.cell;
    LoggedRun entry;
    entry.label = cell.label();
    entry.run.run = runs_.empty() ? 1 : runs_.back().run.run + 1;
    entry.run.cell = cell.number;
    entry.run.repetition = turn.repetition;
    if (const auto reason = skipped_.find(cell.number); reason != skipped_.end()) {
        entry.run.status = Status::skipped;
        entry.run.reason = reason->second;
        log_.add(entry);
        runs_.push_back(entry);
        return listener_.turn_ends(entry);
    }
    log_.begin(entry);
    const fs::path spool = folder_ / file_name(entry.run.run, "spool");
    const fs::path scratch = folder_ / "scratch";
    fs::remove_all(scratch);
    fs::create_directories(scratch);
    Boot boot = files_.boot_of(descriptor_, cell, scratch);
    boot.software = files_.software_of(boot);

    const auto ingredients =
        RunCache::can_keep(cell) ? cache_.ingredients(boot, files_) : RunCache::Ingredients{};
    const Noise before = cell.clock == "wall" ? measure_noise() : Noise{};
    const auto started = steady_clock::now();
    entry.host.started_utc_ns =
        static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    std::optional<record::RunRecord> run;
    if (!ingredients.empty()) run = cache_.find(boot, ingredients);
    if (!run) {
        Ran ran = run_cell(boot, platform_of(cell), spool, listener_);
        entry.host.cpu_ns = static_cast<std::uint64_t>(ran.cpu_s * 1e9);
        entry.host.peak_rss_bytes = ran.peak_rss_bytes;
        run = std::move(ran.record);
        if (!ingredients.empty() && run->status == Status::ok)
            cache_.keep(boot, ingredients, spool);
    }
    entry.host.wall_ns =
        static_cast<std::uint64_t>(std::chrono::nanoseconds(steady_clock::now() - started).count());
    const Noise after = cell.clock == "wall" ? measure_noise() : Noise{};
    entry.host.run = entry.run.run;
    entry.host.load_before = before.load;
    entry.host.load_after = after.load;
    entry.host.spin_jitter = before.spin_jitter;
    entry.host.steal = before.steal;
    const std::string& noise = before.reason.empty() ? after.reason : before.reason;
    entry.run.noisy = !noise.empty();
    if (!noise.empty())
        log_.note(fmt::format("run {}: the host was not quiet: {}", entry.run.run, noise));
    std::error_code ignored;
    fs::remove_all(scratch, ignored);
    finish(std::move(*run), std::move(entry));
}

void Campaign::finish(record::RunRecord run, LoggedRun entry) {
    entry.run.file = file_name(entry.run.run, "h5");
    entry.run.status = run.status;
    entry.run.reason = run.reason;
    record::write_run_file(folder_ / entry.run.file.view(), run);
    log_.add(entry);
    fs::remove(folder_ / file_name(entry.run.run, "spool"));
    fs::remove(folder_ / file_name(entry.run.run, "trace"));
    runs_.push_back(entry);
    time_left_.add(entry);
    listener_.turn_ends(entry);
}

void Campaign::write_files() {
    record::CampaignRecord campaign{descriptor_.name,
                                    descriptor_.title,
                                    descriptor_.question,
                                    descriptor_.baseline,
                                    descriptor_.text,
                                    {},
                                    {},
                                    {},
                                    {}};
    for (const Cell& cell : cells_) campaign.cells.push_back(row_of(cell));
    for (const ClaimText& claim : descriptor_.claims) campaign.claims.push_back(row_of(claim));
    // Of a run that was repeated the last one counts.
    std::vector<record::HostRun> hosts;
    std::map<std::pair<std::uint32_t, std::uint32_t>, record::Run> last;
    for (const LoggedRun& entry : runs_) {
        last[{entry.run.cell, entry.run.repetition}] = entry.run;
        hosts.push_back(entry.host);
    }
    for (const auto& [place, run] : last) campaign.runs.push_back(run);
    std::ranges::sort(campaign.runs, {}, &record::Run::run);
    for (const PlatformChoice& choice : descriptor_.platforms) {
        if (!platforms_.contains(choice.name)) continue;
        for (const NaturalDifference& difference : platforms_[choice.name]->differences())
            campaign.differences.push_back({choice.name, difference.what, difference.text, 0});
        for (const auto& [what, text] : choice.differs)
            campaign.differences.push_back({choice.name, what, text, 1});
    }
    std::map<std::string, std::string> facts = host_facts();
    for (const auto& [name, platform] : platforms_)
        if (!unavailable_.contains(name)) facts["platform_" + name] = platform->version();
    record::write_host(folder_ / "host.h5", descriptor_.text, facts, hosts);
    record::write_index(folder_ / "index.h5", campaign);
}

}  // namespace ring3::experiment
