// SPDX-License-Identifier: MIT
// The command line of `ring3 create`, and its two ways to go: on a machine in the background, or on
// one of its own in this process.
#pragma once

#include <string>
#include <vector>

#include "cli/machine_choice.hpp"
#include "cli/machine_options.hpp"
#include "hv/machine/config/domain_config.hpp"

namespace ring3 {

struct CreateOptions {
    std::string config;
    std::vector<std::string> overrides;
    MachineChoice choice;
    MachineOptions machine;
    /// Files; empty: none.
    std::string record, replay;
    /// "FILE", or "FILE,classes=sched,runstate".
    std::string trace;
    bool console = false, paused = false, dry_run = false, digest = false, profile = false,
         is_private = false;
    bool quiet = false;
};

/// Reads the config and says its warnings. A domain with disks whose config names no ramdisk gets
/// the drivers that go with its kernel, as one more override.
DomainConfig read_config(CreateOptions& options);
/// The absolute path of a file that a config names; an image that is missing gets built.
std::string resolve_file(const std::string& name);

/// Runs the domain in this process until it ends. The result is the process's exit code.
int create_in_foreground(CreateOptions& options);

}  // namespace ring3
