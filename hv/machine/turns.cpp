// SPDX-License-Identifier: MIT
#include "hv/machine/turns.hpp"

#include "hv/domain/domain.hpp"

namespace ring3 {

Turns::Pcpu& Turns::at(PcpuId pcpu) {
    if (pcpus_.size() <= pcpu.raw) pcpus_.resize(pcpu.raw + std::size_t{1});
    return pcpus_[pcpu.raw];
}

void Turns::begin(Clock& clock, std::uint64_t retired, PcpuId pcpu, const sched::Vcpu& vcpu) {
    const Who who{vcpu.domain, vcpu.id};
    Pcpu& here = at(pcpu);
    if (here.last && *here.last != who) clock.charge(Cost::context_switch, 1);
    // The caches are empty at first, and so they are on another pCPU than the last one. Others can
    // have evicted no more than what they had the time to load. What Domain-0's back ends lose is
    // in the price of a request.
    Duration cold{};
    if (vcpu.domain != domain0) {
        const auto found = left_.find(who);
        const bool knows = found != left_.end() && found->second.pcpu == pcpu;
        cold = knows ? found->second.unpaid + (here.busy - found->second.busy) : clock.cold_cache();
    }
    here.last = who;
    clock.begin_turn(retired, cold);
}

void Turns::end(Clock& clock, std::uint64_t retired, PcpuId pcpu, const sched::Vcpu& vcpu,
                Duration ran) {
    Pcpu& here = at(pcpu);
    here.busy += ran;
    left_[{vcpu.domain, vcpu.id}] = {pcpu, here.busy, clock.end_turn(retired)};
}

void Turns::forget(DomainId domain) {
    std::erase_if(left_, [domain](const auto& entry) { return entry.first.first == domain; });
}

}  // namespace ring3
