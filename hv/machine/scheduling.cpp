// SPDX-License-Identifier: MIT
// Who gets how much of which pCPU, changed while the machine runs: what vCPUs are promised, where
// they are pinned, which pool has which pCPUs and which scheduler.
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/machine/runner.hpp"

namespace ring3 {

ScheduledVcpu& Machine::scheduled(const Guest* guest, VcpuId vcpu) {
    if (guest == nullptr) return *domain0_;
    for (Member& member : members_)
        if (&member.guest == guest) return member.runners.at(vcpu.raw);
    HV_CHECK(false, "a guest of no machine");
    std::abort();
}

const ScheduledVcpu& Machine::scheduled(const Guest* guest, VcpuId vcpu) const {
    return const_cast<Machine*>(this)->scheduled(guest, vcpu);
}

const Scheduling& Machine::scheduling(const Guest* guest) const {
    if (guest == nullptr) return domain0_->scheduling;
    for (const Member& member : members_)
        if (&member.guest == guest) return member.scheduling;
    HV_CHECK(false, "a guest of no machine");
    std::abort();
}

void Machine::adjust(ScheduledVcpu& vcpu, const SchedParams& params, Affinity affinity) {
    if (vcpu.view.params == params && vcpu.view.affinity == affinity) return;
    vcpu.view.affinity = affinity;
    if (vcpu.pool != nullptr) vcpu.pool->scheduler->adjust(vcpu.view, params, time());
    vcpu.view.params = params;
    note_promise(vcpu.view);
}

void Machine::set_scheduling(Guest* guest, const Scheduling& next) {
    end_all_runs();
    Scheduling& own = const_cast<Scheduling&>(scheduling(guest));
    const std::uint32_t vcpus = guest == nullptr ? 1 : guest->domain()->vcpu_count();
    for (VcpuId vcpu{0}; vcpu < VcpuId{vcpus}; ++vcpu) {
        ScheduledVcpu& each = scheduled(guest, vcpu);
        adjust(each, next.params_of(vcpu, vcpus), each.view.affinity);
    }
    own = next;
}

void Machine::set_affinity(Guest* guest, VcpuId vcpu, Affinity affinity) {
    ScheduledVcpu& its = scheduled(guest, vcpu);
    CpuPools::check_affinity(pool_of(guest), affinity);
    end_all_runs();
    adjust(its, its.view.params, affinity);
}

CpuPool& Machine::pool_of(const Guest* guest) {
    CpuPool* const pool = scheduled(guest, VcpuId{0}).pool;
    // Domain-0 has none where it is not scheduled.
    return pool == nullptr ? pools_.first() : *pool;
}

CpuPool& Machine::create_pool(std::string name, PolicyChoice scheduler,
                              std::optional<Affinity> pcpus) {
    end_all_runs();
    CpuPool& pool = pools_.create(std::move(name), std::move(scheduler), pcpus, time());
    note_pool(pool);
    return pool;
}

void Machine::destroy_pool(CpuPool& pool) { pools_.destroy(pool); }

void Machine::add_to_pool(CpuPool& pool, PcpuId pcpu) {
    end_all_runs();
    pools_.add_pcpu(pool, pcpu, time());
    note_pool(pool);
}

void Machine::remove_from_pool(CpuPool& pool, PcpuId pcpu) {
    end_all_runs();
    for (const ScheduledVcpu* const freed : pools_.remove_pcpu(pool, pcpu, time()))
        say(LogLevel::warning,
            fmt::format("d{}v{}: none of the pCPUs that it was pinned to is left in \"{}\"; it may "
                        "run on all of them",
                        freed->view.domain.raw, freed->view.id.raw, pool.name));
    note_pool(pool);
}

void Machine::move_to_pool(Guest& guest, CpuPool& pool) {
    end_all_runs();
    for (VcpuId vcpu{0}; vcpu < VcpuId{guest.domain()->vcpu_count()}; ++vcpu) {
        ScheduledVcpu& each = scheduled(&guest, vcpu);
        pools_.move(each, pool, time());
        note_promise(each.view);
    }
}

void Machine::set_scheduler(CpuPool& pool, PolicyChoice scheduler) {
    end_all_runs();
    pools_.set_scheduler(pool, std::move(scheduler), time());
    if (&pool == &pools_.first()) config_.policy(Scheduler::kind) = pool.choice;
    note_pool(pool);
}

void Machine::note_pool(const CpuPool& pool) {
    trace_.note(trace::Event::pool, DomainId{trace::idle_domain}, std::uint64_t{pool.id},
                pool.pcpus.pcpus);
}

/// With several pCPUs, a vCPU goes on running from one quantum to the next.
void Machine::end_all_runs() {
    HV_CHECK(!is_in_quantum_, "the schedule is changed inside of a quantum");
    if (pcpus_.empty()) {
        HV_CHECK(running_ == nullptr, "the schedule is changed while a vCPU runs");
        return;
    }
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) {
        switch_to(pcpu);
        if (running_ != nullptr || here().stops) end_run_at_boundary(Scheduler::Why::preempted);
    }
    switch_to(PcpuId{0});
}

}  // namespace ring3
