// SPDX-License-Identifier: MIT
// A domain as its config file describes it, in the syntax of xl and xm: read, checked, nothing
// looked up yet. Files are named as the config names them ("image:hello/initrd" too).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/machine/config/disks.hpp"
#include "hv/machine/config/scheduling.hpp"
#include "hv/machine/config/uuid.hpp"
#include "hv/machine/config/vifs.hpp"

namespace ring3 {

/// What becomes of a domain that ended; xl.cfg(5), EVENT ACTIONS.
enum class OnShutdown {
    destroy,
    restart,
    rename_restart,  // keep the old one under another name, start a new one
    preserve,        // keep it as it is until somebody destroys it
    coredump_destroy,
    coredump_restart,
};

/// The CPU pool of whoever names none. A number: a pool's name can be changed.
inline constexpr const char* first_pool = "0";

struct DomainConfig {
    std::filesystem::path path;  // of the config
    std::string name;
    Uuid uuid{};
    std::string kernel;
    std::string ramdisk;  // empty: none
    std::string command_line;
    Frames memory{};
    Frames max_memory{};  // at least `memory`: what the domain may grow to
    std::uint32_t vcpus = 1;
    std::uint32_t max_vcpus = 1;
    Scheduling scheduling;
    /// The CPU pool that it starts in, by name or number.
    std::string pool = first_pool;
    std::vector<DiskSpec> disks;
    OnShutdown on_poweroff = OnShutdown::destroy;
    OnShutdown on_reboot = OnShutdown::restart;
    OnShutdown on_crash = OnShutdown::destroy;
    OnShutdown on_watchdog = OnShutdown::destroy;

    std::vector<VifSpec> vifs;

    /// What the user should be told once: keys of xl that have no effect here.
    std::vector<std::string> warnings;
};

/// Reads a config. `overrides` ("key=value") win over the file, as with xl. ConfigError with file,
/// line, key and what would be allowed.
DomainConfig read_domain_config(const std::filesystem::path& path,
                                std::span<const std::string> overrides = {});

/// The same for a text that is there already; `path` is for messages.
DomainConfig parse_domain_config(const std::filesystem::path& path, std::string text,
                                 std::span<const std::string> overrides = {});

/// Throws ConfigError for what cannot be a domain's name.
void check_domain_name(std::string_view name);

/// "rename-restart" and so on, as configs spell it.
const char* to_string(OnShutdown action);

}  // namespace ring3
