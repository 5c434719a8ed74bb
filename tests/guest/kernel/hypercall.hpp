// SPDX-License-Identifier: MIT
// Hypercalls of the test guest. Arguments are plain numbers: most of what is tested is nonsense.
#pragma once

#include <cstdint>

#include "hv/abi/xen.hpp"

namespace guest {

extern "C" long hypercall_5(std::uint64_t number, std::uint64_t a1, std::uint64_t a2,
                            std::uint64_t a3, std::uint64_t a4, std::uint64_t a5) asm("hypercall");

inline std::uint64_t argument(const volatile void* pointer) {
    return reinterpret_cast<std::uint64_t>(pointer);
}
inline std::uint64_t argument(std::uint64_t number) { return number; }

/// Calls `number` with up to five arguments: numbers or pointers.
template <class... Arguments>
long hypercall(std::uint64_t number, Arguments... arguments) {
    static_assert(sizeof...(arguments) <= 5);
    std::uint64_t a[5] = {argument(arguments)...};
    return hypercall_5(number, a[0], a[1], a[2], a[3], a[4]);
}
inline long hypercall(std::uint64_t number) { return hypercall_5(number, 0, 0, 0, 0, 0); }

/// Addresses that no hypercall may read or write.
constexpr std::uint64_t unmapped = 0x10'0000'0000;
constexpr std::uint64_t not_canonical = 0x8000'0000'0000'0000;
constexpr std::uint64_t inside_xen = 0xffff'8300'0000'0000;

}  // namespace guest
