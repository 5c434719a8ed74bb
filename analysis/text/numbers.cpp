// SPDX-License-Identifier: MIT
#include "analysis/text/numbers.hpp"

#include <cmath>

#include <fmt/format.h>

namespace ring3::analysis {

std::string significant(double number, int digits) {
    if (std::isnan(number)) return "-";
    if (number == 0 || std::isinf(number)) return fmt::format("{}", number);
    // The exponent after rounding: 9.996 with three digits is 10.0.
    const std::string rounded = fmt::format("{:.{}e}", number, digits - 1);
    const int exponent = std::stoi(rounded.substr(rounded.find('e') + 1));
    return fmt::format("{:.{}f}", number, std::max(0, digits - 1 - exponent));
}

std::string ratio_text(double ratio) { return significant(ratio, 3); }

std::string interval_text(const Estimate& estimate, int digits) {
    if (!estimate.interval) return "-";
    if (estimate.how == Estimate::How::exact) return "exact";
    const Interval& interval = *estimate.interval;
    std::string text = fmt::format("[{}, {}]", significant(interval.low, digits),
                                   significant(interval.high, digits));
    if (interval.level < 0.95)
        text += fmt::format(" {}%", std::lround(std::floor(interval.level * 100)));
    return text;
}

std::string how_text(Estimate::How how) {
    switch (how) {
        case Estimate::How::none:
            return "one value: no interval";
        case Estimate::How::exact:
            return "exact (virtual clock)";
        case Estimate::How::order_statistics:
            return "order statistics over runs";
        case Estimate::How::within_run:
            return "within one run only";
        case Estimate::How::bootstrap:
            return "hierarchical bootstrap over runs and iterations";
        case Estimate::How::student:
            return "Student's, of the logarithms of few runs";
    }
    return "";
}

}  // namespace ring3::analysis
