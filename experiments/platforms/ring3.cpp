// SPDX-License-Identifier: MIT
// ring3 itself: a machine with one domain or several, in a process of its own, so that what it does
// to that process ends one run and not the campaign.
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "experiments/platforms/child.hpp"
#include "experiments/platforms/kernel_words.hpp"
#include "experiments/platforms/machine_lines.hpp"
#include "experiments/platforms/shared_progress.hpp"
#include "hv/base/cache_folder.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/sha256.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/machine.hpp"
#include "hv/sched/scheduler_error.hpp"
#include "hv/trace/file.hpp"

namespace ring3::experiment {
namespace {

constexpr const char* facts_file = "facts";
constexpr const char* config_file = "machine.toml";
constexpr const char* trace_file = "trace";

std::string domain_text(const Boot& boot, const Boot::Domain& domain) {
    Boot own = boot;
    own.workloads = domain.workloads;
    if (!domain.words.empty()) own.extra += " " + domain.words;
    if (domain.start_s > 0) own.extra += fmt::format(" workloads_delay_s={}", domain.start_s);
    std::string text = fmt::format(
        "name = '{}'\nkernel = '{}'\nramdisk = '{}'\nmemory = {}\nvcpus = {}\n"
        "root = '/dev/xvda'\ndisk = ['overlay:{},raw,xvda,w']\n"
        "extra = 'console=hvc0 quiet tsc=nowatchdog {}'\non_reboot = 'destroy'\n",
        domain.name, boot.kernel.string(), boot.ramdisk.string(), boot.memory_mib, boot.vcpus,
        domain.disk.string(), fmt::join(kernel_words(own), " "));
    return text;
}

std::vector<Boot::Domain> domains_of(const Boot& boot) {
    if (!boot.domains.empty()) return boot.domains;
    Boot::Domain only;
    only.name = guest_name;
    only.workloads = boot.workloads;
    only.disk = boot.disk;
    return {only};
}

/// Tells how far the machine is. Where the experiment has guests in the background, be there some
/// at this point of it or none, the machine is to stop when all others have done their work, or
/// have ended, which is a moment of its own time; else it stops by itself, or when its parent kills
/// it. (To power off takes long beside others.)
class Follower final : public Outside {
public:
    Follower(SharedProgress& progress, bool stops) : progress_(progress), stops_(stops) {}

    void follow(Machine& machine) { machine_ = &machine; }
    /// Whose work is waited for; `is_done`: whether it has told so.
    void wait_for(const Guest& guest, std::shared_ptr<const bool> is_done) {
        guests_.push_back({&guest, std::move(is_done)});
    }
    bool wants_stop() override {
        // Asked at every exit of a guest.
        constexpr unsigned every = 16;
        if (machine_ != nullptr && ++asked_ % every == 0)
            progress_.set({machine_->time().time_since_epoch(), machine_->retired()});
        return stops_ && std::ranges::none_of(guests_, &Worker::is_at_work);
    }

private:
    struct Worker {
        const Guest* guest;
        std::shared_ptr<const bool> is_done;

        bool is_at_work() const { return guest->is_alive() && !*is_done; }
    };

    SharedProgress& progress_;
    Machine* machine_ = nullptr;
    unsigned asked_ = 0;
    const bool stops_;
    std::vector<Worker> guests_;
};

void write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(file, text.data(), text.size());
        if (count < 0 && errno != EINTR) return;  // the parent is gone, and so are we soon
        if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
    }
}

/// A console's output, line by line.
class LineWriter {
public:
    LineWriter(Machine& machine, std::string name, int output)
        : machine_(machine), name_(std::move(name)), output_(output) {}

    void operator()(std::span<const std::byte> bytes) {
        for (const std::byte byte : bytes) {
            const char c = static_cast<char>(byte);
            if (c == '\r') continue;
            if (c != '\n') {
                line_ += c;
                continue;
            }
            const Line line{machine_.time().time_since_epoch(), name_, line_};
            write_all(output_, told(line) + "\n");
            hash_->update(fmt::format("{} {}\n", line.at.count(), line_));
            *is_done_ |= line_.starts_with(end_line);
            line_.clear();
        }
    }
    /// Of the lines so far, with their times. Copies of this share it.
    const std::shared_ptr<Sha256>& hash() const { return hash_; }
    /// Whether the last line of its work has come.
    const std::shared_ptr<bool>& is_done() const { return is_done_; }

private:
    std::shared_ptr<bool> is_done_ = std::make_shared<bool>(false);
    std::shared_ptr<Sha256> hash_ = std::make_shared<Sha256>();
    Machine& machine_;
    std::string name_;
    int output_;
    std::string line_;
};

