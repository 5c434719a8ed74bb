// SPDX-License-Identifier: MIT
#include "hv/machine/config/scheduling.hpp"

#include <charconv>

#include <fmt/format.h>

namespace ring3 {
namespace {

constexpr std::uint64_t most_us = 3'600'000'000;
constexpr unsigned most_pcpus = 64;

std::optional<Duration> microseconds(const XlConfig& config, const char* key, std::uint64_t least) {
    const auto value = config.number(key, least, most_us, "microseconds");
    if (!value) return std::nullopt;
    return std::chrono::microseconds(static_cast<std::int64_t>(*value));
}

/// Cuts off the part before the next comma.
std::string_view next_part(std::string_view& text) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    return part;
}

std::optional<unsigned> number(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value >= most_pcpus)
        return std::nullopt;
    return value;
}

/// "3" or "0-3".
std::optional<std::uint64_t> range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = number(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    std::uint64_t bits = 0;
    for (unsigned pcpu = *first; pcpu <= *last; ++pcpu) bits |= std::uint64_t{1} << pcpu;
    return bits;
}

}  // namespace

Scheduling read_scheduling(const XlConfig& config) {
    Scheduling all;
    all.params.weight = static_cast<std::uint32_t>(
        config.number("cpu_weight", 1, most_weight, "").value_or(all.params.weight));
    all.params.cap_percent = static_cast<std::uint32_t>(
        config.number("cap", 0, most_cap, "percent of one pCPU").value_or(0));
    all.params.period = microseconds(config, "period", 10);
    all.params.budget = microseconds(config, "budget", 10);
    if (all.params.budget && all.params.period && *all.params.budget > *all.params.period)
        config.refuse("budget", "is more than the period");
    if (const auto extra = config.number("extratime", 0, 1, ""))
        all.params.extra_time = *extra == 1;
    if (const auto cpus = config.string("cpus")) {
        const auto affinity = parse_cpus(*cpus);
        if (!affinity)
            config.refuse("cpus", fmt::format("takes \"all\" or a list of pCPUs such as "
                                              "\"0-3,5,^2\", not \"{}\"",
                                              *cpus));
        all.affinity = *affinity;
    }
    return all;
}

std::string to_string(const Scheduling& scheduling) {
    const SchedParams& params = scheduling.params;
    const auto ns = [](std::optional<Duration> value) { return value ? value->count() : -1; };
    return fmt::format("{} {} {} {} {} {:x}\n", params.weight, params.cap_percent,
                       ns(params.period), ns(params.budget),
                       params.extra_time ? static_cast<int>(*params.extra_time) : -1,
                       scheduling.affinity.pcpus);
}

std::optional<Affinity> parse_cpus(std::string_view text) {
    Affinity chosen{0};
    do {
        std::string_view part = next_part(text);
        const bool is_taken_away = part.starts_with('^');
        if (is_taken_away) part.remove_prefix(1);
        const auto bits = part == "all" ? Affinity{}.pcpus : range(part);
        if (!bits) return std::nullopt;
        chosen.pcpus = is_taken_away ? chosen.pcpus & ~*bits : chosen.pcpus | *bits;
    } while (!text.empty());
    if (chosen.pcpus == 0) return std::nullopt;
    return chosen;
}

std::string to_string(Affinity affinity) {
    if (affinity == Affinity{}) return "all";
    std::string text;
    for (unsigned first = 0; first < most_pcpus; ++first) {
        if (!affinity.allows(PcpuId{first})) continue;
        unsigned last = first;
        while (last + 1 < most_pcpus && affinity.allows(PcpuId{last + 1})) ++last;
        text += fmt::format("{}{}", text.empty() ? "" : ",", first);
        if (last != first) text += fmt::format("-{}", last);
        first = last;
    }
    return text;
}

}  // namespace ring3
