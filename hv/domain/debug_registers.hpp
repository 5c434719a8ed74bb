// SPDX-License-Identifier: MIT
// A guest's debug registers, by MOV DR and by hypercall alike: what it may set, with Xen's errors.
#pragma once

#include <cstdint>
#include <optional>

namespace ring3 {

struct CpuState;

/// -EINVAL, -EPERM, -ENODEV or 0.
int set_debug_register(CpuState& state, std::uint64_t n, std::uint64_t value);
/// Nothing: there is no such register.
std::optional<std::uint64_t> debug_register(const CpuState& state, std::uint64_t n);

}  // namespace ring3
