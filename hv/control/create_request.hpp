// SPDX-License-Identifier: MIT
// A domain's config on its way to a machine in the background. The program that asks has another
// working directory, and finds the images; so it sends the config's text, and where each file is
// that the config names. Both sides read the config by the same code.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "hv/control/protocol.hpp"
#include "hv/machine/config/domain_config.hpp"
#include "hv/machine/guest.hpp"

namespace ring3 {

/// Answers the absolute path of a file, as a config names it.
using FindFile = std::function<std::string(const std::string& name)>;

/// What a guest with this config is made from.
GuestSpec guest_spec(DomainConfig config, const FindFile& find_file);

/// The arguments of the command "create". Calls `find_file` for each file of the config.
Json create_arguments(const DomainConfig& config, const std::string& text,
                      std::span<const std::string> overrides, const FindFile& find_file);
/// The other way round. Throws ConfigError and ControlError.
GuestSpec guest_spec(const Arguments& arguments);

}  // namespace ring3
