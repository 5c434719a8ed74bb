// SPDX-License-Identifier: MIT
// vCPUs: bringing them up, their timers, the areas that they register.
#include "hv/abi/errors.hpp"
#include "hv/abi/sched.hpp"
#include "hv/abi/vcpu.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"
#include "hv/domain/vcpu_context.hpp"

namespace ring3::hypercalls {

namespace {

int initialise(Vcpu& caller, Vcpu& vcpu, std::uint64_t address) {
    vcpu_guest_context_t context;
    if (!copy_from_guest(caller, address, context)) return -XEN_EFAULT;
    if (vcpu.is_initialised) return -XEN_EEXIST;
    return set_vcpu_context(vcpu, context);
}

int up(Vcpu& vcpu) {
    if (!vcpu.is_initialised) return -XEN_EINVAL;
    vcpu.bring_up();
    return 0;
}

/// The last vCPU that goes down takes the domain with it.
int down(Vcpu& vcpu) {
    Domain& domain = vcpu.domain();
    vcpu.bring_down();
    for (std::uint32_t i = 0; i < domain.vcpu_count(); ++i) {
        if (domain.vcpu(VcpuId{i}).is_up) return 0;
    }
    domain.shut_down(SHUTDOWN_poweroff);
    return 0;
}

int set_periodic_timer(Vcpu& caller, Vcpu& vcpu, std::uint64_t address, Time now) {
    constexpr std::uint64_t shortest_ns = 1'000'000, longest_ns = std::uint64_t{1} << 62;
    vcpu_set_periodic_timer_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    if (request.period_ns < shortest_ns || request.period_ns > longest_ns) return -XEN_EINVAL;
    vcpu.set_periodic_timer(Duration{static_cast<std::int64_t>(request.period_ns)}, now);
    return 0;
}

int set_singleshot_timer(Vcpu& caller, Vcpu& vcpu, std::uint64_t address, Time now) {
    if (&vcpu != &caller) return -XEN_EINVAL;
    vcpu_set_singleshot_timer_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    // VCPU_SSHOTTMR_future asks for an error when it is too late: Xen 4.17 does not give it.
    vcpu.set_singleshot_timer(time_of_guest(request.timeout_abs_ns), now);
    return 0;
}

int send_nmi(Vcpu& vcpu, std::uint64_t argument) {
    if (argument != 0) return -XEN_EINVAL;
    vcpu.nmi_pending = true;
    vcpu.unblock();
    return 0;
}

}  // namespace

HypercallResult vcpu_op(Vcpu& caller, const HypercallArguments& arguments) {
    Vcpu* const vcpu = caller.domain().find_vcpu(static_cast<std::uint32_t>(arguments[1]));
    if (vcpu == nullptr) return -XEN_ENOENT;
    const std::uint64_t address = arguments[2];
    const Time now = caller.domain().hypervisor().now(caller);
    switch (static_cast<std::uint32_t>(arguments[0])) {
        case VCPUOP_initialise:
            return initialise(caller, *vcpu, address);
        case VCPUOP_up:
            return up(*vcpu);
        case VCPUOP_down:
            return down(*vcpu);
        case VCPUOP_is_up:
            return vcpu->is_up ? 1 : 0;
        case VCPUOP_get_runstate_info:
            return copy_to_guest(caller, address, vcpu->run_state_info(now)) ? 0 : -XEN_EFAULT;
        case VCPUOP_set_periodic_timer:
            return set_periodic_timer(caller, *vcpu, address, now);
        case VCPUOP_stop_periodic_timer:
            vcpu->set_periodic_timer(Duration::zero(), now);
            return 0;
        case VCPUOP_set_singleshot_timer:
            return set_singleshot_timer(caller, *vcpu, address, now);
        case VCPUOP_stop_singleshot_timer:
            if (vcpu != &caller) return -XEN_EINVAL;
            vcpu->set_singleshot_timer(std::nullopt, now);
            return 0;
        case VCPUOP_register_vcpu_info: {
            vcpu_register_vcpu_info_t request;
            if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
            return vcpu->register_info(Mfn{request.mfn}, request.offset, vcpu == &caller);
        }
        case VCPUOP_register_runstate_memory_area: {
            vcpu_register_runstate_memory_area_t request;
            if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
            if (!may_be_guests(request.addr.p)) return -XEN_EFAULT;
            vcpu->register_run_state_area(caller, Vaddr{request.addr.p}, now);
            return 0;
        }
        case VCPUOP_register_vcpu_time_memory_area: {
            vcpu_register_time_memory_area_t request;
            if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
            if (!may_be_guests(request.addr.p)) return -XEN_EFAULT;
            vcpu->register_time_area(caller, Vaddr{request.addr.p});
            return 0;
        }
        case VCPUOP_send_nmi:
            return send_nmi(*vcpu, address);
        case VCPUOP_get_physid:
            return -XEN_EINVAL;  // only for a hardware domain that is pinned
        default:
            return -XEN_ENOSYS;
    }
}

}  // namespace ring3::hypercalls
