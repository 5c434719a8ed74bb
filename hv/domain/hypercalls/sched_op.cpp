// SPDX-License-Identifier: MIT
// What a guest says to the scheduler: yield, block, poll, shut down, watchdogs.
#include "hv/abi/errors.hpp"
#include "hv/abi/sched.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

int poll(Vcpu& caller, std::uint64_t address) {
    constexpr std::uint32_t most_ports = 128;
    Domain& domain = caller.domain();
    sched_poll_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    if (request.nr_ports > most_ports) return -XEN_EINVAL;
    const bool has_upcall = caller.info().upcall_due();
    std::vector<EventPort> ports;
    for (std::uint32_t i = 0; i < request.nr_ports && !has_upcall; ++i) {
        EventPort port;
        const std::uint64_t at = abi::address_of(request.ports).raw + i * sizeof port.raw;
        if (!copy_from_guest(caller, at, port.raw)) return -XEN_EFAULT;
        if (port.raw >= EVTCHN_2L_NR_CHANNELS) return -XEN_EINVAL;
        if (domain.events().is_pending(port)) return 0;
        ports.push_back(port);
    }
    if (has_upcall) return 0;
    std::optional<Time> deadline;
    if (request.timeout != 0) deadline = time_of_guest(request.timeout);
    caller.poll(std::move(ports), deadline);
    return 0;
}

int shut_down(Vcpu& caller, std::uint32_t reason) {
    Domain& domain = caller.domain();
    if (reason == SHUTDOWN_suspend) {
        domain.warn_once(Domain::Lack::suspend,
                         "suspend is not supported; the guest is told that it was cancelled");
        return 1;  // sched.h: "returns 1 if suspend was cancelled"
    }
    // Xen keeps eight bits of it.
    domain.shut_down(reason & 0xff);
    return 0;
}

int remote_shutdown(Vcpu& caller, std::uint64_t address) {
    sched_remote_shutdown_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    const DomainId id{request.domain_id};
    const bool exists = id == domain0 || id == caller.domain().id() ||
                        caller.domain().hypervisor().find_domain(id) != nullptr;
    return exists ? -XEN_EPERM : -XEN_ESRCH;
}

/// Two watchdogs per domain, numbered from 1; 0 asks for a free one.
int watchdog(Vcpu& caller, std::uint64_t address) {
    constexpr std::uint32_t watchdogs = 2;
    sched_watchdog_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    Vcpu& keeper = caller.domain().vcpu(VcpuId{0});
    const Time now = caller.domain().hypervisor().now(caller);
    const Time deadline = now + std::chrono::seconds(request.timeout);
    if (request.id > watchdogs) return -XEN_EINVAL;
    if (request.id == 0) {
        if (request.timeout == 0) return -XEN_EINVAL;
        for (unsigned slot = 0; slot < watchdogs; ++slot) {
            if (keeper.watchdog_in_use(slot)) continue;
            keeper.set_watchdog(slot, deadline, now);
            return static_cast<int>(slot + 1);
        }
        return -XEN_ENOSPC;
    }
    const unsigned slot = request.id - 1;
    if (!keeper.watchdog_in_use(slot)) return -XEN_EINVAL;
    keeper.set_watchdog(slot, request.timeout == 0 ? std::nullopt : std::optional{deadline}, now);
    return 0;
}

}  // namespace

HypercallResult sched_op(Vcpu& caller, const HypercallArguments& arguments) {
    switch (static_cast<std::uint32_t>(arguments[0])) {
        case SCHEDOP_yield:
            caller.has_yielded = true;
            return 0;
        case SCHEDOP_block:
            caller.block();
            return 0;
        case SCHEDOP_shutdown:
        case SCHEDOP_shutdown_code: {
            sched_shutdown_t request;
            if (!copy_from_guest(caller, arguments[1], request)) return -XEN_EFAULT;
            if (static_cast<std::uint32_t>(arguments[0]) == SCHEDOP_shutdown) {
                return shut_down(caller, request.reason);
            }
            caller.domain().latch_shutdown_reason(request.reason & 0xff);
            return 0;
        }
        case SCHEDOP_poll:
            return poll(caller, arguments[1]);
        case SCHEDOP_remote_shutdown:
            return remote_shutdown(caller, arguments[1]);
        case SCHEDOP_watchdog:
            return watchdog(caller, arguments[1]);
        case SCHEDOP_pin_override:
            return -XEN_EPERM;  // for the hardware domain
        default:
            return -XEN_ENOSYS;
    }
}

HypercallResult sched_op_compat(Vcpu& caller, const HypercallArguments& arguments) {
    switch (static_cast<std::uint32_t>(arguments[0])) {
        case SCHEDOP_yield:
        case SCHEDOP_block:
            return sched_op(caller, arguments);
        case SCHEDOP_shutdown:
            return shut_down(caller, static_cast<std::uint32_t>(arguments[1]));
        default:
            return -XEN_ENOSYS;
    }
}

}  // namespace ring3::hypercalls
