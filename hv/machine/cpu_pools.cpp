// SPDX-License-Identifier: MIT
#include "hv/machine/cpu_pools.hpp"

#include <algorithm>
#include <bit>
#include <cctype>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/base/registry.hpp"
#include "hv/machine/config/scheduling.hpp"

namespace ring3 {
namespace {

constexpr Affinity nothing{0};
constexpr std::size_t longest_name = 31;

Affinity first_pcpus(std::uint32_t count) {
    // 64 of them would shift everything out.
    return count >= 64 ? Affinity{} : Affinity{(std::uint64_t{1} << count) - 1};
}

Affinity only(PcpuId pcpu) { return {std::uint64_t{1} << pcpu.raw}; }

std::unique_ptr<Scheduler> make_scheduler(PolicyChoice& choice) {
    return Registry<Scheduler>::create(choice.name, choice.params);
}

template <class Function>
void for_each_pcpu(Affinity pcpus, Function function) {
    for (PcpuId pcpu{0}; pcpu < PcpuId{64}; ++pcpu)
        if (pcpus.allows(pcpu)) function(pcpu);
}

/// Tells a new scheduler of its pCPUs. It may refuse: before a pool has it.
void introduce(Scheduler& scheduler, Affinity pcpus, Time now) {
    for_each_pcpu(pcpus, [&](PcpuId pcpu) { scheduler.add_pcpu(pcpu, now); });
}

}  // namespace

CpuPools::CpuPools(MachineConfig& config, std::uint32_t pcpus) : pcpus_(pcpus) {
    Affinity left = first_pcpus(pcpus);
    // Pool-0 comes first, and has what others leave.
    pools_.emplace_back().name = "Pool-0";
    for (const std::string& name : config.sub_tables(Scheduler::kind)) {
        PolicyChoice& choice = config.refined_sub_table(Scheduler::kind, name);
        const std::string text = choice.params.text(
            "cpus", "", "pCPUs of this pool: a list such as 0-3,5; Pool-0 has the others");
        const auto cpus = parse_cpus(text);
        const std::string& origin = choice.params.origin();
        const auto refuse = [&](const std::string& what) {
            throw ConfigError{fmt::format("{}[scheduler.{}] cpus: {}",
                                          origin.empty() ? "" : origin + ": ", name, what)};
        };
        if (!cpus)
            refuse(fmt::format("a pool takes a list of pCPUs such as \"2-3\", not \"{}\"", text));
        if ((cpus->pcpus & ~left.pcpus) != 0)
            refuse(
                fmt::format("of \"{}\" not all can be had: there are pCPUs 0 to {}, and other "
                            "pools have theirs",
                            text, pcpus - 1));
        left.pcpus &= ~cpus->pcpus;
        check_name(name);
        add(name, choice, *cpus, Time{});
    }
    if (left == nothing)
        throw ConfigError{"[scheduler.*] cpus: Pool-0, which has Domain-0, needs a pCPU as well"};
    PolicyChoice& choice = config.policy(Scheduler::kind);
    first().scheduler = make_scheduler(choice);
    first().choice = choice;
    first().pcpus = left;
    introduce(*first().scheduler, left, Time{});
    note_owners();
}

CpuPool* CpuPools::find(std::string_view name) {
    const auto found = std::ranges::find_if(pools_, [&](const CpuPool& pool) {
        return pool.name == name || fmt::to_string(pool.id) == name;
    });
    return found == pools_.end() ? nullptr : &*found;
}

CpuPool& CpuPools::named(std::string_view name) {
    if (CpuPool* const pool = find(name)) return *pool;
    std::vector<std::string> names;
    for (const CpuPool& pool : pools_) names.push_back(pool.name);
    throw ConfigError{fmt::format("there is no CPU pool \"{}\"{}; there are: {}", name,
                                  nearest_name_hint(name, names), fmt::join(names, ", "))};
}

void CpuPools::note_owners() {
    of_pcpu_ = {};
    for (CpuPool& pool : pools_)
        for_each_pcpu(pool.pcpus, [&](PcpuId pcpu) { of_pcpu_[pcpu.raw] = &pool; });
}

Affinity CpuPools::free() const {
    Affinity left = first_pcpus(pcpus_);
    for (const CpuPool& pool : pools_) left.pcpus &= ~pool.pcpus.pcpus;
    return left;
}

void CpuPools::check_name(std::string_view name) const {
    const auto is_allowed = [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_';
    };
    // A pool is also found by its number.
    if (name.empty() || name.size() > longest_name || !std::ranges::all_of(name, is_allowed) ||
        std::isdigit(static_cast<unsigned char>(name.front())) != 0)
        throw ConfigError{fmt::format(
            "a CPU pool's name takes 1 to {} letters, digits, - and _, and begins with no digit; "
            "not \"{}\"",
            longest_name, name)};
    for (const CpuPool& pool : pools_)
        if (pool.name == name)
            throw ConfigError{fmt::format("there is a CPU pool \"{}\" already", name)};
}

void CpuPools::check_exists(PcpuId pcpu) const {
    if (pcpu.raw >= pcpus_)
        throw ConfigError{fmt::format("there are pCPUs 0 to {}, and no {}", pcpus_ - 1, pcpu.raw)};
}

CpuPool& CpuPools::add(std::string name, PolicyChoice& choice, Affinity pcpus, Time now) {
    auto scheduler = make_scheduler(choice);
    introduce(*scheduler, pcpus, now);
    // The lowest number that is free, as in Xen.
    std::uint32_t id = 0;
    auto at = pools_.begin();
    for (; at != pools_.end() && at->id == id; ++at) ++id;
    CpuPool& pool = *pools_.emplace(at);
    pool.id = id;
    pool.name = std::move(name);
    pool.choice = choice;
    pool.pcpus = pcpus;
    pool.scheduler = std::move(scheduler);
    note_owners();
    return pool;
}

CpuPool& CpuPools::create(std::string name, PolicyChoice choice, std::optional<Affinity> pcpus,
                          Time now) {
    check_name(name);
    const Affinity left = free();
    if (left == nothing)
        throw ConfigError{
            "no pCPU is free: `ring3 cpupool-cpu-remove Pool-0 CPUS` takes some from Pool-0"};
    if (!pcpus) pcpus = only(PcpuId{static_cast<std::uint32_t>(std::countr_zero(left.pcpus))});
    if ((pcpus->pcpus & ~left.pcpus) != 0)
        throw ConfigError{fmt::format("of the pCPUs {} not all are free; free are: {}",
                                      to_string(*pcpus), to_string(left))};
    return add(std::move(name), choice, *pcpus, now);
}

void CpuPools::destroy(CpuPool& pool) {
    if (&pool == &first()) throw ConfigError{"Pool-0 has Domain-0, and stays"};
    if (!pool.members.empty())
        throw ConfigError{fmt::format(
            "the CPU pool \"{}\" has domains; `ring3 cpupool-migrate DOMAIN POOL` moves them",
            pool.name)};
    pools_.remove_if([&](const CpuPool& each) { return &each == &pool; });
    note_owners();
}

void CpuPools::rename(CpuPool& pool, std::string name) {
    if (name != pool.name) check_name(name);
    pool.name = std::move(name);
}

void CpuPools::add_pcpu(CpuPool& pool, PcpuId pcpu, Time now) {
    check_exists(pcpu);
    if (const CpuPool* const owner = of(pcpu))
        throw ConfigError{fmt::format("pCPU {} is in the pool \"{}\"", pcpu.raw, owner->name)};
    make_anew(pool, pool.choice, {pool.pcpus.pcpus | only(pcpu).pcpus}, now);
}

std::vector<ScheduledVcpu*> CpuPools::remove_pcpu(CpuPool& pool, PcpuId pcpu, Time now) {
    check_exists(pcpu);
    if (!pool.has(pcpu))
        throw ConfigError{fmt::format("pCPU {} is not in the pool \"{}\"", pcpu.raw, pool.name)};
    const Affinity left{pool.pcpus.pcpus & ~only(pcpu).pcpus};
    if (left == nothing && (!pool.members.empty() || &pool == &first()))
        throw ConfigError{fmt::format("pCPU {} is the last one of the pool \"{}\", which {}",
                                      pcpu.raw, pool.name,
                                      pool.members.empty() ? "has Domain-0" : "has domains")};
    return make_anew(pool, pool.choice, left, now);
}

void CpuPools::set_scheduler(CpuPool& pool, PolicyChoice choice, Time now) {
    make_anew(pool, std::move(choice), pool.pcpus, now);
}

std::vector<ScheduledVcpu*> CpuPools::make_anew(CpuPool& pool, PolicyChoice choice, Affinity pcpus,
                                                Time now) {
    auto fresh = make_scheduler(choice);
    introduce(*fresh, pcpus, now);
    for (ScheduledVcpu* const each : pool.members) {
        HV_CHECK(each->place != ScheduledVcpu::Place::running, "a pool changes while it runs");
        pool.scheduler->leave(each->view, now);
        each->view.data.reset();
    }
    pool.scheduler = std::move(fresh);
    pool.choice = std::move(choice);
    pool.pcpus = pcpus;
    note_owners();
    std::vector<ScheduledVcpu*> freed;
    for (ScheduledVcpu* const each : pool.members) {
        if ((each->view.affinity.pcpus & pcpus.pcpus) == 0) {
            each->view.affinity = {};
            freed.push_back(each);
        }
        pool.scheduler->join(each->view, now);
    }
    // All pCPUs of the pool are to pick in any case.
    Kicks kicks;
    for (ScheduledVcpu* const each : pool.members)
        if (each->place == ScheduledVcpu::Place::waiting)
            pool.scheduler->wake(each->view, now, kicks);
    return freed;
}

void CpuPools::join(ScheduledVcpu& vcpu, CpuPool& pool, Time now) {
    vcpu.pool = &pool;
    pool.members.push_back(&vcpu);
    pool.scheduler->join(vcpu.view, now);
}

void CpuPools::leave(ScheduledVcpu& vcpu, Time now) {
    CpuPool& pool = *vcpu.pool;
    pool.scheduler->leave(vcpu.view, now);
    std::erase(pool.members, &vcpu);
    vcpu.pool = nullptr;
    vcpu.view.data.reset();
}

void CpuPools::move(ScheduledVcpu& vcpu, CpuPool& pool, Time now) {
    if (pool.pcpus == nothing)
        throw ConfigError{fmt::format("the CPU pool \"{}\" has no pCPU", pool.name)};
    if (vcpu.pool == &pool) return;
    HV_CHECK(vcpu.place != ScheduledVcpu::Place::running, "what runs moves to another pool");
    leave(vcpu, now);
    vcpu.view.affinity = {};
    join(vcpu, pool, now);
    Kicks kicks;
    if (vcpu.place == ScheduledVcpu::Place::waiting) pool.scheduler->wake(vcpu.view, now, kicks);
}

CpuPool& CpuPools::for_domain(const DomainConfig& config) {
    CpuPool& pool = named(config.pool);
    for (VcpuId vcpu{0}; vcpu < VcpuId{config.max_vcpus}; ++vcpu)
        check_affinity(pool, config.scheduling.affinity_of(vcpu));
    return pool;
}

void CpuPools::check_affinity(const CpuPool& pool, Affinity affinity) {
    if ((pool.pcpus.pcpus & affinity.pcpus) != 0) return;
    if (pool.pcpus == nothing)
        throw ConfigError{fmt::format("the CPU pool \"{}\" has no pCPU", pool.name)};
    throw ConfigError{
        fmt::format("the CPU pool \"{}\" has the pCPUs {}, and none of them is in "
                    "\"{}\"",
                    pool.name, to_string(pool.pcpus), to_string(affinity))};
}

}  // namespace ring3