trace::Classes classes_of(const Descriptor& descriptor) {
    if (descriptor.trace.empty()) return {};
    return trace::parse_classes(fmt::format("{}", fmt::join(descriptor.trace, ",")));
}

/// What each domain did, by itself: to be compared between runs.
class DomainFacts {
public:
    void add(const Guest& guest, const LineWriter& console) {
        names_.push_back(guest.name());
        guests_.push_back(&guest);
        consoles_.push_back(console.hash());
    }
    void write(std::ostream& facts, Machine& machine, const std::filesystem::path& trace) {
        facts << "domains " << fmt::format("{}", fmt::join(names_, ",")) << '\n';
        if (machine.world() != Clock::World::closed) return;
        const auto events = std::filesystem::exists(trace) ? hashes_of(trace)
                                                           : std::map<std::uint16_t, std::string>{};
        for (std::size_t i = 0; i < names_.size(); ++i) {
            const auto tell = [&](const char* what, const std::string& hash) {
                facts << names_[i] << '_' << what << "_sha256 " << hash << '\n';
            };
            tell("console", consoles_[i]->finish_hex());
            // One that is kept after its end, as on_poweroff = "preserve" has it.
            if (auto* const guest = const_cast<Guest*>(guests_[i]); guest->domain() != nullptr)
                tell("memory", machine.digest(*guest));
            if (const auto found = events.find(static_cast<std::uint16_t>(i + 1));
                found != events.end())
                tell("trace", found->second);
        }
    }

private:
    /// By the numbers of domains, which are made in order.
    static std::map<std::uint16_t, std::string> hashes_of(const std::filesystem::path& trace) {
        std::map<std::uint16_t, Sha256> hashes;
        for (const trace::Record& record : trace::read_file(trace).records)
            hashes[record.domain].update(std::as_bytes(std::span{&record, 1}));
        std::map<std::uint16_t, std::string> texts;
        for (auto& [domain, hash] : hashes) texts[domain] = hash.finish_hex();
        return texts;
    }

    std::vector<std::string> names_;
    std::vector<const Guest*> guests_;
    std::vector<std::shared_ptr<Sha256>> consoles_;
};

bool is_background(const Boot& boot, const std::string& name) {
    return std::ranges::any_of(boot.domains, [&](const Boot::Domain& domain) {
        return domain.name == name && domain.background;
    });
}

/// What the child does. Its result is its exit code.
int run_machine(const Boot& boot, MachineConfig config, SharedProgress& progress, int output) try {
    Follower follower(progress,
                      std::ranges::any_of(boot.descriptor.domains, &DomainChoice::background));
    Machine machine(std::move(config), follower, [](const Log::Line& line) {
        if (line.level != LogLevel::info) fmt::print(stderr, "{}\n", line.text);
    });
    follower.follow(machine);
    DomainFacts domain_facts;
    machine.set_core_folder(boot.scratch);
    machine.keep_files_in(cache_folder());
    for (const Boot::Domain& domain : domains_of(boot)) {
        GuestSpec spec =
            guest_spec(parse_domain_config("domain.cfg", domain_text(boot, domain), domain.config),
                       [](const std::string& name) { return name; });
        const LineWriter console(machine, domain.name, output);
        spec.show = console;
        Guest& guest = machine.add_guest(std::move(spec));
        if (!domain.background) follower.wait_for(guest, console.is_done());
        domain_facts.add(guest, console);
    }
    std::ofstream{boot.scratch / config_file} << machine.config().describe();
    std::unique_ptr<trace::FileWriter> events;
    if (const trace::Classes classes = classes_of(boot.descriptor);
        !(classes == trace::Classes{})) {
        events = std::make_unique<trace::FileWriter>(boot.scratch / trace_file, classes,
                                                     machine.world() == Clock::World::closed);
        machine.start_trace(*events, classes);
    }
    std::optional<Time> last;
    const auto tell = [&](const MachineSample& sample) {
        if (last != sample.at) write_all(output, told(sample) + "\n");
        last = sample.at;
    };
    const Duration period = boot.descriptor.series;
    if (period > Duration::zero()) machine.start_sampling(period, tell);
    Machine::End end = Machine::End::stopped;
    std::string scheduler_error;
    try {
        end = machine.run();
        if (period > Duration::zero()) tell(machine.sample());
    } catch (const SchedulerError& error) {
        scheduler_error = error.what();
    }
    machine.stop_trace();
    if (events) events->finish();
    if (!scheduler_error.empty()) {
        fmt::print(stderr, "{}\n", scheduler_error);
        return static_cast<int>(ExitCode::crash);
    }
    bool has_crashed = end == Machine::End::stuck;
    if (has_crashed) fmt::print(stderr, "the guests wait for something that can never come\n");
    // The watchdog's stop is none that the work's end has asked for.
    has_crashed |= end == Machine::End::stopped && !follower.wants_stop();
    for (const Guest* guest : machine.guests()) {
        if (!guest->has_crashed()) continue;
        fmt::print(stderr, "the domain \"{}\" crashed\n", guest->name());
        has_crashed |= !is_background(boot, guest->name());
    }
    std::ofstream facts{boot.scratch / facts_file};
    facts << "instructions " << machine.retired() << '\n';
    domain_facts.write(facts, machine, boot.scratch / trace_file);
    if (const auto& bite = machine.starved())
        facts << "starved_vcpu " << bite->who << "\nstarved_at_ns "
              << bite->at.time_since_epoch().count() << "\nscheduler_after round_robin\n";
    if (machine.world() == Clock::World::closed)
        facts << "virtual_ns " << machine.time().time_since_epoch().count() << "\ndigest "
              << machine.digest() << '\n';
    return static_cast<int>(has_crashed ? ExitCode::crash : ExitCode::ok);
} catch (const ConfigError& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(ExitCode::usage);
} catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(ExitCode::environment);
}

