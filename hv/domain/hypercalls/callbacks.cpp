// SPDX-License-Identifier: MIT
// Entry points that are no traps: events, failed returns, system calls, NMIs.
#include "hv/abi/callback.hpp"
#include "hv/abi/errors.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

constexpr std::uint8_t nmi_vector = 2;

/// Null: a type that Xen does not know, or only knows for other guests.
Callback* callback_of_type(Vcpu& vcpu, std::uint16_t type) {
    switch (type) {
        case CALLBACKTYPE_event:
            return &vcpu.event_callback;
        case CALLBACKTYPE_failsafe:
            return &vcpu.failsafe_callback;
        case CALLBACKTYPE_syscall:
            return &vcpu.syscall_callback;
        case CALLBACKTYPE_syscall32:
            return &vcpu.syscall32_callback;
        case CALLBACKTYPE_sysenter:
            return &vcpu.sysenter_callback;
        default:
            return nullptr;
    }
}

int register_nmi(Vcpu& vcpu, std::uint64_t address) {
    if (!is_canonical(Vaddr{address})) return -XEN_EINVAL;
    vcpu.traps[nmi_vector] = {.address = address, .cs = FLAT_KERNEL_CS, .masks_events = true};
    return 0;
}

int unregister_nmi(Vcpu& vcpu) {
    vcpu.traps[nmi_vector] = {};
    return 0;
}

int register_callback(Vcpu& vcpu, const callback_register_t& request) {
    if (request.type == CALLBACKTYPE_nmi) return register_nmi(vcpu, request.address);
    if (!is_canonical(Vaddr{request.address})) return -XEN_EINVAL;
    Callback* const callback = callback_of_type(vcpu, request.type);
    if (callback == nullptr) return -XEN_ENOSYS;
    *callback = {.address = request.address,
                 .masks_events = (request.flags & CALLBACKF_mask_events) != 0};
    return 0;
}

}  // namespace

HypercallResult callback_op(Vcpu& caller, const HypercallArguments& arguments) {
    switch (static_cast<std::uint32_t>(arguments[0])) {
        case CALLBACKOP_register: {
            callback_register_t request;
            if (!copy_from_guest(caller, arguments[1], request)) return -XEN_EFAULT;
            return register_callback(caller, request);
        }
        case CALLBACKOP_unregister: {
            callback_unregister_t request;
            if (!copy_from_guest(caller, arguments[1], request)) return -XEN_EFAULT;
            if (request.type == CALLBACKTYPE_nmi) return unregister_nmi(caller);
            return callback_of_type(caller, request.type) != nullptr ? -XEN_EINVAL : -XEN_ENOSYS;
        }
        default:
            return -XEN_ENOSYS;
    }
}

/// The form before callback_op: event, failsafe and system call at once, without flags.
HypercallResult set_callbacks(Vcpu& caller, const HypercallArguments& arguments) {
    constexpr std::array<std::uint16_t, 3> types{CALLBACKTYPE_event, CALLBACKTYPE_failsafe,
                                                 CALLBACKTYPE_syscall};
    for (std::size_t i = 0; i < types.size(); ++i) {
        const int result =
            register_callback(caller, {.type = types[i], .flags = 0, .address = arguments[i]});
        if (result != 0) return result;
    }
    return 0;
}

HypercallResult nmi_op(Vcpu& caller, const HypercallArguments& arguments) {
    switch (static_cast<std::uint32_t>(arguments[0])) {
        case XENNMI_register_callback: {
            xennmi_callback_t request;
            if (!copy_from_guest(caller, arguments[1], request)) return -XEN_EFAULT;
            return register_nmi(caller, request.handler_address);
        }
        case XENNMI_unregister_callback:
            return unregister_nmi(caller);
        default:
            return -XEN_ENOSYS;
    }
}

}  // namespace ring3::hypercalls
