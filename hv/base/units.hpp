// SPDX-License-Identifier: MIT
// Quantities that must not be mixed: machine and pseudo-physical frames, machine and virtual
// addresses, identities, virtual time. Each is its own type; `.raw` is the only way out.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace ring3 {

/// A number with a kind. Compare, add an offset, subtract to a distance, nothing else.
template <class Tag, class Raw = std::uint64_t>
struct Quantity {
    Raw raw{};

    friend constexpr auto operator<=>(Quantity, Quantity) = default;
    friend constexpr Quantity operator+(Quantity q, Raw offset) {
        return {static_cast<Raw>(q.raw + offset)};
    }
    friend constexpr Quantity operator-(Quantity q, Raw offset) {
        return {static_cast<Raw>(q.raw - offset)};
    }
    friend constexpr Raw operator-(Quantity a, Quantity b) {
        return static_cast<Raw>(a.raw - b.raw);
    }
    constexpr Quantity& operator++() {
        ++raw;
        return *this;
    }
};

/// Machine frame number: the name of a frame of the machine. Nobody computes a host address of it.
using Mfn = Quantity<struct MfnTag>;
/// Pseudo-physical frame number: a guest's own linear idea of its frames.
using Pfn = Quantity<struct PfnTag>;
/// Machine address: mfn * 4096 + offset.
using Maddr = Quantity<struct MaddrTag>;
/// Guest virtual address.
using Vaddr = Quantity<struct VaddrTag>;
/// A number of 4 KiB frames.
using Frames = Quantity<struct FramesTag>;

using DomainId = Quantity<struct DomainIdTag, std::uint16_t>;
using VcpuId = Quantity<struct VcpuIdTag, std::uint32_t>;
using PcpuId = Quantity<struct PcpuIdTag, std::uint32_t>;

constexpr unsigned page_shift = 12;
constexpr std::uint64_t page_size = std::uint64_t{1} << page_shift;
constexpr std::uint64_t page_mask = ~(page_size - 1);

constexpr Mfn invalid_mfn{~std::uint64_t{0}};

constexpr Maddr maddr_of(Mfn mfn, std::uint64_t offset = 0) {
    return {(mfn.raw << page_shift) + offset};
}
constexpr Mfn mfn_of(Maddr address) { return {address.raw >> page_shift}; }
constexpr std::uint64_t page_offset(Maddr address) { return address.raw & ~page_mask; }
constexpr std::uint64_t page_offset(Vaddr address) { return address.raw & ~page_mask; }
constexpr Vaddr page_of(Vaddr address) { return {address.raw & page_mask}; }
/// Bits 63..47 all equal: the only form of virtual address that a 4-level walk accepts.
constexpr bool is_canonical(Vaddr address) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(address.raw << 16) >> 16) ==
           address.raw;
}

/// The machine's own time. It has no now(): only a machine's Clock policy can tell it. Its epoch is
/// the machine's start; host time is std::chrono::steady_clock, and the two do not convert.
struct VirtualClock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::duration<rep, period>;
    using time_point = std::chrono::time_point<VirtualClock>;
    static constexpr bool is_steady = true;
};
using Time = VirtualClock::time_point;
using Duration = VirtualClock::duration;

/// Later than everything that happens.
constexpr Time never = Time::max();

}  // namespace ring3
