// SPDX-License-Identifier: MIT
// Into the guest kernel and back: the frames that Xen pushes ("bounces") for traps, events, system
// calls and failed returns, and the iret hypercall.
#pragma once

#include <cstdint>
#include <optional>

namespace ring3 {

class Vcpu;

/// Each pushes a frame on the guest kernel's stack and sets the vCPU to run the handler. False: the
/// domain has crashed (no handler, or a stack that cannot be written), which is a guest's double
/// fault.
bool enter_trap(Vcpu& vcpu, std::uint8_t vector, std::optional<std::uint32_t> error_code);
bool enter_event_callback(Vcpu& vcpu);
/// SYSCALL of user mode; without a callback it is #UD at the instruction (`length` bytes back).
bool enter_syscall(Vcpu& vcpu, std::uint8_t length);

/// The iret hypercall: pops its frame, and goes back to what was interrupted. False: the domain has
/// crashed.
bool return_from_trap(Vcpu& vcpu);

}  // namespace ring3
