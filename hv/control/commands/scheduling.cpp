// SPDX-License-Identifier: MIT
// Commands about a domain's vCPUs: what they are promised, where they may run, how many there are.
#include <optional>

#include <fmt/format.h>

#include "hv/control/command.hpp"
#include "hv/machine/store_nodes.hpp"

namespace ring3 {
namespace {

std::int64_t microseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

/// A domain that has promises: a guest, or null for Domain-0.
struct Named {
    Guest* guest = nullptr;
    std::string name = "Domain-0";
    std::uint32_t id = 0, vcpus = 1;
};

Named named(Guest& guest) {
    return {&guest, guest.name(), guest.domain()->id().raw, guest.domain()->vcpu_count()};
}

Named named(Service& service, const std::string& name) {
    if (is_domain0(name) && find_guest(service.machine, name) == nullptr) return {};
    return named(living_guest_named(service.machine, name));
}

void add_params(Json& to, const SchedParams& params) {
    to["weight"] = params.weight;
    to["cap_percent"] = params.cap_percent;
    if (params.period) to["period_us"] = microseconds(*params.period);
    if (params.budget) to["budget_us"] = microseconds(*params.budget);
    if (params.extra_time) to["extra_time"] = *params.extra_time;
    if (params.warp != 0) to["warp"] = params.warp;
}

Json summary(Service& service, const Named& domain) {
    const Machine& machine = service.machine;
    const CpuPool& pool = service.machine.pool_of(domain.guest);
    Json result{{"name", domain.name},
                {"id", domain.id},
                {"cpu_pool", pool.name},
                {"scheduler", pool.choice.name}};
    add_params(result, machine.scheduling(domain.guest).params);
    Json vcpus = Json::array(), pins = Json::array();
    for (std::uint32_t id = 0; id < domain.vcpus; ++id) {
        const sched::Vcpu& view = machine.scheduled(domain.guest, VcpuId{id}).view;
        Json vcpu{{"vcpu", id}};
        add_params(vcpu, view.params);
        vcpus.push_back(std::move(vcpu));
        pins.push_back(to_string(view.affinity));
    }
    result["affinity"] = std::move(pins);
    result["vcpus"] = std::move(vcpus);
    return result;
}

Reply list(Service& service, const Arguments& arguments) {
    Json all = Json::array();
    if (arguments.has("domain")) {
        all.push_back(summary(service, named(service, arguments.string("domain"))));
        return {std::move(all), nullptr};
    }
    all.push_back(summary(service, {}));
    for (Guest* const guest : service.machine.guests())
        if (guest->is_alive()) all.push_back(summary(service, named(*guest)));
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

VcpuId vcpu_given(const Arguments& arguments, const Named& domain, const char* member) {
    const std::int64_t given = arguments.integer(member);
    if (given < 0 || given >= domain.vcpus)
        throw ControlError{"usage", ExitCode::usage,
                           fmt::format("\"{}\" has vCPUs 0 to {}, and no {}", domain.name,
                                       domain.vcpus - 1, given)};
    return VcpuId{static_cast<std::uint32_t>(given)};
}

void refuse_budgets_over_periods(const Scheduling& scheduling, std::uint32_t vcpus) {
    for (VcpuId vcpu{0}; vcpu < VcpuId{vcpus}; ++vcpu) {
        const SchedParams params = scheduling.params_of(vcpu, vcpus);
        if (params.period && params.budget && *params.budget > *params.period)
            throw ControlError{
                "usage", ExitCode::usage,
                fmt::format("a budget of {} us is more than the period of {} us",
                            microseconds(*params.budget), microseconds(*params.period))};
    }
}

/// Sets what the request has of one parameter: for one vCPU, or for the domain, and then its vCPUs
/// have none of their own any more.
void put(Scheduling& scheduling, std::optional<VcpuId> vcpu, auto SchedParams::*of_all,
         auto Scheduling::Own::*of_one, auto value) {
    if (vcpu) {
        scheduling.own[*vcpu].*of_one = value;
        return;
    }
    scheduling.params.*of_all = value;
    for (auto& [id, own] : scheduling.own) own.*of_one = std::nullopt;
}

Reply set(Service& service, const Arguments& arguments) {
    constexpr std::int64_t most_us = 3'600'000'000;
    using Own = Scheduling::Own;
    const Named domain = named(service, arguments.string("domain"));
    Scheduling next = service.machine.scheduling(domain.guest);
    std::optional<VcpuId> vcpu;
    if (arguments.has("vcpu")) vcpu = vcpu_given(arguments, domain, "vcpu");
    const auto us = [&](const char* name) -> Duration {
        return std::chrono::microseconds(between(arguments, name, 10, most_us));
    };
    for (const char* name : {"cap_percent", "warp"})
        if (vcpu && arguments.has(name))
            throw ControlError{"usage", ExitCode::usage,
                               fmt::format("{} is a domain's, not a vCPU's", name)};
    if (arguments.has("weight"))
        put(next, vcpu, &SchedParams::weight, &Own::weight,
            static_cast<std::uint32_t>(between(arguments, "weight", 1, most_weight)));
    if (arguments.has("cap_percent"))
        next.params.cap_percent =
            static_cast<std::uint32_t>(between(arguments, "cap_percent", 0, most_cap));
    if (arguments.has("warp"))
        next.params.warp = static_cast<std::uint32_t>(between(arguments, "warp", 0, most_warp));
    if (arguments.has("period_us"))
        put(next, vcpu, &SchedParams::period, &Own::period, us("period_us"));
    if (arguments.has("budget_us"))
        put(next, vcpu, &SchedParams::budget, &Own::budget, us("budget_us"));
    if (arguments.has("extra_time"))
        put(next, vcpu, &SchedParams::extra_time, &Own::extra_time,
            between(arguments, "extra_time", 0, 1) == 1);
    refuse_budgets_over_periods(next, domain.vcpus);
    service.machine.set_scheduling(domain.guest, next);
    return {summary(service, domain), nullptr};
}

Reply pin(Service& service, const Arguments& arguments) {
    const Named domain = named(service, arguments.string("domain"));
    const std::string text = arguments.string("cpus");
    const auto affinity = parse_cpus(text);
    if (!affinity)
        throw ControlError{"usage", ExitCode::usage,
                           fmt::format("\"{}\" is no list of pCPUs: all, 0-3,5 or 0-7,^2", text)};
    VcpuId first{0}, end{domain.vcpus};
    if (arguments.string("vcpu") != "all") {
        first = vcpu_given(arguments, domain, "number");
        end = VcpuId{first.raw + 1};
    }
    for (VcpuId vcpu = first; vcpu < end; ++vcpu)
        service.machine.set_affinity(domain.guest, vcpu, *affinity);
    return {summary(service, domain), nullptr};
}

/// The guest's kernel watches the nodes, and takes its vCPUs on and off line by itself.
Reply set_vcpus(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    const std::int64_t most = guest.domain()->vcpu_count();
    const std::int64_t count = arguments.integer("count");
    if (count < 1 || count > most)
        throw ControlError{"usage", ExitCode::usage,
                           fmt::format("\"{}\" can have 1 to {} vCPUs, its maxvcpus, not {}",
                                       guest.name(), most, count)};
    write_vcpu_availability(service.machine.store(), *guest.domain(),
                            static_cast<std::uint32_t>(count));
    return {{{"name", guest.name()}, {"id", guest.domain()->id().raw}, {"vcpus", count}}, nullptr};
}

const RegisteredCommands entries{
    {"sched-list", list}, {"sched-set", set}, {"vcpu-pin", pin}, {"vcpu-set", set_vcpus}};

}  // namespace
}  // namespace ring3
