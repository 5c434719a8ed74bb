// SPDX-License-Identifier: MIT
#include "hv/machine/config/scheduling.hpp"

#include <charconv>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ring3 {
namespace {

constexpr std::uint64_t most_us = 3'600'000'000;
constexpr unsigned most_pcpus = 64;

/// The strings of a key that takes one value for all vCPUs, or a list with one for each.
struct Given {
    std::optional<std::string> of_all;
    std::vector<std::string> of_each;
};

Given given(const XlConfig& config, const char* key, std::uint32_t vcpus) {
    if (!config.is_list(key)) return {config.string(key), {}};
    std::vector<std::string> values = *config.list(key);
    if (values.size() > vcpus)
        config.refuse(key, fmt::format("has {} values for {} vCPUs", values.size(), vcpus));
    return {std::nullopt, std::move(values)};
}

/// Reads the key's values into the domain's place and those of its vCPUs.
void read_values(const XlConfig& config, const char* key, std::uint32_t vcpus, Scheduling& all,
                 auto&& set, auto&& set_own) {
    const Given values = given(config, key, vcpus);
    if (values.of_all) set(*values.of_all);
    for (std::uint32_t vcpu = 0; vcpu < values.of_each.size(); ++vcpu)
        set_own(all.own[VcpuId{vcpu}], values.of_each[vcpu]);
}

Affinity read_cpus(const XlConfig& config, const std::string& text) {
    const auto affinity = parse_cpus(text);
    if (!affinity)
        config.refuse("cpus", fmt::format("takes \"all\" or a list of pCPUs such as "
                                          "\"0-3,5,^2\", not \"{}\"",
                                          text));
    return *affinity;
}

void check_budgets(const XlConfig& config, const Scheduling& all, std::uint32_t vcpus) {
    for (VcpuId vcpu{0}; vcpu < VcpuId{vcpus}; ++vcpu) {
        const SchedParams params = all.params_of(vcpu, vcpus);
        if (params.budget && params.period && *params.budget > *params.period)
            config.refuse("budget", "is more than the period");
    }
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

SchedParams Scheduling::params_of(VcpuId vcpu, std::uint32_t vcpus) const {
    SchedParams each = params;
    if (each.cap_percent != 0) {
        // The first vCPUs get what does not divide; 0 would be no cap at all.
        const std::uint32_t whole = each.cap_percent / vcpus, rest = each.cap_percent % vcpus;
        each.cap_percent = std::max(1u, whole + (vcpu.raw < rest ? 1u : 0u));
    }
    const auto found = own.find(vcpu);
    if (found == own.end()) return each;
    const Own& its = found->second;
    if (its.weight) each.weight = *its.weight;
    if (its.period) each.period = its.period;
    if (its.budget) each.budget = its.budget;
    if (its.extra_time) each.extra_time = its.extra_time;
    return each;
}

Affinity Scheduling::affinity_of(VcpuId vcpu) const {
    const auto found = own.find(vcpu);
    return found == own.end() ? affinity : found->second.affinity.value_or(affinity);
}

Scheduling read_scheduling(const XlConfig& config, std::uint32_t vcpus) {
    Scheduling all;
    const auto read = [&](const char* key, auto&& convert, auto SchedParams::*of_all,
                          auto Scheduling::Own::*of_one) {
        read_values(
            config, key, vcpus, all,
            [&](const std::string& text) { all.params.*of_all = convert(key, text); },
            [&](Scheduling::Own& own, const std::string& text) {
                own.*of_one = convert(key, text);
            });
    };
    const auto weight = [&](const char* key, const std::string& text) {
        return static_cast<std::uint32_t>(config.number_in(key, text, 1, most_weight, ""));
    };
    const auto microseconds = [&](const char* key, const std::string& text) -> Duration {
        return std::chrono::microseconds(
            static_cast<std::int64_t>(config.number_in(key, text, 10, most_us, "microseconds")));
    };
    const auto is_one = [&](const char* key, const std::string& text) {
        return config.number_in(key, text, 0, 1, "") == 1;
    };
    read("cpu_weight", weight, &SchedParams::weight, &Scheduling::Own::weight);
    read("period", microseconds, &SchedParams::period, &Scheduling::Own::period);
    read("budget", microseconds, &SchedParams::budget, &Scheduling::Own::budget);
    read("extratime", is_one, &SchedParams::extra_time, &Scheduling::Own::extra_time);
    read_values(
        config, "cpus", vcpus, all,
        [&](const std::string& text) { all.affinity = read_cpus(config, text); },
        [&](Scheduling::Own& own, const std::string& text) {
            own.affinity = read_cpus(config, text);
        });
    all.params.cap_percent = static_cast<std::uint32_t>(
        config.number("cap", 0, most_cap, "percent of one pCPU").value_or(0));
    check_budgets(config, all, vcpus);
    return all;
}

std::string to_string(const Scheduling& scheduling) {
    const auto ns = [](std::optional<Duration> value) { return value ? value->count() : -1; };
    const auto flag = [](std::optional<bool> value) {
        return value ? static_cast<int>(*value) : -1;
    };
    const SchedParams& params = scheduling.params;
    std::string text =
        fmt::format("{} {} {} {} {} {:x}\n", params.weight, params.cap_percent, ns(params.period),
                    ns(params.budget), flag(params.extra_time), scheduling.affinity.pcpus);
    for (const auto& [vcpu, own] : scheduling.own)
        text += fmt::format("v{} {} {} {} {} {:x}\n", vcpu.raw, own.weight.value_or(0),
                            ns(own.period), ns(own.budget), flag(own.extra_time),
                            own.affinity.value_or(Affinity{0}).pcpus);
    return text;
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
