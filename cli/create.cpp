// SPDX-License-Identifier: MIT
// ring3 create: starts a domain from a config in xl's syntax.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/console_client.hpp"
#include "cli/create_options.hpp"
#include "cli/daemon.hpp"
#include "cli/driver_initrd.hpp"
#include "cli/verb.hpp"
#include "hv/control/create_request.hpp"
#include "workloads/images/image_store.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 create [OPTIONS] CONFIG [KEY=VALUE...]\n"
    "\n"
    "Starts the domain that CONFIG describes, in the syntax of xl and xm; KEY=VALUE wins over the\n"
    "file. The domain runs on the machine that `ring3 up` started; when none is up, on a new one\n"
    "that ends with its last domain.\n"
    "\n"
    "  -c, --console             attach this terminal to the domain's console; Ctrl-] leaves it,\n"
    "                            and the domain goes on. Standard input may be a file or a pipe\n"
    "  -p, --paused              leave the domain paused\n"
    "  -f, --defconfig FILE      the same as CONFIG\n"
    "  -q, --quiet               say nothing of the config's oddities\n"
    "  -n, --dry-run             print what would be built, and build nothing\n"
    "  -M, --machine-name NAME   the machine to start it on (default: \"default\")\n"
    "      --json                print the new domain's name and number as one JSON document\n"
    "\n"
    "On a machine of its own, in this process, until the domain ends; Ctrl-] destroys it:\n"
    "      --private             for its own sake\n"
    "      --digest              end with one line on standard error: the SHA-256 of the final\n"
    "                            state, the instructions retired, the virtual time\n"
    "      --profile             end with what the engine did, and its hottest blocks, on\n"
    "                            standard error\n"
    "      --trace FILE[,classes=CLASS,...]\n"
    "                            write down what happens; `ring3 trace FILE` shows it. Classes "
    "are\n"
    "                            those of `ring3 trace --schema`, default, and all\n"
    "      --clock NAME          wall (the default), or virtual: then the same input gives the\n"
    "                            same run\n"
    "      --record FILE         under the virtual clock, write down what is typed, and when\n"
    "      --replay FILE         type it again: the same run\n"
    "\n"
    "Of a new machine, its own or in the background; `ring3 policies` lists what there is:\n"
    "      --machine FILE        a machine file: policies and their parameters\n"
    "      --set T.KEY=VALUE     one parameter, as key KEY of table [T] of a machine file\n"
    "\n"
    "Exit code: 0 all is well, 2 something is wrong with the command or a file, 4 with the host,\n"
    "6 the domain crashed while this terminal was attached, 7 a replay was another run, 130\n"
    "interrupted.\n";

CreateOptions parse(std::span<const std::string> arguments) {
    CreateOptions options;
    std::string file;
    CommandLine line("create");
    options.choice.add_to(line);
    options.machine.add_to(line)
        .flag("console,c", options.console)
        .flag("paused,p", options.paused)
        .flag("quiet,q", options.quiet)
        .flag("dry-run,n", options.dry_run)
        .flag("digest", options.digest)
        .flag("profile", options.profile)
        .flag("private", options.is_private)
        .value("defconfig,f", file)
        .value("record", options.record)
        .value("replay", options.replay)
        .value("trace", options.trace);
    std::vector<std::string> words =
        line.parse(arguments, {0, CommandLine::any_number, "a config"});
    if (!file.empty()) words.insert(words.begin(), file);
    if (words.empty())
        throw ConfigError{"ring3 create: no config given, for example examples/hello.cfg"};
    options.config = words[0];
    options.overrides.assign(words.begin() + 1, words.end());
    return options;
}

bool runs_in_foreground(const CreateOptions& options) {
    return options.digest || options.profile || options.is_private || options.dry_run ||
           !options.record.empty() || !options.replay.empty() || !options.trace.empty() ||
           world_of(options.machine.config()) == Clock::World::closed;
}

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The machine of this name, or a new one that ends with its last domain.
Client machine_for(const CreateOptions& options, const Endpoint& endpoint) {
    if (auto client = Client::connect_if_up(endpoint)) {
        if (options.machine.are_given())
            throw ConfigError{fmt::format(
                "machine \"{}\" is up already, so --machine, --set and --clock would do nothing; "
                "choose another one by --machine-name, or one of its own by --private",
                endpoint.machine())};
        return std::move(*client);
    }
    std::vector<std::string> words = options.machine.words();
    words.emplace_back("--ends-with-last-domain");
    try {
        start_in_background(endpoint, words);
    } catch (const ControlError& error) {
        // Somebody else was faster.
        if (error.code() != "is-up") throw;
    }
    return Client::connect(endpoint);
}

int create_in_background(CreateOptions& options) {
    const DomainConfig config = read_config(options);
    Json arguments =
        create_arguments(config, text_of(options.config), options.overrides, resolve_file);
    arguments["paused"] = options.paused;
    arguments["console"] = options.console;
    Client client = machine_for(options, options.choice.endpoint());
    const Json created = client.request("create", std::move(arguments));
    if (options.choice.json) print_json("create", created);
    return options.console ? attach_console(client) : to_int(ExitCode::ok);
}

int run(std::span<const std::string> arguments) {
    CreateOptions options = parse(arguments);
    return runs_in_foreground(options) ? create_in_foreground(options)
                                       : create_in_background(options);
}

const RegisteredVerb entry{
    {"create", "starts a domain from a config in the syntax of xl", help, run}};

}  // namespace

DomainConfig read_config(CreateOptions& options) {
    DomainConfig config = read_domain_config(options.config, options.overrides);
    if (config.ramdisk.empty() && !config.disks.empty()) {
        if (const auto initrd = driver_initrd_of(config.kernel)) {
            print_note(fmt::format("{}: no ramdisk is given; {} loads the drivers of disks",
                                   options.config, *initrd));
            options.overrides.push_back(fmt::format("ramdisk=\"{}\"", *initrd));
            config = read_domain_config(options.config, options.overrides);
        }
    }
    if (!options.quiet)
        for (const std::string& warning : config.warnings) print_warning(warning);
    return config;
}

std::string resolve_file(const std::string& name) {
    if (!ImageStore::is_image_name(name)) return std::filesystem::absolute(name).string();
    ImageStore images{ImageStore::default_root(), registered_recipes(), print_note};
    return images.resolve(name).string();
}

}  // namespace ring3
