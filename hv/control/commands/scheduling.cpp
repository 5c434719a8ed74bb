// SPDX-License-Identifier: MIT
// Commands about what a domain's vCPUs are promised.
#include <fmt/format.h>

#include "hv/control/command.hpp"

namespace ring3 {
namespace {

std::int64_t microseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

Json summary(Service& service, Guest& guest) {
    const Scheduling& scheduling = service.machine.scheduling(guest);
    const SchedParams& params = scheduling.params;
    Json result{{"name", guest.name()},
                {"id", guest.domain()->id().raw},
                {"scheduler", service.machine.config().policy(Scheduler::kind).name},
                {"weight", params.weight},
                {"cap_percent", params.cap_percent}};
    if (params.period) result["period_us"] = microseconds(*params.period);
    if (params.budget) result["budget_us"] = microseconds(*params.budget);
    if (params.extra_time) result["extra_time"] = *params.extra_time;
    Json pins = Json::array();
    for (std::uint32_t vcpu = 0; vcpu < guest.domain()->vcpu_count(); ++vcpu)
        pins.push_back(to_string(service.machine.affinity(guest, VcpuId{vcpu})));
    result["affinity"] = std::move(pins);
    return result;
}

Reply list(Service& service, const Arguments& arguments) {
    Json all = Json::array();
    if (arguments.has("domain")) {
        all.push_back(
            summary(service, living_guest_named(service.machine, arguments.string("domain"))));
        return {std::move(all), nullptr};
    }
    for (Guest* const guest : service.machine.guests())
        if (guest->is_alive()) all.push_back(summary(service, *guest));
    return {std::move(all), nullptr};
}

std::int64_t between(const Arguments& arguments, const char* name, std::int64_t least,
                     std::int64_t most) {
    const std::int64_t value = arguments.integer(name);
    if (value < least || value > most)
        throw ControlError{
            "usage", ExitCode::usage,
            fmt::format("{} takes a number from {} to {}, not {}", name, least, most, value)};
    return value;
}

Reply set(Service& service, const Arguments& arguments) {
    constexpr std::int64_t most_us = 3'600'000'000;
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    Scheduling next = service.machine.scheduling(guest);
    SchedParams& params = next.params;
    if (arguments.has("weight"))
        params.weight = static_cast<std::uint32_t>(between(arguments, "weight", 1, most_weight));
    if (arguments.has("cap_percent"))
        params.cap_percent =
            static_cast<std::uint32_t>(between(arguments, "cap_percent", 0, most_cap));
    if (arguments.has("period_us"))
        params.period = std::chrono::microseconds(between(arguments, "period_us", 10, most_us));
    if (arguments.has("budget_us"))
        params.budget = std::chrono::microseconds(between(arguments, "budget_us", 10, most_us));
    if (arguments.has("extra_time"))
        params.extra_time = between(arguments, "extra_time", 0, 1) == 1;
    if (params.period && params.budget && *params.budget > *params.period)
        throw ControlError{"usage", ExitCode::usage,
                           fmt::format("a budget of {} us is more than the period of {} us",
                                       microseconds(*params.budget), microseconds(*params.period))};
    service.machine.set_scheduling(guest, next);
    return {summary(service, guest), nullptr};
}

Reply pin(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    const std::string text = arguments.string("cpus");
    const auto affinity = parse_cpus(text);
    if (!affinity)
        throw ControlError{"usage", ExitCode::usage,
                           fmt::format("\"{}\" is no list of pCPUs: all, 0-3,5 or 0-7,^2", text)};
    const std::uint32_t vcpus = guest.domain()->vcpu_count();
    std::uint32_t first = 0, end = vcpus;
    if (arguments.string("vcpu") != "all") {
        const std::int64_t given = arguments.integer("number");
        if (given < 0 || given >= vcpus)
            throw ControlError{"usage", ExitCode::usage,
                               fmt::format("\"{}\" has vCPUs 0 to {}, and no {}", guest.name(),
                                           vcpus - 1, arguments.string("vcpu"))};
        first = static_cast<std::uint32_t>(given);
        end = first + 1;
    }
    for (std::uint32_t vcpu = first; vcpu < end; ++vcpu)
        service.machine.set_affinity(guest, VcpuId{vcpu}, *affinity);
    return {summary(service, guest), nullptr};
}

const RegisteredCommands entries{{"sched-list", list}, {"sched-set", set}, {"vcpu-pin", pin}};

}  // namespace
}  // namespace ring3
