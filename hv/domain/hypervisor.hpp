// SPDX-License-Identifier: MIT
// What a domain asks of the machine around it: time, timers, waking, Domain-0's back ends, the log.
// Implemented by hv/machine (and by a fake in tests).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hv/base/cost.hpp"
#include "hv/base/units.hpp"
#include "hv/trace/recorder.hpp"

namespace ring3 {

class Domain;
class Vcpu;

/// A number of one domain's event channel. Zero is never a channel.
using EventPort = Quantity<struct EventPortTag, std::uint32_t>;

enum class LogLevel : std::uint8_t { error, warning, info, debug };

class Hypervisor {
public:
    virtual ~Hypervisor() = default;

    /// The time at exactly `vcpu.cpu.retired` instructions of this vCPU, which is running.
    virtual Time now(const Vcpu& vcpu) = 0;
    /// The time since the Unix epoch at the machine's Time zero.
    virtual std::chrono::nanoseconds wall_clock_base() = 0;

    /// What a domain's random numbers are drawn from.
    virtual std::uint64_t random_seed(DomainId id) = 0;

    /// The vCPU, which is running, did this `count` times. True: now() has moved on.
    virtual bool charge(const Vcpu& /*vcpu*/, Cost, std::uint64_t /*count*/) { return false; }

    /// Each vCPU has one timer: at `deadline` the machine calls `vcpu.timer_expired(deadline or
    /// later)`. Nothing: no timer. Replaces what was set before. Never called with a time gone by.
    virtual void set_timer(Vcpu& vcpu, std::optional<Time> deadline) = 0;

    /// `vcpu` was blocked or down and became runnable: tell the scheduler. It may be paused still:
    /// ask Vcpu::is_runnable(). Called at most once for each block.
    virtual void wake(Vcpu& vcpu) = 0;

    /// `domain` has just shut down or crashed (Domain::shutdown_reason()); no vCPU of it is
    /// runnable any more. Its memory stays until the machine drops it.
    virtual void domain_shutdown(Domain& domain) = 0;

    /// Another domain of this machine, or null.
    virtual Domain* find_domain(DomainId id) = 0;

    /// The hypervisor's own log (what `xl dmesg` shows): one line, without its line end.
    virtual void log(LogLevel level, std::string_view line) = 0;

    /// Where what happens in domains is recorded; the same one always.
    virtual trace::Recorder& trace() = 0;
};

}  // namespace ring3
