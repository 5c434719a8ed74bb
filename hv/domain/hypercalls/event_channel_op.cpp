// SPDX-License-Identifier: MIT
// Event channels: copies the argument in, acts, copies a port out. The FIFO form is not offered;
// Linux then uses the 2-level one.
#include "hv/abi/errors.hpp"
#include "hv/abi/event_channel.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

/// Runs `act` on the guest's argument; what it changed in it goes back unless it failed.
template <class Argument, class Act>
int with_argument(Vcpu& caller, std::uint64_t address, Act act) {
    Argument argument;
    if (!copy_from_guest(caller, address, argument)) return -XEN_EFAULT;
    const int result = act(argument);
    if (result != 0) return result;
    return copy_to_guest(caller, address, argument) ? 0 : -XEN_EFAULT;
}

/// For operations that answer nothing but a number.
template <class Argument, class Act>
int with_constant(Vcpu& caller, std::uint64_t address, Act act) {
    Argument argument;
    return copy_from_guest(caller, address, argument) ? act(argument) : -XEN_EFAULT;
}

/// A port goes into the argument, an error is the answer.
template <class Port>
int give_port(int port_or_error, Port& port) {
    if (port_or_error < 0) return port_or_error;
    port = static_cast<Port>(port_or_error);
    return 0;
}

/// 0 for the guest itself; it has no right over others.
int check_domain(Vcpu& caller, domid_t id) {
    const DomainId domain{id};
    if (domain == abi::domid_self || domain == caller.domain().id()) return 0;
    const bool exists =
        domain == domain0 || caller.domain().hypervisor().find_domain(domain) != nullptr;
    return exists ? -XEN_EPERM : -XEN_ESRCH;
}

int status(Vcpu& caller, evtchn_status_t& request) {
    if (const int refused = check_domain(caller, request.dom)) return refused;
    const EventChannel* const channel = caller.domain().events().find(EventPort{request.port});
    if (channel == nullptr) return -XEN_EINVAL;
    switch (channel->state) {
        case EventChannel::State::closed:
            request.status = EVTCHNSTAT_closed;
            break;
        case EventChannel::State::unbound:
            request.status = EVTCHNSTAT_unbound;
            request.u.unbound.dom = channel->remote_domain.raw;
            break;
        case EventChannel::State::interdomain:
            request.status = EVTCHNSTAT_interdomain;
            request.u.interdomain.dom = channel->remote_domain.raw;
            request.u.interdomain.port = channel->remote_port.raw;
            break;
        case EventChannel::State::virq:
            request.status = EVTCHNSTAT_virq;
            request.u.virq = channel->virq;
            break;
        case EventChannel::State::ipi:
            request.status = EVTCHNSTAT_ipi;
            break;
    }
    request.vcpu = channel->notifies.raw;
    return 0;
}

int act_on(Vcpu& caller, std::uint32_t operation, std::uint64_t address) {
    EventChannels& events = caller.domain().events();
    switch (operation) {
        case EVTCHNOP_alloc_unbound:
            return with_argument<evtchn_alloc_unbound_t>(caller, address, [&](auto& request) {
                if (const int refused = check_domain(caller, request.dom)) return refused;
                return give_port(events.alloc_unbound(DomainId{request.remote_dom}), request.port);
            });
        case EVTCHNOP_bind_interdomain:
            return with_argument<evtchn_bind_interdomain_t>(caller, address, [&](auto& request) {
                return give_port(events.bind_interdomain(DomainId{request.remote_dom},
                                                         EventPort{request.remote_port}),
                                 request.local_port);
            });
        case EVTCHNOP_bind_virq:
            return with_argument<evtchn_bind_virq_t>(caller, address, [&](auto& request) {
                return give_port(events.bind_virq(request.virq, request.vcpu), request.port);
            });
        case EVTCHNOP_bind_ipi:
            return with_argument<evtchn_bind_ipi_t>(caller, address, [&](auto& request) {
                return give_port(events.bind_ipi(request.vcpu), request.port);
            });
        case EVTCHNOP_bind_pirq:  // no domain here has physical interrupts
            return with_constant<evtchn_bind_pirq_t>(caller, address,
                                                     [](auto&) { return -XEN_EPERM; });
        case EVTCHNOP_bind_vcpu:
            return with_constant<evtchn_bind_vcpu_t>(caller, address, [&](auto& request) {
                return events.bind_vcpu(EventPort{request.port}, request.vcpu);
            });
        case EVTCHNOP_close:
            return with_constant<evtchn_close_t>(caller, address, [&](auto& request) {
                return events.close(EventPort{request.port});
            });
        case EVTCHNOP_send:
            return with_constant<evtchn_send_t>(caller, address, [&](auto& request) {
                return events.send(EventPort{request.port});
            });
        case EVTCHNOP_unmask:
            return with_constant<evtchn_unmask_t>(caller, address, [&](auto& request) {
                return events.unmask(EventPort{request.port});
            });
        case EVTCHNOP_status:
            return with_argument<evtchn_status_t>(
                caller, address, [&](auto& request) { return status(caller, request); });
        case EVTCHNOP_reset:
            return with_constant<evtchn_reset_t>(caller, address, [&](auto& request) {
                if (const int refused = check_domain(caller, request.dom)) return refused;
                events.reset();
                return 0;
            });
        case EVTCHNOP_expand_array:  // as when init_control was not called, which is not offered
            return with_constant<evtchn_expand_array_t>(caller, address,
                                                        [](auto&) { return -XEN_EOPNOTSUPP; });
        default:  // among them init_control and set_priority of the FIFO form
            return -XEN_ENOSYS;
    }
}

}  // namespace

HypercallResult event_channel_op(Vcpu& caller, const HypercallArguments& arguments) {
    return act_on(caller, static_cast<std::uint32_t>(arguments[0]), arguments[1]);
}

/// The form before: the operation stands in front of its argument in memory.
HypercallResult event_channel_op_compat(Vcpu& caller, const HypercallArguments& arguments) {
    std::uint32_t operation;
    if (!copy_from_guest(caller, arguments[0], operation)) return -XEN_EFAULT;
    if (operation > EVTCHNOP_unmask) return -XEN_ENOSYS;
    return act_on(caller, operation, arguments[0] + offsetof(evtchn_op_t, u));
}

}  // namespace ring3::hypercalls
