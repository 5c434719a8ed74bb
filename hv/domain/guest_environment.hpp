// SPDX-License-Identifier: MIT
// What the sensitive instructions of one vCPU find: Xen's answers to CPUID, MSRs, control and debug
// registers, ports and descriptors, as an unprivileged 64-bit PV guest gets them.
#pragma once

#include "hv/cpu/environment.hpp"

namespace ring3 {

class Vcpu;

class GuestEnvironment final : public Environment {
public:
    explicit GuestEnvironment(Vcpu& vcpu) : vcpu_(vcpu) {}

    CpuidLeaf cpuid(const CpuState&, std::uint32_t leaf, std::uint32_t subleaf) override;
    std::uint64_t tsc(const CpuState&) override;
    std::uint64_t random_number() override;
    std::optional<std::uint64_t> read_msr(CpuState&, std::uint32_t index) override;
    bool write_msr(CpuState&, std::uint32_t index, std::uint64_t value) override;
    std::optional<std::uint64_t> read_cr(CpuState&, unsigned n) override;
    bool write_cr(CpuState&, unsigned n, std::uint64_t value) override;
    std::optional<std::uint64_t> read_dr(CpuState&, unsigned n) override;
    bool write_dr(CpuState&, unsigned n, std::uint64_t value) override;
    bool write_xcr(CpuState&, std::uint32_t index, std::uint64_t value) override;
    std::optional<std::uint32_t> read_port(CpuState&, std::uint16_t port, unsigned size) override;
    bool write_port(CpuState&, std::uint16_t port, unsigned size, std::uint32_t value) override;
    bool interrupt_flag_is_writable(const CpuState&) override;
    std::optional<std::uint64_t> descriptor(const CpuState&, std::uint16_t selector) override;
    Taken take(CpuState&, const Exit&) override;

private:
    bool may_use_ports(std::uint16_t port, unsigned size) const;
    bool set_hypercall_page(std::uint64_t value);

    Vcpu& vcpu_;
};

}  // namespace ring3
