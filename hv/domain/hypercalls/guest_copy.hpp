// SPDX-License-Identifier: MIT
// Arguments that a hypercall finds in guest memory, by the addresses that the guest gave, and how
// guests write times.
#pragma once

#include <cstdint>

#include "hv/domain/vcpu.hpp"

namespace ring3 {

/// False: the guest gets -EFAULT.
template <class T>
bool copy_from_guest(const Vcpu& vcpu, std::uint64_t address, T& into) {
    return !read_guest(vcpu.kernel_space(), Vaddr{address}, into).has_value();
}
template <class T>
bool copy_to_guest(const Vcpu& vcpu, std::uint64_t address, const T& from) {
    return !write_guest(vcpu.kernel_space(), Vaddr{address}, from).has_value();
}

/// Whether an address is worth keeping for later: what is mapped there then is another question.
inline bool may_be_guests(std::uint64_t address) {
    return is_canonical(Vaddr{address}) && !is_in_xen_hole(Vaddr{address});
}

/// An absolute time as guests give it, in nanoseconds of system time. What is later than any time
/// that the machine can count to is never.
inline Time time_of_guest(std::uint64_t ns) {
    constexpr auto latest = static_cast<std::uint64_t>(never.time_since_epoch().count());
    return Time{Duration{static_cast<std::int64_t>(ns < latest ? ns : latest)}};
}

}  // namespace ring3
