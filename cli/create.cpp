// SPDX-License-Identifier: MIT
// ring3 create: starts a domain from a config in xl's syntax, and runs it in this process.
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <boost/program_options.hpp>

#include "cli/foreground.hpp"
#include "cli/terminal.hpp"
#include "cli/verb.hpp"
#include "hv/machine/config/domain_config.hpp"
#include "hv/machine/machine.hpp"
#include "workloads/images/image_store.hpp"

namespace ring3 {
namespace {

namespace po = boost::program_options;

constexpr const char* help =
    "usage: ring3 create [OPTIONS] CONFIG [KEY=VALUE...]\n"
    "\n"
    "Starts the domain that CONFIG describes, in the syntax of xl and xm; KEY=VALUE wins over the\n"
    "file. The domain runs in this process until it ends.\n"
    "\n"
    "  -c, --console         attach this terminal to the domain's console; Ctrl-] destroys the\n"
    "                        domain and leaves. Standard input may be a file or a pipe as well:\n"
    "                        its end leaves the domain running\n"
    "  -p, --paused          leave the domain paused\n"
    "      --dry-run         print what would be built, and build nothing\n"
    "      --digest          end with one line on standard error: the SHA-256 of the final state,\n"
    "                        the instructions retired, the virtual time\n"
    "      --clock NAME      wall (the default), or virtual: then the same input gives the same "
    "run\n"
    "      --machine FILE    a machine file: policies and their parameters\n"
    "      --set T.KEY=VALUE one parameter, as key KEY of table [T] of a machine file\n"
    "\n"
    "`ring3 policies` lists what can be chosen. Exit code: 0 the domain was shut down, 2 "
    "something\n"
    "is wrong with the command or a file, 4 with the host, 6 the domain crashed, 130 "
    "interrupted.\n";

/// More than a script that drives a guest ever types.
constexpr std::size_t most_scripted_input = std::size_t{64} << 20;

struct Options {
    std::string config;
    std::vector<std::string> overrides;
    std::vector<std::string> settings;
    std::string machine_file;
    std::string clock;
    bool console = false, paused = false, dry_run = false, digest = false;
};

Options parse(std::span<const std::string> arguments) {
    Options options;
    std::vector<std::string> words;
    std::string record, replay;
    po::options_description all;
    // clang-format off
    all.add_options()
        ("console,c", po::bool_switch(&options.console))
        ("paused,p", po::bool_switch(&options.paused))
        ("dry-run", po::bool_switch(&options.dry_run))
        ("digest", po::bool_switch(&options.digest))
        ("clock", po::value(&options.clock))
        ("machine", po::value(&options.machine_file))
        ("set", po::value(&options.settings)->composing())
        ("record", po::value(&record))
        ("replay", po::value(&replay))
        ("words", po::value(&words));
    // clang-format on
    namespace style = po::command_line_style;
    po::variables_map values;
    po::store(po::command_line_parser{{arguments.begin(), arguments.end()}}
                  .options(all)
                  // A shortened option is refused: tomorrow it may mean another.
                  .style(style::unix_style & ~style::allow_guessing)
                  .positional(po::positional_options_description{}.add("words", -1))
                  .run(),
              values);
    po::notify(values);
    if (values.contains("record") || values.contains("replay"))
        throw ConfigError{
            "--record and --replay are not built yet; under --clock virtual a run whose "
            "input is a file or a pipe repeats as it is"};
    if (words.empty())
        throw ConfigError{"ring3 create: no config given, for example examples/hello.cfg"};
    options.config = words[0];
    options.overrides.assign(words.begin() + 1, words.end());
    return options;
}

MachineConfig machine_config(const Options& options) {
    MachineConfig config;
    if (!options.machine_file.empty()) config.read_file(options.machine_file);
    if (!options.clock.empty()) config.choose("clock", options.clock, "--clock");
    for (const std::string& setting : options.settings) config.set(setting);
    return config;
}

/// The path of a file that a config names; an image that is missing gets built.
std::string resolve(const std::string& name) {
    if (!ImageStore::is_image_name(name)) return name;
    ImageStore images{ImageStore::default_root(), registered_recipes(), print_note};
    return images.resolve(name).string();
}

GuestSpec guest_spec(const Options& options) {
    GuestSpec spec;
    spec.config = read_domain_config(options.config, options.overrides);
    for (const std::string& warning : spec.config.warnings) print_warning(warning);
    spec.kernel_path = resolve(spec.config.kernel);
    spec.ramdisk_path = resolve(spec.config.ramdisk);
    spec.starts_paused = options.paused;
    return spec;
}

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

void print_dry_run(Machine& machine, const GuestSpec& spec, const MachineConfig& chosen) {
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
    fmt::print("{}\n", describe_build(spec, machine.free_frames()));
    fmt::print("{}", chosen.describe());
}

void print_log_line(const Log::Line& line, bool is_raw) {
    // A raw terminal does not go back to the first column by itself.
    const std::string text = line.text + (is_raw ? "\r" : "");
    if (line.level == LogLevel::error) print_error(text);
    if (line.level == LogLevel::warning) print_warning(text);
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
            fmt::format("\"{}\" waits for something that can never come: no timer is set, and "
                        "in virtual time nobody types",
                        guest.name()));
        return to_int(ExitCode::crash);
    }
    return to_int(guest.has_crashed() ? ExitCode::crash : ExitCode::ok);
}

int run(std::span<const std::string> arguments) {
    const Options options = parse(arguments);
    MachineConfig chosen = machine_config(options);
    GuestSpec spec = guest_spec(options);

    const StopSignals signals;
    Foreground foreground(signals);
    std::unique_ptr<RawTerminal> terminal;
    Machine machine(std::move(chosen), foreground, [&](const Log::Line& line) {
        print_log_line(line, terminal && terminal->is_raw());
    });
    if (options.dry_run) {
        print_dry_run(machine, spec, machine.config());
        return to_int(ExitCode::ok);
    }

    const bool is_closed = machine.world() == Clock::World::closed;
    if (options.console) {
        spec.show = [&](std::span<const std::byte> bytes) { foreground.show(bytes); };
        if (is_closed) spec.scripted_input = read_scripted_input();
    }
    Guest& guest = machine.add_guest(std::move(spec));
    if (options.console && !is_closed) {
        terminal = std::make_unique<RawTerminal>(STDIN_FILENO);
        foreground.attach_input(
            [&](std::span<const std::byte> bytes) {
                return guest.console() != nullptr ? guest.console()->offer_input(bytes) : 0;
            },
            terminal->is_raw());
    }

    const Machine::End end = machine.run();
    terminal.reset();
    const int code = exit_code(end, guest, foreground);
    if (options.digest)
        fmt::print(stderr, "digest sha256={} instructions={} virtual_ns={}\n", machine.digest(),
                   machine.retired(), machine.time().time_since_epoch().count());
    return code;
}

const RegisteredVerb entry{
    {"create", "starts a domain from a config, and runs it until it ends", help, run}};

}  // namespace
}  // namespace ring3
