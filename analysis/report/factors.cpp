// SPDX-License-Identifier: MIT
#include "analysis/report/factors.hpp"

#include <algorithm>
#include <cstdlib>

namespace ring3::analysis {

Factors parse_factors(const std::string& text) {
    Factors factors;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(';', at), text.size());
        const std::string one = text.substr(at, end - at);
        const std::size_t equals = one.find('=');
        if (equals != one.npos) factors.emplace_back(one.substr(0, equals), one.substr(equals + 1));
        at = end + 1;
    }
    return factors;
}

std::string value_of(const Factors& factors, std::string_view key) {
    for (const auto& [name, value] : factors)
        if (name == key) return value;
    return "";
}

std::optional<double> number_of(const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (end == text.c_str() || std::string{end}.find_first_of("0123456789=.") != std::string::npos)
        return std::nullopt;
    return number;
}

}  // namespace ring3::analysis
