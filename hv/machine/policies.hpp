// SPDX-License-Identifier: MIT
// All that can be chosen by name in a machine file, with its parameters: for help.
#pragma once

#include <string>
#include <vector>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/machine/config/machine_config.hpp"

namespace ring3 {

struct PolicyKind {
    std::string name;
    std::string table;  ///< of a machine file
    std::string summary;
    std::string default_policy;
    std::vector<PolicyName> policies;
};

/// Kinds of policies, in the order of their names.
std::vector<PolicyKind> policy_kinds();
/// What one policy can be told. Throws ConfigError for names that do not exist.
std::vector<Params::Declared> parameters_of(const std::string& kind, const std::string& policy);
/// The config with the effective values in it, after every policy was made once: throws ConfigError
/// for names and parameters that do not exist, as a machine would. Costs next to nothing.
MachineConfig checked(MachineConfig config);
/// What the table [machine] can be told.
std::vector<Params::Declared> machine_parameters();

}  // namespace ring3
