// SPDX-License-Identifier: MIT
#include "hv/control/domain_summary.hpp"

#include <utility>

#include <fmt/format.h>

#include "hv/abi/sched.hpp"
#include "hv/abi/vcpu.hpp"
#include "hv/machine/config/uuid.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t frames_per_mib = (std::uint64_t{1} << 20) / page_size;

const char* name_of(RunState state) {
    switch (state) {
        case RunState::running:
            return "running";
        case RunState::runnable:
            return "runnable";
        case RunState::blocked:
            return "blocked";
        case RunState::offline:
            return "offline";
    }
    return "";
}

Json vcpu_summary(const Vcpu& vcpu, const ScheduledVcpu& scheduled, Time now) {
    const std::uint64_t ran = vcpu.run_state_info(now).time[RUNSTATE_running];
    return {{"vcpu", vcpu.id().raw},      {"online", vcpu.is_up},
            {"pcpu", scheduled.pcpu.raw}, {"state", name_of(vcpu.run_state())},
            {"cpu_time_ns", ran},         {"affinity", to_string(scheduled.view.affinity)}};
}

std::uint64_t age_ns(const Vcpu& vcpu, Time now) {
    const vcpu_runstate_info info = vcpu.run_state_info(now);
    // Offline is what it was before it was made.
    return info.time[RUNSTATE_running] + info.time[RUNSTATE_runnable] + info.time[RUNSTATE_blocked];
}

const char* state_of(Guest& guest, const Json& vcpus) {
    if (guest.domain()->shutdown_reason()) return guest.has_crashed() ? "crashed" : "shutdown";
    if (guest.domain()->is_paused()) return "paused";
    // Commands run between two slices, so a vCPU that has work is seldom seen to run.
    for (const Json& vcpu : vcpus)
        if (vcpu["state"] == "running" || vcpu["state"] == "runnable") return "running";
    return "blocked";
}

}  // namespace

const char* shutdown_reason_name(std::uint32_t reason) {
    switch (reason) {
        case SHUTDOWN_poweroff:
            return "poweroff";
        case SHUTDOWN_reboot:
            return "reboot";
        case SHUTDOWN_suspend:
            return "suspend";
        case SHUTDOWN_crash:
            return "crash";
        case SHUTDOWN_watchdog:
            return "watchdog";
        case SHUTDOWN_soft_reset:
            return "soft_reset";
        default:
            return "unknown";
    }
}

Json domain_summary(Machine& machine, Guest& guest) {
    Domain& domain = *guest.domain();
    const Time now = machine.time();
    Json vcpus = Json::array();
    std::uint64_t ran = 0;
    for (std::uint32_t id = 0; id < domain.vcpu_count(); ++id) {
        vcpus.push_back(vcpu_summary(domain.vcpu(VcpuId{id}),
                                     std::as_const(machine).scheduled(&guest, VcpuId{id}), now));
        ran += vcpus.back()["cpu_time_ns"].get<std::uint64_t>();
    }
    Json summary{{"name", guest.name()},
                 {"id", domain.id().raw},
                 {"uuid", to_string(domain.uuid())},
                 {"memory_mib", domain.memory().raw / frames_per_mib},
                 {"max_memory_mib", domain.max_memory().raw / frames_per_mib},
                 {"vcpus", domain.vcpu_count()},
                 {"cpu_pool", machine.pool_of(&guest).name},
                 {"state", state_of(guest, vcpus)},
                 {"cpu_time_ns", ran},
                 {"uptime_ns", age_ns(domain.vcpu(VcpuId{0}), now)},
                 {"vcpu_list", std::move(vcpus)}};
    if (const auto reason = domain.shutdown_reason())
        summary["shutdown_reason"] = shutdown_reason_name(*reason);
    return summary;
}

namespace {

/// The machine's own domain: back ends in this process, on a vCPU that is theirs. No memory of the
/// machine is its.
Json domain0_summary(Machine& machine) {
    const auto ran = machine.domain0_time().count();
    const ScheduledVcpu& vcpu = std::as_const(machine).scheduled(nullptr, VcpuId{0});
    return {{"name", "Domain-0"},
            {"id", 0},
            {"uuid", to_string(Uuid{})},
            {"memory_mib", 0},
            {"max_memory_mib", 0},
            {"vcpus", 1},
            {"cpu_pool", machine.pool_of(nullptr).name},
            {"state", "running"},
            {"cpu_time_ns", ran},
            {"uptime_ns", machine.time().time_since_epoch().count()},
            {"vcpu_list", Json::array({{{"vcpu", 0},
                                        {"online", true},
                                        {"pcpu", vcpu.pcpu.raw},
                                        {"state", "running"},
                                        {"cpu_time_ns", ran},
                                        {"affinity", to_string(vcpu.view.affinity)}}})}};
}

}  // namespace

Json domain_summaries(Machine& machine) {
    Json all = Json::array({domain0_summary(machine)});
    for (Guest* const guest : machine.guests())
        if (guest->domain() != nullptr) all.push_back(domain_summary(machine, *guest));
    return all;
}

}  // namespace ring3
