// SPDX-License-Identifier: MIT
// Commands about CPU pools and their schedulers.
#include <optional>

#include <fmt/format.h>

#include "hv/control/command.hpp"
#include "hv/machine/config/domain_config.hpp"

namespace ring3 {
namespace {

std::uint64_t domains_in(Machine& machine, const CpuPool& pool) {
    std::uint64_t count = &pool == &machine.cpu_pools().front() ? 1 : 0;
    for (Guest* const guest : machine.guests())
        if (guest->domain() != nullptr && &machine.pool_of(guest) == &pool) ++count;
    return count;
}

Json summary(Machine& machine, const CpuPool& pool) {
    Json cpus = Json::array();
    for (PcpuId pcpu{0}; pcpu < machine.pcpus_end(); ++pcpu)
        if (pool.has(pcpu)) cpus.push_back(pcpu.raw);
    return {{"name", pool.name},
            {"id", pool.id},
            {"cpus", std::move(cpus)},
            {"scheduler", pool.choice.name},
            {"domains", domains_in(machine, pool)}};
}

/// A scheduler and its parameters, each a text as after --set.
PolicyChoice scheduler_in(const Arguments& arguments, const std::string& otherwise) {
    MachineConfig config;
    config.choose(Scheduler::kind, arguments.string("scheduler", otherwise), "");
    const Json parameters = arguments.object("parameters");
    for (const auto& [key, value] : parameters.items()) {
        if (!value.is_string() || key.find('.') != key.npos)
            throw ControlError{"usage", ExitCode::usage,
                               fmt::format("\"{}\" is no parameter of a scheduler", key)};
        config.set(fmt::format("scheduler.{}={}", key, value.get<std::string>()));
    }
    return config.policy(Scheduler::kind);
}

Affinity cpus_in(const Arguments& arguments, Affinity all) {
    const std::string text = arguments.string("cpus");
    const auto cpus = parse_cpus(text);
    if (!cpus)
        throw ControlError{"usage", ExitCode::usage,
                           fmt::format("\"{}\" is no list of pCPUs: all, 0-3,5 or 0-7,^2", text)};
    return *cpus == Affinity{} ? all : *cpus;
}

Reply list(Service& service, const Arguments& arguments) {
    Json all = Json::array();
    for (const CpuPool& pool : service.machine.cpu_pools())
        if (!arguments.has("pool") || &pool == &service.machine.cpu_pool(arguments.string("pool")))
            all.push_back(summary(service.machine, pool));
    return {std::move(all), nullptr};
}

Reply create(Service& service, const Arguments& arguments) {
    Machine& machine = service.machine;
    std::optional<Affinity> cpus;
    if (arguments.has("cpus")) cpus = cpus_in(arguments, machine.free_pcpus());
    const CpuPool& pool =
        machine.create_pool(arguments.string("name"),
                            scheduler_in(arguments, machine.cpu_pools().front().choice.name), cpus);
    return {summary(machine, pool), nullptr};
}

Reply destroy(Service& service, const Arguments& arguments) {
    service.machine.destroy_pool(service.machine.cpu_pool(arguments.string("pool")));
    return {Json::object(), nullptr};
}

Reply rename(Service& service, const Arguments& arguments) {
    CpuPool& pool = service.machine.cpu_pool(arguments.string("pool"));
    service.machine.rename_pool(pool, arguments.string("name"));
    return {summary(service.machine, pool), nullptr};
}

/// One pCPU after the other: those before one that cannot are moved.
Reply for_each_cpu(Service& service, const Arguments& arguments, Affinity all,
                   void (Machine::*change)(CpuPool&, PcpuId)) {
    CpuPool& pool = service.machine.cpu_pool(arguments.string("pool"));
    const Affinity cpus = cpus_in(arguments, all);
    for (PcpuId pcpu{0}; pcpu < PcpuId{64}; ++pcpu)
        if (cpus.allows(pcpu)) (service.machine.*change)(pool, pcpu);
    return {summary(service.machine, pool), nullptr};
}

Reply add_cpus(Service& service, const Arguments& arguments) {
    return for_each_cpu(service, arguments, service.machine.free_pcpus(), &Machine::add_to_pool);
}

Reply remove_cpus(Service& service, const Arguments& arguments) {
    const CpuPool& pool = service.machine.cpu_pool(arguments.string("pool"));
    return for_each_cpu(service, arguments, pool.pcpus, &Machine::remove_from_pool);
}

Reply migrate(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    CpuPool& pool = service.machine.cpu_pool(arguments.string("pool"));
    service.machine.move_to_pool(guest, pool);
    return {summary(service.machine, pool), nullptr};
}

Reply switch_scheduler(Service& service, const Arguments& arguments) {
    CpuPool& pool = service.machine.cpu_pool(arguments.string("pool", first_pool));
    service.machine.set_scheduler(pool, scheduler_in(arguments, pool.choice.name));
    return {summary(service.machine, pool), nullptr};
}

const RegisteredCommands entries{
    {"cpupool-list", list},        {"cpupool-create", create},
    {"cpupool-destroy", destroy},  {"cpupool-rename", rename},
    {"cpupool-cpu-add", add_cpus}, {"cpupool-cpu-remove", remove_cpus},
    {"cpupool-migrate", migrate},  {"sched-switch", switch_scheduler},
};

}  // namespace
}  // namespace ring3
