// SPDX-License-Identifier: MIT
// A cost model: what each event takes of virtual time, as one named and versioned file. Those of
// costs/ are built into the program; others are chosen by their path.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/cost.hpp"
#include "hv/base/registry.hpp"

namespace ring3 {

struct CostModel {
    std::string name, summary;
    std::int64_t version = 0;
    /// In picoseconds, by Cost.
    std::array<std::uint64_t, cost_count> ps{};
};

/// How a cost stands in a model's file and among the parameters of the virtual clock.
struct CostKey {
    Cost cost;
    const char* key;        ///< ends in its unit, _ps or _ns
    std::uint64_t unit_ps;  ///< 1 or 1000
    std::int64_t least;     ///< in that unit; the most is a second, or a microsecond in _ps
    const char* meaning;

    std::int64_t most() const { return unit_ps == 1 ? 1'000'000 : 1'000'000'000; }
};
std::span<const CostKey, cost_count> cost_keys();

/// Those built in, in the order of their names.
std::vector<PolicyName> cost_models();
/// By the name of one built in, or by the path of a file (which has a slash or ends in ".toml").
/// Throws ConfigError that begins with `origin`; EnvironmentError for what cannot be read.
CostModel find_cost_model(const std::string& name_or_path, const std::string& origin);
/// `path` is for messages.
CostModel parse_cost_model(std::string_view text, const std::string& path);

}  // namespace ring3