class Ring3 final : public Platform {
public:
    Ring3(Params&, const PlatformChoice&) {}

    std::string unavailable_for_several() override { return ""; }

    Outcome run(const Boot& boot, Listener& listener) override {
        const MachineConfig config =
            machine_of(boot.descriptor, *boot.cell.platform, boot.cell.factors, boot.cell.seed);
        SharedProgress progress;
        Child child([&](int output) { return run_machine(boot, config, progress, output); });
        LastLine last_line(domains_of(boot));
        const auto take = [&](std::chrono::nanoseconds at, const std::string& text) {
            Told what = read_told(text);
            if (auto* const sample = std::get_if<MachineSample>(&what))
                take_sample(boot, std::move(*sample), listener);
            auto* const line = std::get_if<Line>(&what);
            if (line == nullptr) return false;
            // In virtual time the end is the guests' own, however long the host takes to get there.
            const bool is_last = last_line.is(*line) && boot.cell.clock != "virtual";
            take_line(boot, at, std::move(*line), listener);
            return is_last;
        };
        const auto wants_stop = [&] {
            listener.progress(progress.get());
            return listener.wants_stop();
        };
        Outcome outcome =
            child.listen(take,
                         std::chrono::duration_cast<std::chrono::nanoseconds>(
                             std::chrono::duration<double>(boot.descriptor.timeout_s)),
                         wants_stop);
        read_facts(boot, outcome);
        return outcome;
    }

private:
    /// A single guest has no name in a record.
    static bool is_nameless(const Boot& boot, const std::string& domain) {
        return domain == guest_name && !boot.cell.is_of_domains();
    }
    static void take_line(const Boot& boot, std::chrono::nanoseconds at, Line line,
                          Listener& listener) {
        if (boot.cell.clock != "virtual") line.at = at;
        if (is_nameless(boot, line.domain)) line.domain.clear();
        listener.line(line);
    }
    static void take_sample(const Boot& boot, MachineSample sample, Listener& listener) {
        for (DomainSample& domain : sample.domains)
            if (is_nameless(boot, domain.name)) domain.name.clear();
        listener.sample(sample);
    }
    static void read_facts(const Boot& boot, Outcome& outcome) {
        std::ifstream facts{boot.scratch / facts_file};
        for (std::string name, value; facts >> name >> value;) outcome.facts[name] = value;
        std::ifstream config{boot.scratch / config_file};
        outcome.config.assign(std::istreambuf_iterator<char>(config), {});
        if (std::filesystem::exists(boot.scratch / trace_file))
            outcome.trace = boot.scratch / trace_file;
        for (const Boot::Domain& domain : domains_of(boot))
            outcome.command += domain_text(boot, domain);
    }
};

const Registered<Platform, Ring3> entry{"ring3", "a ring3 machine"};

}  // namespace
}  // namespace ring3::experiment
