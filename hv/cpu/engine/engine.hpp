// SPDX-License-Identifier: MIT
// An engine runs guest instructions. It is the only thing that does, and a policy: chosen by name,
// each in one file of this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3 {

class DerivedState;
class Environment;
class FrameTable;
class Params;
struct CpuState;

/// Why run() returned. The state is precise: RIP is the next instruction to run.
struct Exit {
    enum class Reason : std::uint8_t {
        budget_spent,  ///< `budget` instructions were retired, or near so many (RunEnd)
        syscall,       ///< SYSCALL retired: RIP is behind it, RCX and R11 as the SDM says
        exception,  ///< `vector`: a fault (RIP at the instruction, not retired) or trap (behind it)
        interrupt,  ///< INT n, INT3, INTO retired (RIP is behind it): `vector`
        not_built,  ///< in the CPU model but not built here; `text` names it: crash the domain
    };
    Reason reason = Reason::budget_spent;
    std::uint8_t vector = 0;
    /// Bytes of the instruction that left (syscall, interrupt): RIP - length is its address.
    std::uint8_t length = 0;
    bool has_error_code = false;
    std::uint32_t error_code = 0;
    /// Faulting address of a #PF (vector 14).
    std::uint64_t address = 0;
    /// For not_built: the instruction's bytes and its disassembly.
    std::string text;
};

/// What an engine did, for whoever looks into its speed.
struct EngineProfile {
    struct Count {
        std::string name;
        std::uint64_t value = 0;
    };
    /// Guest code that runs as one piece.
    struct Block {
        Vaddr rip{};
        bool kernel_mode = true;
        std::uint64_t entered = 0;  ///< times
        std::uint32_t length = 0;   ///< instructions, if it is not left before its end
    };
    std::vector<Count> counts;
    /// By `entered * length`, most first; empty unless the engine's parameters ask for it.
    std::vector<Block> blocks;
};

/// Where a run ends that nothing else ends.
enum class RunEnd : std::uint8_t {
    exact,  ///< after exactly `budget` instructions
    near,   ///< where it is cheap, after at least one of them and at most `budget`: for clocks of
            ///< the host, to which an instruction more or less is nothing
};

class Engine {
public:
    static constexpr const char* kind = "engine";
    /// What an engine's constructor takes.
    using Factory = std::unique_ptr<Engine> (*)(Params&, FrameTable&);

    virtual ~Engine() = default;

    /// Runs guest instructions from `state` and retires at most `budget` (> 0) of them, adding what
    /// it retired to `state.retired`. A faulting instruction retires none; each iteration of a
    /// rep-prefixed one retires one. The error code of a #PF has its user bit set by the guest's
    /// mode.
    virtual Exit run(CpuState& state, Environment& environment, std::uint64_t budget,
                     RunEnd end) = 0;
    Exit run(CpuState& state, Environment& environment, std::uint64_t budget) {
        return run(state, environment, budget, RunEnd::exact);
    }

    /// What hv/memory must tell of changes (FrameTable::set_derived_state).
    virtual DerivedState& derived_state() = 0;

    /// What an engine derives for a vCPU (state.domain, state.vcpu) it keeps from one run() to the
    /// next; state.kernel_root, user_root or kernel_mode need no call: run() sees them. This drops
    /// what it kept for the vCPUs of a domain that goes away.
    virtual void forget_domain(DomainId domain) = 0;

    /// A folder, of this user alone, for files that make a later machine start sooner and change
    /// nothing else. Without this call there are none.
    virtual void keep_files_in(const std::filesystem::path&) {}

    virtual EngineProfile profile() const { return {}; }
};

}  // namespace ring3
