// SPDX-License-Identifier: MIT
#include "experiments/descriptor/descriptor.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "experiments/descriptor/checks.hpp"
#include "experiments/descriptor/toml_reader.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/machine/policies.hpp"
#include "hv/trace/schema.hpp"
#include "workloads/catalogue/workload.hpp"

namespace ring3::experiment {
namespace {

constexpr std::array machine_tables{"machine", "scheduler", "memory", "io",
                                    "net",     "disk",      "clock",  "engine"};
const std::vector<std::string> platform_kinds{"ring3",    "native",    "uml",    "qemu-tcg",
                                              "qemu-kvm", "published", "command"};
struct NumberRange {
    std::uint64_t least, most;
};
constexpr NumberRange memory_mib_range{16, 1 << 20};
constexpr NumberRange vcpus_range{1, 128};
/// Of a domain of one name.
constexpr NumberRange count_range{1, 512};
constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// A name becomes part of file names and of columns.
void check_name(TableReader& table, std::string_view key, const std::string& name) {
    constexpr std::size_t longest = 31;  // the columns of a record hold so much
    const bool is_good = std::ranges::all_of(name, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
    if (!is_good || name.size() > longest)
        table.fail(key,
                   fmt::format("\"{}\" has at most {} letters, digits, - _ or .", key, longest));
}

void read_experiment(TableReader table, Descriptor& into) {
    into.name = table.required_text("name");
    check_name(table, "name", into.name);
    into.title = table.text("title", into.name);
    into.question = table.text("question", "");
    into.baseline = table.text("baseline", "");
    const auto repetitions = static_cast<unsigned>(table.integer("repetitions", 3, 1, 1000));
    into.stopping = {repetitions, repetitions, 0};
    into.seeds = table.integers("seeds", {1});
    into.order_seed = table.integer("order_seed", 1, 0, ~std::uint64_t{0} >> 1);
    into.timeout_s = table.number("timeout_s", 900, 1, 1e6);
    into.trace = table.texts("trace", {});
    into.series = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double, std::milli>(table.number("series_ms", 100, 0, 1e6)));
    try {
        if (!into.trace.empty())
            trace::parse_classes(fmt::format("{}", fmt::join(into.trace, ",")));
    } catch (const ConfigError& error) {
        table.fail("trace", error.what());
    }
    if (table.has("stop")) {
        TableReader stop = table.table("stop");
        constexpr unsigned fewest = StoppingRule::fewest;
        into.stopping.least = static_cast<unsigned>(stop.integer("least", fewest, 1, 1000));
        into.stopping.most = static_cast<unsigned>(stop.integer("most", 30, 1, 1000));
        into.stopping.relative_interval = stop.number("relative_interval", 0.02, 1e-6, 1);
        if (into.stopping.most < into.stopping.least)
            stop.fail("most", "\"most\" is less than \"least\"");
        else if (into.stopping.most < fewest)
            stop.fail("most", fmt::format("below {} runs a median has no 95% interval, so that the "
                                          "rule could never hold; say \"repetitions\" instead",
                                          fewest));
        if (table.has("repetitions"))
            table.fail("repetitions", "either \"repetitions\" or \"stop\", not both");
        stop.reject_unknown();
    }
    table.reject_unknown({"stop"});
}

void read_guest(TableReader table, Descriptor& into) {
    GuestChoice& guest = into.guest;
    guest.kernel = table.text("kernel", "image:debian-cloud/vmlinuz");
    guest.ramdisk = table.text("ramdisk", "image:debian-cloud/initrd");
    guest.image = table.text("image", "");
    guest.disk = table.text("disk", "");
    guest.tree = table.text("tree", "");
    if (!guest.disk.empty() && !guest.image.empty())
        table.fail("disk", "either \"image\" or \"disk\", not both");
    guest.memory_mib = static_cast<unsigned>(
        table.integer("memory_mib", 512, memory_mib_range.least, memory_mib_range.most));
    guest.vcpus =
        static_cast<unsigned>(table.integer("vcpus", 1, vcpus_range.least, vcpus_range.most));
    guest.extra = table.text("extra", "");
    table.reject_unknown();
}

void read_platform(TableReader table, const std::string& name, Descriptor& into) {
    PlatformChoice platform;
    platform.name = name;
    check_name(table, "kind", name);
    const bool is_kind = std::ranges::find(platform_kinds, name) != platform_kinds.end();
    if (!is_kind && !table.has("kind"))
        table.fail("", fmt::format("[platforms.{}] wants a \"kind\", one of: {}", name,
                                   fmt::join(platform_kinds, ", ")));
    platform.kind = table.choice("kind", is_kind ? name : "ring3", platform_kinds);
    platform.settings = table.texts("set", {});
    if (!platform.settings.empty() && platform.kind != "ring3")
        table.fail("set", fmt::format("\"set\" chooses policies of a ring3 machine; {} has none",
                                      platform.kind));
    platform.command = table.texts("command", {});
    if ((platform.kind == "command") == platform.command.empty())
        table.fail("command", platform.kind == "command"
                                  ? "\"command\" is missing: the words that start the guest"
                                  : "\"command\" is for the kind \"command\" alone");
    TableReader differs = table.table("differs");
    for (const std::string& what : differs.keys()) {
        platform.differs[what] = differs.text(what, "");
        if (std::ranges::find(difference_kinds(), what) == difference_kinds().end())
            differs.fail(what, fmt::format("there is no \"{}\"{}; platforms may differ in: {}",
                                           what, nearest_name_hint(what, difference_kinds()),
                                           fmt::join(difference_kinds(), ", ")));
    }
    table.reject_unknown();
    into.platforms.push_back(std::move(platform));
}

/// What a platform has of its own where others have the guest's, as far as a descriptor tells.
std::set<std::string> own_software(const PlatformChoice& platform, const GuestChoice& guest) {
    std::set<std::string> own;
    // Nobody can tell that a tree of the user's is what is in his disk.
    if (platform.kind == "native" && !guest.disk.empty()) own.insert("image");
    if (platform.kind != "command") return own;
    const std::string words = fmt::format("{}", fmt::join(platform.command, " "));
    for (const auto& [what, placeholder] :
         {std::pair{"kernel", "{kernel}"}, std::pair{"kernel", "{ramdisk}"},
          std::pair{"image", "{disk}"}, std::pair{"memory", "{memory_mib}"},
          std::pair{"vcpus", "{vcpus}"}, std::pair{"words", "{words}"}})
        if (words.find(placeholder) == std::string::npos) own.insert(what);
    return own;
}

/// Different software is compared only where the descriptor says that it is different.
void check_software(TableReader& platforms, const Descriptor& descriptor) {
    const auto is_run = [](const PlatformChoice& platform) { return platform.kind != "published"; };
    if (std::ranges::count_if(descriptor.platforms, is_run) < 2) return;
    for (const PlatformChoice& platform : descriptor.platforms) {
        std::set<std::string> unnamed = own_software(platform, descriptor.guest);
        for (const auto& [what, text] : platform.differs) unnamed.erase(what);
        if (unnamed.empty()) continue;
        platforms.table(platform.name)
            .fail(platform.kind == "command" ? "command" : "kind",
                  fmt::format("the platform \"{0}\" is compared with others, and brings its own "
                              "{1}; say so: [platforms.{0}.differs] {2} = \"what it is\"",
                              platform.name, fmt::join(unnamed, ", "), *unnamed.begin()));
    }
}

void read_platforms(TableReader& root, Descriptor& into) {
    TableReader platforms = root.table("platforms");
    for (const std::string& name : platforms.keys())
        read_platform(platforms.table(name), name, into);
    if (into.platforms.empty())
        root.fail("platforms",
                  fmt::format("no platform: write [platforms.ring3], or another of: {}",
                              fmt::join(platform_kinds, ", ")));
    check_software(platforms, into);
    std::vector<std::string> names;
    for (const PlatformChoice& platform : into.platforms) {
        names.push_back(platform.name);
        if (platform.kind == "native" && !into.guest.disk.empty() && into.guest.tree.empty())
            root.table("guest").fail("disk", fmt::format("the platform \"{}\" runs the tree that a "
                                                         "disk was made from: say \"tree\" as well",
                                                         platform.name));
    }
    if (into.baseline.empty())
        into.baseline = std::ranges::find(names, "native") != names.end() ? "native"
                        : names.empty()                                   ? ""
                                                                          : names.front();
    else if (std::ranges::find(names, into.baseline) == names.end())
        root.table("experiment")
            .fail("baseline",
                  fmt::format("there is no platform \"{}\"{}; there are: {}", into.baseline,
                              nearest_name_hint(into.baseline, names), fmt::join(names, ", ")));
}

/// The one other side that all of the programs need, or none of them.
void find_peer(TableReader& table, const Workload& workload, WorkloadChoice& choice) {
    for (const std::string& name : choice.programs) {
        const auto program = workload.programs.find(name);
        if (program == workload.programs.end()) continue;
        const std::string& peer = program->second.peer;
        if (name == choice.programs.front()) choice.peer = peer;
        if (peer == choice.peer) continue;
        table.fail(
            "programs",
            fmt::format("of {}, {} and {} do not run in one guest: one of them needs another "
                        "guest beside it; write a [[workloads]] for each",
                        workload.name, choice.programs.front(), name));
        return;
    }
}

/// "workload", "size", "programs", "iterations" of a table, `key` naming the workload.
WorkloadChoice read_choice(TableReader& table, std::string_view key) {
    WorkloadChoice choice;
    choice.name = table.required_text(key);
    choice.size = table.text("size", "test");
    choice.programs = table.texts("programs", {});
    choice.iterations = static_cast<unsigned>(table.integer("iterations", 2, 1, 1000));
    if (table.has("steady")) {
        TableReader steady = table.table("steady");
        choice.steady.window = static_cast<unsigned>(steady.integer("window", 5, 3, 1000));
        choice.steady.variation = steady.number("variation", 0.02, 0, 1);
        choice.steady.drift = steady.number("drift", choice.steady.variation, 0, 1);
        steady.reject_unknown();
        if (choice.iterations < choice.steady.window)
            table.fail("iterations",
                       fmt::format("\"iterations\" = {} are fewer than the window of {} in which "
                                   "they are to be steady",
                                   choice.iterations, choice.steady.window));
    }
    const std::vector<std::string> names = workload_names();
    if (std::ranges::find(names, choice.name) == names.end()) {
        if (!choice.name.empty())
            table.fail(key,
                       fmt::format("there is no workload \"{}\"{}; there are: {}", choice.name,
                                   nearest_name_hint(choice.name, names), fmt::join(names, ", ")));
        return choice;
    }
    const Workload workload = read_workload(workloads_folder() / choice.name);
    std::vector<std::string> programs;
    for (const auto& [name, program] : workload.programs) programs.push_back(name);
    for (const std::string& name : choice.programs)
        if (std::ranges::find(programs, name) == programs.end())
            table.fail("programs",
                       fmt::format("{} has no program \"{}\"{}; it has: {}", choice.name, name,
                                   nearest_name_hint(name, programs), fmt::join(programs, ", ")));
    const bool takes_all = choice.programs.empty();
    for (const auto& [name, program] : workload.programs) {
        const bool has_size = program.sizes.contains(choice.size);
        // Of a whole workload those that have the size: a program may be of one size only. What
        // needs another guest is taken by its name alone.
        if (takes_all && has_size && !program.needs_peer) choice.programs.push_back(name);
        const bool is_chosen = std::ranges::find(choice.programs, name) != choice.programs.end();
        std::vector<std::string> sizes;
        for (const auto& [size, parameters] : program.sizes) sizes.push_back(size);
        if (is_chosen && !has_size)
            table.fail("size", fmt::format("{}/{} has no size \"{}\"{}; it has: {}", choice.name,
                                           name, choice.size, nearest_name_hint(choice.size, sizes),
                                           fmt::join(sizes, ", ")));
    }
    choice.image = workload.image;
    for (const auto& [name, program] : workload.programs)
        if (program.higher_is_better) choice.higher_is_better.push_back(name);
    if (choice.programs.empty())
        table.fail("size",
                   fmt::format("no program of {} has the size \"{}\"", choice.name, choice.size));
    find_peer(table, workload, choice);
    const auto alone = std::ranges::count_if(
        workload.programs, [](const auto& program) { return !program.second.needs_peer; });
    choice.is_whole =
        choice.peer.empty() && choice.programs.size() == static_cast<std::size_t>(alone);
    return choice;
}

void read_workloads(TableReader& root, Descriptor& into) {
    for (TableReader& table : root.tables("workloads")) {
        WorkloadChoice choice = read_choice(table, "name");
        table.reject_unknown({"steady"});
        for (WorkloadChoice& other : into.workloads) {
            if (other.name != choice.name) continue;
            const bool overlaps =
                std::ranges::find_first_of(other.programs, choice.programs) != other.programs.end();
            if (other.size != choice.size || overlaps)
                table.fail("name",
                           fmt::format("the workload \"{}\" is there twice; several parts of "
                                       "it have the same size and other programs",
                                       choice.name));
            other.part = fmt::format("{}", fmt::join(other.programs, ","));
            choice.part = fmt::format("{}", fmt::join(choice.programs, ","));
        }
        into.workloads.push_back(std::move(choice));
    }
}

void read_domains(TableReader& root, Descriptor& into) {
    std::set<std::string> names;
    for (TableReader& table : root.tables("domains")) {
        DomainChoice domain;
        domain.name = table.required_text("name");
        check_name(table, "name", domain.name);
        // With its number; a record has 15 bytes for it.
        constexpr std::size_t longest = 11;
        if (domain.name.size() > longest)
            table.fail("name", fmt::format("the name of a domain has at most {} letters", longest));
        if (!names.insert(domain.name).second)
            table.fail("name", fmt::format("the domain \"{}\" is there twice", domain.name));
        domain.count =
            static_cast<unsigned>(table.integer("count", 1, count_range.least, count_range.most));
        domain.start_s = table.number("start_s", 0, 0, 1e6);
        domain.config = table.texts("config", {});
        domain.background = table.flag("background");
        domain.workload = read_choice(table, "workload");
        table.reject_unknown({"steady"});
        into.domains.push_back(std::move(domain));
    }
    if (into.domains.empty()) {
        if (into.workloads.empty())
            root.fail("", "nothing to run: write [[workloads]] or [[domains]]");
        return;
    }
    if (!into.workloads.empty())
        root.fail("domains",
                  "either [[workloads]], one at a time, or [[domains]] that run together");
    if (std::ranges::all_of(into.domains, &DomainChoice::background))
        root.fail("domains", "all domains are in the background: no run would end");
}

/// "domains.NAME.program": the values are programs of that domain's workload.
void check_program_axis(TableReader& table, const std::string& key,
                        const std::vector<std::string>& values, const Descriptor& descriptor) {
    for (const DomainChoice& domain : descriptor.domains) {
        if (key != fmt::format("domains.{}.program", domain.name)) continue;
        const WorkloadChoice& choice = domain.workload;
        const Workload workload = read_workload(workloads_folder() / choice.name);
        std::vector<std::string> names;
        for (const auto& [name, program] : workload.programs)
            if (program.sizes.contains(choice.size)) names.push_back(name);
        for (const std::string& value : values)
            if (std::ranges::find(names, value) == names.end())
                table.fail(key,
                           fmt::format("{} has no program \"{}\" of the size {}{}; it has: {}",
                                       choice.name, value, choice.size,
                                       nearest_name_hint(value, names), fmt::join(names, ", ")));
    }
}

/// What is a number in [guest] or [[domains]] is one in a sweep, in the same range; but no domain
/// of a name is a number of them, too.
void check_number_axis(TableReader& table, const std::string& key,
                       const std::vector<std::string>& values) {
    std::optional<NumberRange> range;
    if (key == "guest.memory_mib") range = memory_mib_range;
    if (key == "guest.vcpus") range = vcpus_range;
    if (key.starts_with("domains.") && key.ends_with(".count"))
        range = NumberRange{0, count_range.most};
    if (key == "domains.count") range = count_range;
    if (!range) return;
    for (const std::string& value : values) {
        std::uint64_t number = 0;
        const char* const end = value.data() + value.size();
        const auto [stop, error] = std::from_chars(value.data(), end, number);
        if (error != std::errc{} || stop != end || number < range->least || number > range->most)
            table.fail(key, fmt::format("\"{}\" is a whole number from {} to {}, not {}", key,
                                        range->least, range->most, value));
    }
}

void read_sweep(TableReader table, Descriptor& into) {
    std::vector<std::string> guest_keys{"guest.memory_mib", "guest.vcpus", "guest.kernel",
                                        "guest.extra", "domains.count"};
    for (const DomainChoice& domain : into.domains)
        guest_keys.push_back(fmt::format("domains.{}.count", domain.name));
    for (const DomainChoice& domain : into.domains)
        if (!domain.workload.programs.empty())
            guest_keys.push_back(fmt::format("domains.{}.program", domain.name));
    for (const std::string& key : table.keys()) {
        const auto any = table.any(key);
        if (!any) continue;
        if (!any->is_array || any->values.empty())
            table.fail(key, "an axis is a list of values: \"scheduler.slice_us\" = [5000, 50000]");
        const std::size_t dot = key.find('.');
        const bool is_guest = std::ranges::find(guest_keys, key) != guest_keys.end();
        if (!is_guest && (dot == std::string::npos || !is_machine_table(key.substr(0, dot))))
            table.fail(key,
                       fmt::format("\"{}\" is no key of a machine (\"scheduler.slice_us\"), and "
                                   "none of: {}",
                                   key, fmt::join(guest_keys, ", ")));
        const bool has_ring3 = std::ranges::any_of(
            into.platforms,
            [](const PlatformChoice& platform) { return platform.kind == "ring3"; });
        if (!is_guest && !has_ring3)
            table.fail(key, "no platform here is a ring3 machine, which alone has policies");
        check_program_axis(table, key, any->values, into);
        if (is_guest) check_number_axis(table, key, any->values);
        into.sweep.push_back({key, any->values});
    }
}

/// {"scheduler.name" = "bvt"} as a cell's factors have it.
std::string read_factors(TableReader& claim, std::string_view key, const Descriptor& descriptor) {
    TableReader table = claim.table(key);
    std::string text;
    for (const SweepAxis& axis : descriptor.sweep) {
        const auto any = table.any(axis.key);
        if (!any) continue;
        if (std::ranges::find(axis.values, any->values.at(0)) == axis.values.end())
            claim.fail(key, fmt::format("\"{}\" is no value of the sweep's {}", any->values.at(0),
                                        axis.key));
        text += fmt::format("{}{}={}", text.empty() ? "" : ";", axis.key, any->values.at(0));
    }
    table.reject_unknown();
    return text;
}

/// "weight", or "weight-3" where there are several.
bool is_domain(const Descriptor& descriptor, const std::string& name) {
    return name == "Domain-0" ||
           std::ranges::any_of(descriptor.domains, [&](const DomainChoice& domain) {
               return name == domain.name || name.starts_with(domain.name + "-");
           });
}

/// Whose values, or which fact of one domain.
void read_domains_of(TableReader& table, const Descriptor& descriptor, ClaimText& claim) {
    claim.domain = table.text("domain", "");
    claim.than_domain = table.text("than_domain", "");
    for (const auto& [key, name] :
         {std::pair{"domain", claim.domain}, std::pair{"than_domain", claim.than_domain}})
        if (!name.empty() && !is_domain(descriptor, name))
            table.fail(key, fmt::format("there is no domain \"{}\"", name));
    for (const char* key : {"same", "differs"}) {
        const std::string fact = table.choice(key, "", {"", "memory", "trace", "console"});
        if (fact.empty()) continue;
        claim.fact = fmt::format("{}_{}_sha256", claim.domain, fact);
        claim.differs = key == std::string_view("differs");
        if (claim.domain.empty())
            table.fail(key, "a claim about what is the same names a \"domain\"");
    }
}

void read_claims(TableReader& root, Descriptor& into) {
    std::vector<std::string> platforms, workloads;
    for (const PlatformChoice& platform : into.platforms) platforms.push_back(platform.name);
    for (const WorkloadChoice& workload : into.workloads) workloads.push_back(workload.name);
    if (!into.domains.empty()) workloads.emplace_back("domains");
    std::set<std::string> names;
    for (TableReader& table : root.tables("claims")) {
        ClaimText claim;
        claim.name = table.required_text("name");
        if (!names.insert(claim.name).second)
            table.fail("name", fmt::format("the claim \"{}\" is there twice", claim.name));
        claim.text = table.text("text", claim.name);
        workloads.emplace_back("");
        claim.workload = table.choice("workload", "", workloads);
        workloads.pop_back();
        claim.program = table.text("program", "");
        claim.metric = table.text("metric", "");
        claim.platform = table.choice("platform", platforms.empty() ? "" : platforms[0], platforms);
        claim.than = table.choice("than", into.baseline, platforms);
        claim.factors = read_factors(table, "at", into);
        claim.than_factors = read_factors(table, "than_at", into);
        claim.at_least = table.number("at_least", none, 0, infinite);
        claim.at_most = table.number("at_most", none, 0, infinite);
        read_domains_of(table, into, claim);
        if (claim.fact.empty() && std::isnan(claim.at_least) && std::isnan(claim.at_most))
            table.fail("", "a claim says \"at_least\" or \"at_most\": how many times as fast");
        table.reject_unknown();
        into.claims.push_back(std::move(claim));
    }
}

/// The file with every line left out that belongs to no table of a machine: places in messages stay
/// right.
std::string machine_lines(const std::string& text) {
    std::istringstream lines(text);
    std::string kept;
    bool is_machine = false;
    for (std::string line; std::getline(lines, line); kept += "\n") {
        const std::size_t begin = line.find_first_not_of(" \t");
        if (begin != std::string::npos && line[begin] == '[') {
            const std::size_t end = line.find_first_of(".]", begin + 1);
            is_machine = is_machine_table(line.substr(begin + 1, end - begin - 1));
        }
        if (is_machine) kept += line;
    }
    return kept;
}

std::string whole_file(const std::filesystem::path& path) {
    std::ifstream file;
    if (!std::filesystem::is_directory(path)) file.open(path, std::ios::binary);
    if (!file.is_open())
        throw EnvironmentError{
            fmt::format("cannot read the descriptor {}; those of this project are in experiments/",
                        path.string())};
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

const std::vector<std::string>& difference_kinds() {
    static const std::vector<std::string> kinds{"kernel", "image",       "memory",  "vcpus",
                                                "words",  "file-system", "devices", "other"};
    return kinds;
}

bool is_machine_table(std::string_view table) {
    return std::ranges::find(machine_tables, table) != machine_tables.end();
}

bool is_machine_key(std::string_view key) { return is_machine_table(key.substr(0, key.find('.'))); }

Descriptor read_descriptor(const std::filesystem::path& path,
                           const std::vector<std::string>& settings) {
    return parse_descriptor(path, whole_file(path), settings);
}

Descriptor parse_descriptor(const std::filesystem::path& path, std::string text,
                            const std::vector<std::string>& settings) {
    Descriptor descriptor;
    descriptor.path = path;
    descriptor.text = std::move(text);
    descriptor.settings = settings;
    descriptor.machine_text = machine_lines(descriptor.text);

    Errors errors(path.string());
    {
        // Settings of a machine's tables are the machine's to understand.
        std::vector<std::string> own;
        for (const std::string& setting : settings)
            if (!is_machine_key(setting)) own.push_back(setting);
        FileReader file(descriptor.text, own, errors, descriptor.effective);
        errors.raise();
        TableReader root = file.root();
        read_experiment(root.table("experiment"), descriptor);
        read_guest(root.table("guest"), descriptor);
        read_platforms(root, descriptor);
        read_workloads(root, descriptor);
        read_domains(root, descriptor);
        read_sweep(root.table("sweep"), descriptor);
        read_claims(root, descriptor);
        root.reject_unknown({machine_tables.begin(), machine_tables.end()});
    }
    check_settings(descriptor, errors);
    if (errors.empty()) check_machines(descriptor, errors);
    errors.raise();
    return descriptor;
}

namespace {

MachineConfig machine_with(MachineConfig config, const Descriptor& descriptor,
                           const PlatformChoice& platform, std::string_view factors) {
    config.read_text(descriptor.machine_text, descriptor.path.string());
    for (const std::string& setting : descriptor.settings)
        if (is_machine_key(setting)) config.set(setting);
    for (const std::string& setting : platform.settings) config.set(setting);
    std::istringstream points{std::string(factors)};
    for (std::string point; std::getline(points, point, ';');)
        if (is_machine_key(point)) config.set(point);
    return config;
}

}  // namespace

MachineConfig machine_of(const Descriptor& descriptor, const PlatformChoice& platform,
                         std::string_view factors, std::uint64_t seed) {
    const MachineConfig unseeded =
        checked(machine_with(MachineConfig(), descriptor, platform, factors));
    // Whatever draws lots draws them from the cell's seed, unless the file gives it one of its own.
    MachineConfig seeded;
    seeded.set(fmt::format("machine.seed={}", seed));
    for (const PolicyKind& kind : policy_kinds()) {
        const std::string& policy = unseeded.policy(kind.table).name;
        for (const Params::Declared& parameter : parameters_of(kind.name, policy))
            if (parameter.name == "seed") seeded.set(fmt::format("{}.seed={}", kind.table, seed));
    }
    return checked(machine_with(std::move(seeded), descriptor, platform, factors));
}

}  // namespace ring3::experiment
