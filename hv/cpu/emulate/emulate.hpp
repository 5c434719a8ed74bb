// SPDX-License-Identifier: MIT
// The instructions that are not copied: those that ask the hypervisor, string instructions, and
// those that touch state which the host keeps for itself. Bodies follow the SDM's operation text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "hv/base/units.hpp"
#include "hv/cpu/decode/insn.hpp"
#include "hv/cpu/engine/engine.hpp"
#include "hv/cpu/environment.hpp"
#include "hv/cpu/state.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {

/// A guest's memory as its own instructions see it: translated, checked, precise in its faults.
class DataAccess {
public:
    virtual ~DataAccess() = default;

    /// False: `failure` says what the guest gets. A write that fails has stored nothing.
    virtual bool read(Vaddr from, std::span<std::byte> into) = 0;
    virtual bool write(Vaddr to, std::span<const std::byte> from) = 0;
    /// Host memory from `address` to the end of its page, for accesses that need no further care;
    /// null where one by one they may need it, or would fault.
    virtual std::byte* direct(Vaddr address, Access access) = 0;

    Exit failure;
    /// Set for each instruction: a non-canonical address is #SS instead of #GP.
    bool stack_segment = false;

    template <class T>
    bool load(Vaddr from, T& into) {
        return read(from, std::as_writable_bytes(std::span{&into, 1}));
    }
    template <class T>
    bool store(Vaddr to, const T& from) {
        return write(to, std::as_bytes(std::span{&from, 1}));
    }
};

/// What an emulated instruction did. `state` holds its outcome, RIP included.
struct Emulated {
    std::uint64_t retired = 1;
    /// The guest gets this exception, or the engine must return this.
    std::optional<Exit> exit;
};

struct EmulationContext {
    CpuState& state;
    DataAccess& memory;
    Environment& environment;
    IsaLevel level;
    /// At most this many may be retired (> 0).
    std::uint64_t budget;
};

/// Executes one instruction of Form::emulated, rep_string, bit_string, undefined or not_built at
/// state.rip. On an exit that
/// is a fault nothing of `state` has changed and retired is 0.
Emulated emulate(const Insn& insn, EmulationContext& c);

// Building blocks, each in its file; nothing: not one of theirs.
std::optional<Emulated> emulate_string(const Insn& insn, EmulationContext& c);
std::optional<Emulated> emulate_stack(const Insn& insn, EmulationContext& c);
std::optional<Emulated> emulate_segment(const Insn& insn, EmulationContext& c);
std::optional<Emulated> emulate_fpu_state(const Insn& insn, EmulationContext& c);
std::optional<Emulated> emulate_sensitive(const Insn& insn, EmulationContext& c);
std::optional<Emulated> emulate_vector(const Insn& insn, EmulationContext& c);
std::optional<Emulated> emulate_transcendental(const Insn& insn, EmulationContext& c);
std::optional<Emulated> emulate_approximation(const Insn& insn, EmulationContext& c);
std::optional<Emulated> emulate_bits(const Insn& insn, EmulationContext& c);

// Outcomes.
Emulated fault_exception(std::uint8_t vector, std::optional<std::uint32_t> error_code = {});
Emulated general_protection(std::uint32_t error_code = 0);
Emulated memory_fault(const EmulationContext& c);
/// Retired: RIP moves behind the instruction.
Emulated retire(const Insn& insn, EmulationContext& c);
/// Retired, and the engine returns to its caller.
Emulated leave_with(const Insn& insn, EmulationContext& c, Exit::Reason reason,
                    std::uint8_t vector = 0);

/// base + index * scale + displacement + segment base; `stack_delta` is added to RSP, and `offset`
/// before the sum is cut to the address size.
Vaddr effective_address(const Insn& insn, const CpuState& state, int stack_delta = 0,
                        std::uint64_t offset = 0);
/// As the instruction's own operand: RegisterField read and written with the size's rules.
std::uint64_t read_field(const CpuState& state, const RegisterField& field);
void write_register(CpuState& state, int number, unsigned size, std::uint64_t value);

}  // namespace ring3
