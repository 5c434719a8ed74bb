// SPDX-License-Identifier: MIT
// A domain on a machine of its own, in this process: repeatable runs, digests, experiments.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include "cli/create_options.hpp"
#include "cli/foreground.hpp"
#include "cli/terminal.hpp"
#include "cli/trace_option.hpp"
#include "cli/verb.hpp"
#include "hv/base/cache_folder.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/machine.hpp"
#include "hv/sched/scheduler_error.hpp"
#include "hv/trace/file.hpp"
#include "workloads/images/image_store.hpp"

namespace ring3 {
namespace {

/// More than a script that drives a guest ever types.
constexpr std::size_t most_scripted_input = std::size_t{64} << 20;

/// All of standard input. A closed world takes what there is to take before it starts.
std::vector<std::byte> read_scripted_input() {
    if (isatty(STDIN_FILENO) != 0)
        throw ConfigError{
            "standard input is a terminal: what is typed there would come at no virtual "
            "time. Give the input as a file or a pipe, or none with `< /dev/null`, or "
            "run with --clock wall"};
    std::vector<std::byte> input;
    std::vector<std::byte> piece(std::size_t{64} << 10);
    while (true) {
        const ssize_t count = read(STDIN_FILENO, piece.data(), piece.size());
        if (count == 0 || (count < 0 && errno == EBADF)) return input;
        if (count < 0 && errno == EINTR && StopSignals::received() == 0) continue;
        if (count < 0)
            throw std::system_error{errno, std::generic_category(), "cannot read standard input"};
        input.insert(input.end(), piece.begin(), piece.begin() + count);
        if (input.size() > most_scripted_input)
            throw ConfigError{"standard input has more than 64 MiB: too much to type"};
    }
}

/// Where a config's files are, for a run that builds nothing; images that would be built are named.
struct FilesAsTheyAre {
    std::string operator()(const std::string& name) {
        if (!ImageStore::is_image_name(name)) return std::filesystem::absolute(name).string();
        const ImageStore images{ImageStore::default_root(), registered_recipes(), print_note};
        ImageStore::Place place = images.locate(name);
        if (place.needed.empty()) return place.path.string();
        needed.insert(std::move(place.needed));
        return name;
    }
    /// What would be done first; the same image may be named twice.
    std::set<std::string> needed;
};

void print_dry_run(Machine& machine, const GuestSpec& spec, const MachineConfig& chosen,
                   const std::set<std::string>& needed) {
    const DomainConfig& config = spec.config;
    fmt::print("domain \"{}\", uuid {}\n", config.name, to_string(config.uuid));
    fmt::print("kernel   {}\n", spec.kernel_path);
    if (!spec.ramdisk_path.empty()) fmt::print("ramdisk  {}\n", spec.ramdisk_path);
    fmt::print("command line: {}\n", config.command_line);
    constexpr std::uint64_t frames_per_mib = (1 << 20) / page_size;
    fmt::print("memory {} MiB, at most {} MiB; vCPUs {}\n", config.memory.raw / frames_per_mib,
               config.max_memory.raw / frames_per_mib, config.vcpus);
    fmt::print("on poweroff {}, on reboot {}, on crash {}\n\n", to_string(config.on_poweroff),
               to_string(config.on_reboot), to_string(config.on_crash));
    if (needed.empty()) fmt::print("{}\n", describe_build(spec, machine.free_frames()));
    for (const std::string& step : needed) fmt::print("first: {}\n", step);
    if (!needed.empty()) fmt::print("what the domain's memory holds shows when that is done\n\n");
    fmt::print("{}", chosen.describe());
}

void print_log_line(const Log::Line& line, bool is_raw) {
    // A raw terminal does not go back to the first column by itself.
    const std::string text = line.text + (is_raw ? "\r" : "");
    if (line.level == LogLevel::error) print_error(text);
    if (line.level == LogLevel::warning) print_warning(text);
}

bool can_run(Guest& guest) {
    for (VcpuId vcpu{0}; vcpu < VcpuId{guest.domain()->vcpu_count()}; ++vcpu)
        if (guest.domain()->vcpu(vcpu).is_runnable()) return true;
    return false;
}

int exit_code(Machine::End end, Guest& guest, const Foreground& foreground) {
    if (const int signal = StopSignals::received(); signal != 0) return 128 + signal;
    if (foreground.output_error() != 0)
        throw std::system_error{foreground.output_error(), std::generic_category(),
                                "cannot write to standard output"};
    if (foreground.has_left()) return to_int(ExitCode::ok);
    if (end == Machine::End::stuck) {
        if (guest.domain()->is_paused()) return to_int(ExitCode::ok);
        print_error(
            can_run(guest)
                ? fmt::format("\"{}\" can run, and the scheduler never picks it", guest.name())
                : fmt::format("\"{}\" waits for something that can never come: no timer is "
                              "set, and in virtual time nobody types",
                              guest.name()));
        return to_int(ExitCode::crash);
    }
    return to_int(guest.has_crashed() ? ExitCode::crash : ExitCode::ok);
}

void print_profile(const EngineProfile& profile, std::uint64_t retired) {
    fmt::print(stderr, "{:>16}  instructions retired\n", retired);
    for (const auto& [name, value] : profile.counts)
        fmt::print(stderr, "{:>16}  {}\n", value, name);
    const std::size_t shown = std::min<std::size_t>(profile.blocks.size(), 20);
    fmt::print(stderr, "{:>16}  {:>6}  {:>8}  {:6}  rip\n", "entered", "insns", "at most", "mode");
    for (const auto& block : std::span(profile.blocks).first(shown)) {
        const auto instructions = static_cast<double>(block.entered * block.length);
        fmt::print(stderr, "{:>16}  {:>6}  {:>7.2f}%  {:6}  {:016x}\n", block.entered, block.length,
                   100 * instructions / static_cast<double>(std::max<std::uint64_t>(retired, 1)),
                   block.kernel_mode ? "kernel" : "user", block.rip.raw);
    }
}

/// From before the first domain is built.
std::unique_ptr<trace::FileWriter> start_trace(Machine& machine, const std::string& text) {
    const auto [path, classes] = parse_trace_option(text);
    auto writer =
        std::make_unique<trace::FileWriter>(path, classes, machine.world() == Clock::World::closed);
    machine.start_trace(*writer, classes);
    return writer;
}

}  // namespace

int create_in_foreground(CreateOptions& options) {
    MachineConfig chosen = options.machine.config();
    if (options.profile) chosen.set("engine.count_blocks=true");
    FilesAsTheyAre as_they_are;
    const DomainConfig config = read_config(options);
    GuestSpec spec = options.dry_run ? guest_spec(config, std::ref(as_they_are))
                                     : guest_spec(config, resolve_file);
    spec.starts_paused = options.paused;

    const StopSignals signals;
    Foreground foreground(signals);
    std::unique_ptr<RawTerminal> terminal;
    // Outlives the machine, whose records it takes.
    std::unique_ptr<trace::FileWriter> trace;
    const auto show_log = [&](const Log::Line& line) {
        print_log_line(line, terminal && terminal->is_raw());
    };
    Machine machine(std::move(chosen), foreground, show_log, {options.record, options.replay});
    machine.set_core_folder(options.choice.endpoint().log().parent_path());
    machine.keep_files_in(cache_folder());
    if (options.dry_run) {
        print_dry_run(machine, spec, machine.config(), as_they_are.needed);
        return to_int(ExitCode::ok);
    }

    if (!options.trace.empty()) trace = start_trace(machine, options.trace);
    const OutsideInputs::Mode mode = machine.inputs().mode();
    if (options.console) {
        spec.show = [&](std::span<const std::byte> bytes) { foreground.show(bytes); };
        if (mode == OutsideInputs::Mode::closed) spec.scripted_input = read_scripted_input();
    }
    Guest& guest = machine.add_guest(std::move(spec));
    if (options.console && machine.inputs().accepts()) {
        terminal = std::make_unique<RawTerminal>(STDIN_FILENO);
        foreground.attach_input(
            [&](std::span<const std::byte> bytes) { return machine.type(guest, bytes); },
            terminal->is_raw());
    }

    const auto finish_trace = [&] {
        machine.stop_trace();
        if (trace) trace->finish();
    };
    Machine::End end{};
    try {
        end = machine.run();
    } catch (const SchedulerError&) {
        finish_trace();  // it shows what went wrong
        throw;
    }
    terminal.reset();
    finish_trace();
    const int code = exit_code(end, guest, foreground);
    if (options.digest)
        fmt::print(stderr, "digest sha256={} instructions={} virtual_ns={}\n", machine.digest(),
                   machine.retired(), machine.time().time_since_epoch().count());
    if (options.profile) print_profile(machine.profile(), machine.retired());
    return code;
}

}  // namespace ring3
