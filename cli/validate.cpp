// SPDX-License-Identifier: MIT
// ring3 validate: whether a descriptor says what it may, and what it comes to.
#include <fmt/format.h>

#include "cli/arguments.hpp"
#include "cli/descriptor_choice.hpp"
#include "cli/verb.hpp"
#include "experiments/descriptor/cells.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 validate [--set KEY=VALUE]... [--show-config] DESCRIPTOR...\n"
    "\n"
    "Reads descriptors of experiments and tells every error at once, as FILE:LINE:COLUMN. Touches\n"
    "nothing.\n"
    "\n"
    "      --set KEY=VALUE   as for ring3 run\n"
    "      --show-config     print every value in effect, and who gave it\n"
    "\n"
    "Exit code: 0 all is well, 2 there are errors.\n";

void show(const experiment::Descriptor& descriptor) {
    print_effective(descriptor);
    for (const experiment::PlatformChoice& platform : descriptor.platforms)
        if (platform.kind == "ring3")
            fmt::print("\n# the machine of {}, before any sweep\n{}", platform.name,
                       experiment::machine_of(descriptor, platform, "", 1).describe());
}

int run(std::span<const std::string> arguments) {
    DescriptorChoice choice;
    bool shows_config = false;
    CommandLine line("validate");
    choice.add_to(line).flag("show-config", shows_config);
    const auto files = line.parse(arguments, {1, CommandLine::any_number, "a descriptor"});
    for (const std::string& file : files) {
        const experiment::Descriptor descriptor =
            experiment::read_descriptor(file, choice.settings);
        if (shows_config)
            show(descriptor);
        else
            fmt::print("{}: \"{}\", {} cells\n", file, descriptor.name,
                       experiment::cells_of(descriptor).size());
    }
    return to_int(ExitCode::ok);
}

const RegisteredVerb entry{
    {"validate", "tells what is wrong with a descriptor", help, run, VerbGroup::experiment}};

}  // namespace
}  // namespace ring3
