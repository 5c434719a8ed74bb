// SPDX-License-Identifier: MIT
// Traps and what goes with them: the virtual IDT, the kernel stack, TS, debug registers, the
// return.
#include "hv/abi/errors.hpp"
#include "hv/abi/xen.hpp"
#include "hv/domain/debug_registers.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/guest_entry.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

HypercallResult set_trap_table(Vcpu& caller, const HypercallArguments& arguments) {
    if (arguments[0] == 0) {
        caller.traps = {};
        return 0;
    }
    for (std::uint64_t i = 0; i < items_per_call; ++i) {
        trap_info_t trap;
        if (!copy_from_guest(caller, arguments[0] + i * sizeof trap, trap)) return -XEN_EFAULT;
        if (trap.address == 0) return 0;
        if (!is_canonical(Vaddr{trap.address})) return -XEN_EINVAL;
        caller.traps[trap.vector] = {.address = trap.address,
                                     .cs = static_cast<std::uint16_t>(trap.cs | 3),
                                     .privilege = static_cast<std::uint8_t>(TI_GET_DPL(&trap)),
                                     .masks_events = TI_GET_IF(&trap) != 0};
    }
    HypercallArguments rest = arguments;
    rest[0] += items_per_call * sizeof(trap_info_t);
    return HypercallResult::again(rest);
}

HypercallResult stack_switch(Vcpu& caller, const HypercallArguments& arguments) {
    caller.kernel_ss = arguments[0] | 3;
    caller.kernel_sp = arguments[1];
    return 0;
}

HypercallResult fpu_taskswitch(Vcpu& caller, const HypercallArguments& arguments) {
    if (static_cast<std::uint32_t>(arguments[0]) != 0) {
        caller.cpu.cr0 |= cr0::ts;
    } else {
        caller.cpu.cr0 &= ~cr0::ts;
    }
    return 0;
}

HypercallResult set_debugreg(Vcpu& caller, const HypercallArguments& arguments) {
    return set_debug_register(caller.cpu, static_cast<std::uint32_t>(arguments[0]), arguments[1]);
}

HypercallResult get_debugreg(Vcpu& caller, const HypercallArguments& arguments) {
    const auto value = debug_register(caller.cpu, static_cast<std::uint32_t>(arguments[0]));
    // A value that looks like an error cannot be told from one: the interface is Xen's.
    return value ? static_cast<std::int64_t>(*value) : -XEN_ENODEV;
}

HypercallResult iret(Vcpu& caller, const HypercallArguments&) {
    return_from_trap(caller);
    return HypercallResult::state_replaced();
}

}  // namespace ring3::hypercalls
