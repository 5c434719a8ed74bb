// SPDX-License-Identifier: MIT
// What it costs that vCPUs take turns on a pCPU: the switch itself, and caches that others have
// filled meanwhile. Knows who had each pCPU last, and how warm each vCPU left its caches.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "hv/clock/clock.hpp"
#include "hv/sched/vcpu.hpp"

namespace ring3 {

class Turns final {
public:
    /// The vCPU is about to run on the pCPU, whose clock this is. The switch is nobody's turn: a
    /// slice begins behind it, so that however short it is, an instruction retires in it.
    void begin(Clock& clock, std::uint64_t retired, PcpuId pcpu, const sched::Vcpu& vcpu);
    /// It ran so long.
    void end(Clock& clock, std::uint64_t retired, PcpuId pcpu, const sched::Vcpu& vcpu,
             Duration ran);
    void forget(DomainId domain);

private:
    using Who = std::pair<DomainId, VcpuId>;
    struct Pcpu {
        std::optional<Who> last;
        Duration busy{};  ///< all turns so far
    };
    /// How a vCPU left its pCPU.
    struct Left {
        PcpuId pcpu{};
        Duration busy{};    ///< Pcpu::busy of then
        Duration unpaid{};  ///< of what it had lost before
    };

    Pcpu& at(PcpuId pcpu);

    std::vector<Pcpu> pcpus_;
    std::map<Who, Left> left_;
};

}  // namespace ring3
