// SPDX-License-Identifier: MIT
// A domain's event channels, in Xen's 2-level form: a pending and a mask bit per port in
// shared_info, a selector word and an upcall flag in the vcpu_info of the vCPU that a port
// notifies.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "hv/abi/event_channel.hpp"
#include "hv/abi/xen.hpp"
#include "hv/base/units.hpp"
#include "hv/domain/hypervisor.hpp"

namespace ring3 {

/// One end of a channel.
struct EventChannel {
    enum class State : std::uint8_t { closed, unbound, interdomain, virq, ipi };
    State state = State::closed;
    VcpuId notifies{};
    /// unbound: who may bind; interdomain: whose end the other one is.
    DomainId remote_domain{};
    /// interdomain: the other end. For a back end of Domain-0: the guest's own port again.
    EventPort remote_port{};
    std::uint32_t virq = 0;
};

/// Results named `int` are a port (> 0), 0, or a negative Xen errno.
class EventChannels {
public:
    /// As many as the toolstack grants by default (xl.cfg: event_channels = 1023).
    static constexpr std::uint32_t max_port = 1023;

    /// Ports exist in groups of so many: the first, and each from which one was given.
    static constexpr std::uint32_t ports_per_group = 64;

    explicit EventChannels(Domain& domain);

    int alloc_unbound(DomainId remote);
    int bind_interdomain(DomainId remote, EventPort remote_port);
    int bind_virq(std::uint32_t virq, std::uint32_t vcpu);
    int bind_ipi(std::uint32_t vcpu);
    int bind_vcpu(EventPort port, std::uint32_t vcpu);
    int close(EventPort port);
    /// The guest sends: to the other domain's end, to a back end, or to a vCPU of its own.
    int send(EventPort port);
    int unmask(EventPort port);
    void reset();
    /// Null when the port does not exist (yet); a closed one is found.
    const EventChannel* find(EventPort port) const;

    /// A native back end of Domain-0 binds to a port that was allocated unbound for Domain-0.
    /// `on_event` is called, inside of the hypercall, when the guest sends. False: it is no such
    /// port. Through BackEndPort, whose destructor unbinds.
    bool bind_back_end(EventPort port, std::function<void()> on_event);
    void unbind_back_end(EventPort port);
    /// A native back end signals the guest. False: the guest has closed the port.
    bool raise_from_back_end(EventPort port);

    /// Raises the port that this vCPU bound to a virtual interrupt, if it did.
    void raise_virq(Vcpu& vcpu, std::uint32_t virq);

    bool is_pending(EventPort port) const;

private:
    /// Lowest closed port, or -ENOSPC.
    int free_port();
    EventChannel* in_use(EventPort port);
    void raise(EventPort port);
    void notify_back_end(EventPort port);
    std::uint64_t word(std::uint64_t array, EventPort port) const;
    void set_word(std::uint64_t array, EventPort port, std::uint64_t value);
    void mark_pending(VcpuId vcpu, EventPort port);
    void wake_pollers(EventPort port);

    Domain& domain_;
    /// As many as ports exist.
    std::vector<EventChannel> channels_;
    /// What native back ends do on an event, by the guest's port.
    std::map<EventPort, std::function<void()>> back_ends_;
};

}  // namespace ring3
