// SPDX-License-Identifier: MIT
#include "hv/base/registry.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"

namespace ring3 {

void refuse_policy_name(std::string_view kind, std::string_view name, std::string_view origin,
                        const std::vector<PolicyName>& known) {
    std::vector<std::string> names;
    std::size_t width = 0;
    for (const PolicyName& entry : known) {
        names.push_back(entry.name);
        width = std::max(width, entry.name.size());
    }
    std::string message = origin.empty() ? "" : fmt::format("{}: ", origin);
    message += fmt::format("there is no {} \"{}\"{}; there {}", kind, name,
                           nearest_name_hint(name, names), known.empty() ? "is none" : "are:");
    for (const PolicyName& entry : known)
        message += fmt::format("\n  {:{}}  {}", entry.name, width, entry.summary);
    throw ConfigError(message);
}

}  // namespace ring3
