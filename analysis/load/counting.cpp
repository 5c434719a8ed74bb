// SPDX-License-Identifier: MIT
#include "analysis/load/counting.hpp"

#include <algorithm>

namespace ring3::analysis {

const Steady* steady_of(const Run& run, const std::string& domain, const std::string& program,
                        const std::string& metric) {
    const auto found = std::ranges::find_if(run.steady, [&](const Steady& one) {
        return one.domain == domain && one.program == program && one.metric == metric;
    });
    return found == run.steady.end() ? nullptr : &*found;
}

bool counts(const Run& run, const Value& value, bool has_warm) {
    const Steady* const steady = steady_of(run, value.domain, value.program, value.metric);
    if (steady != nullptr) return steady->is_reached && value.iteration >= steady->first;
    return value.warm || !has_warm;
}

}  // namespace ring3::analysis
