// SPDX-License-Identifier: MIT
// What a vCPU's sensitive instructions ask of the world around it: the hypervisor's answers to
// CPUID, MSRs, control registers, ports, time and descriptors. Implemented by hv/domain.
#pragma once

#include <cstdint>
#include <optional>

#include "hv/base/units.hpp"
#include "hv/cpu/state.hpp"

namespace ring3 {

struct Exit;

struct CpuidLeaf {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// Called between two guest instructions, with `state.rip` at the instruction that asks and
/// `state.retired` exact. A function that returns false or nothing makes the guest see #GP(0).
class Environment {
public:
    virtual ~Environment() = default;

    /// For `ud2; "xen"; cpuid` (Xen's forced emulation) and for plain CPUID alike.
    virtual CpuidLeaf cpuid(const CpuState&, std::uint32_t leaf, std::uint32_t subleaf) = 0;
    virtual std::uint64_t tsc(const CpuState&) = 0;
    /// What RDRAND answers.
    virtual std::uint64_t random_number() = 0;
    virtual std::optional<std::uint64_t> read_msr(CpuState&, std::uint32_t index) = 0;
    virtual bool write_msr(CpuState&, std::uint32_t index, std::uint64_t value) = 0;
    /// MOV from/to CRn, n = 0, 2, 3, 4, 8; CLTS and LMSW come as a write of CR0.
    virtual std::optional<std::uint64_t> read_cr(CpuState&, unsigned n) = 0;
    virtual bool write_cr(CpuState&, unsigned n, std::uint64_t value) = 0;
    virtual std::optional<std::uint64_t> read_dr(CpuState&, unsigned n) = 0;
    virtual bool write_dr(CpuState&, unsigned n, std::uint64_t value) = 0;
    virtual bool write_xcr(CpuState&, std::uint32_t index, std::uint64_t value) = 0;
    /// size = 1, 2, 4 bytes. Nothing: the guest has no right to the port (#GP).
    virtual std::optional<std::uint32_t> read_port(CpuState&, std::uint16_t port,
                                                   unsigned size) = 0;
    virtual bool write_port(CpuState&, std::uint16_t port, unsigned size, std::uint32_t value) = 0;
    /// CLI, STI (in either mode): true = does nothing (virtual IOPL allows it), false = #GP.
    virtual bool interrupt_flag_is_writable(const CpuState&) = 0;
    /// The 8-byte descriptor (GDT, with Xen's own page at entry 0x1c00, or LDT) behind a selector.
    virtual std::optional<std::uint64_t> descriptor(const CpuState&, std::uint16_t selector) = 0;

    /// What becomes of an exit that a run came to.
    enum class Taken : std::uint8_t {
        no,    ///< the run returns it
        on,    ///< dealt with: `state` is where the guest goes on, in the same run
        ended  ///< dealt with, but the run ends (Exit::Reason::budget_spent) before its next step
    };
    /// Deals with exits that concern the vCPU and its domain's memory alone, at once, just as they
    /// would be dealt with behind the run. `state` is complete.
    virtual Taken take(CpuState&, const Exit&) { return Taken::no; }
};

}  // namespace ring3
