// SPDX-License-Identifier: MIT
#include "experiments/runner/cache.hpp"

#include <fstream>
#include <map>

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "experiments/runner/one_run.hpp"
#include "hv/base/sha256.hpp"
#include "workloads/images/image_files.hpp"
#include "workloads/images/image_store.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string key_of(const RunCache::Ingredients& ingredients) {
    Sha256 hash;
    for (const auto& [name, value] : ingredients)
        hash.update(fmt::format("{}:{}:{}\n", name, value.size(), value));
    return hash.finish_hex();
}

}  // namespace

RunCache::RunCache() : folder_(ImageStore::default_root().parent_path() / "runs") {}

RunCache::Ingredients RunCache::ingredients(const Boot& boot, BootFiles& files) {
    MachineConfig machine =
        machine_of(boot.descriptor, *boot.cell.platform, boot.cell.factors, boot.cell.seed);
    Ingredients all{{"program", files.identity("/proc/self/exe")},
                    {"machine", machine.describe()},
                    {"kernel", files.identity(boot.kernel)},
                    {"ramdisk", files.identity(boot.ramdisk)},
                    {"memory_mib", std::to_string(boot.memory_mib)},
                    {"vcpus", std::to_string(boot.vcpus)},
                    {"extra", boot.extra},
                    {"trace", fmt::format("{}", fmt::join(boot.descriptor.trace, ","))},
                    {"workloads", boot.workloads},
                    {"disk", boot.disk.empty() ? "" : files.identity(boot.disk)}};
    for (const Boot::Domain& domain : boot.domains)
        all.emplace_back(
            "domain " + domain.name,
            fmt::format("{} after {} s on {}; {}; {}{}", domain.workloads, domain.start_s,
                        files.identity(domain.disk), fmt::join(domain.config, "; "), domain.words,
                        domain.background ? " in the background" : ""));
    return all;
}

fs::path RunCache::spool_of(const Ingredients& ingredients) const {
    return folder_ / (key_of(ingredients) + ".spool");
}

fs::path RunCache::label_file(const Boot& boot) const {
    const std::string label = boot.descriptor.name + " " + boot.cell.label();
    return folder_ / "labels" / (sha256_hex(label).substr(0, 16) + ".json");
}

std::optional<record::RunRecord> RunCache::find(const Boot& boot,
                                                const Ingredients& ingredients) const {
    const fs::path spool = spool_of(ingredients);
    if (!fs::exists(spool)) return std::nullopt;
    const record::RunRecord kept = record::record_from(spool);
    // One that failed is tried again.
    if (kept.status != record::Status::ok) return std::nullopt;
    record::RunRecord run = record_of(boot);
    run.console = kept.console;
    run.status = kept.status;
    run.reason = kept.reason;
    run.exit_code = kept.exit_code;
    run.facts = kept.facts;
    run.config = kept.config;
    run.command = kept.command;
    run.trace = kept.trace;
    return run;
}

void RunCache::keep(const Boot& boot, const Ingredients& ingredients, const fs::path& spool) const {
    fs::create_directories(folder_ / "labels");
    const fs::path place = spool_of(ingredients);
    const auto copy = [](const fs::path& from, const fs::path& to) {
        const fs::path unfinished = fmt::format("{}.{}", to.string(), ::getpid());
        fs::copy_file(from, unfinished, fs::copy_options::overwrite_existing);
        flush_to_disk(unfinished);
        fs::rename(unfinished, to);
    };
    if (const fs::path events = record::trace_beside(spool); fs::exists(events))
        copy(events, record::trace_beside(place));
    copy(spool, place);
    write_durably(
        label_file(boot),
        Json(std::map<std::string, std::string>(ingredients.begin(), ingredients.end())).dump(1));
}

std::string RunCache::explain(const Boot& boot, const Ingredients& ingredients) const {
    if (!can_keep(boot.cell)) return "not kept: wall-clock times are measured each time";
    if (find(boot, ingredients))
        return fmt::format("cached: {}", key_of(ingredients).substr(0, 16));
    std::ifstream file(label_file(boot));
    const Json last = Json::parse(file, nullptr, false);
    if (last.is_discarded()) return "not cached: it never ran";
    std::vector<std::string> changed;
    for (const auto& [name, value] : ingredients)
        if (last.value(name, "") != value) changed.push_back(name);
    if (changed.empty()) return "not cached: what was kept is gone";
    return fmt::format("not cached: changed since: {}", fmt::join(changed, ", "));
}

}  // namespace ring3::experiment
