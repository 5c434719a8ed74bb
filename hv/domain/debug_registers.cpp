// SPDX-License-Identifier: MIT
#include "hv/domain/debug_registers.hpp"

#include "hv/abi/errors.hpp"
#include "hv/cpu/state.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {

namespace {

constexpr std::uint64_t cr4_debugging_extensions = 1u << 3;
// SDM vol. 3, 17.2: bits that read as they are, whatever is written.
constexpr std::uint64_t dr6_ones = 0xffff'0ff0, dr6_settable = 0xe00f;
constexpr std::uint64_t dr7_ones = 0x400, dr7_settable = 0xffff'23ff;
constexpr std::uint64_t dr7_general_detect = 1u << 13;

/// DR4 and DR5 are DR6 and DR7, unless CR4.DE says that they are none.
std::optional<std::uint64_t> resolved(const CpuState& state, std::uint64_t n) {
    if (n > 7) return std::nullopt;
    if (n != 4 && n != 5) return n;
    if ((state.cr4 & cr4_debugging_extensions) != 0) return std::nullopt;
    return n + 2;
}

bool may_control(const CpuState& state, std::uint64_t value) {
    if ((value & dr7_general_detect) != 0) return false;
    for (unsigned i = 0; i < 4; ++i) {
        constexpr std::uint64_t on_port = 2;
        const bool is_enabled = (value >> (2 * i) & 3) != 0;
        const std::uint64_t kind = value >> (16 + 4 * i) & 3;
        // Xen allows I/O breakpoints under DE only, and what they are good for no guest has here.
        if (is_enabled && kind == on_port && (state.cr4 & cr4_debugging_extensions) == 0) {
            return false;
        }
    }
    return true;
}

}  // namespace

int set_debug_register(CpuState& state, std::uint64_t n, std::uint64_t value) {
    const std::optional<std::uint64_t> index = resolved(state, n);
    if (!index) return -XEN_ENODEV;
    if (*index >= 6 && value >> 32 != 0) return -XEN_EINVAL;
    if (*index < 4) {
        if (!is_canonical(Vaddr{value}) || is_in_xen_hole(Vaddr{value})) return -XEN_EPERM;
    } else if (*index == 6) {
        value = (value & dr6_settable) | dr6_ones;
    } else {
        if (!may_control(state, value)) return -XEN_EPERM;
        value = (value & dr7_settable) | dr7_ones;
    }
    state.dr[*index] = value;
    return 0;
}

std::optional<std::uint64_t> debug_register(const CpuState& state, std::uint64_t n) {
    const std::optional<std::uint64_t> index = resolved(state, n);
    return index ? std::optional{state.dr[*index]} : std::nullopt;
}

}  // namespace ring3
