// SPDX-License-Identifier: MIT
// A program on the host's CPU, one step at a time, with everything that an engine's run of it is
// compared with wherever that stops.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "hv/cpu/decode/flags.hpp"
#include "tests/insn/native_cpu.hpp"
#include "tests/insn/random_program.hpp"

namespace ring3::test {

/// What the host did. A program goes on behind an instruction that faults.
struct Trace {
    struct Fault {
        CpuState state;
        std::uint64_t retired = 0;
        int vector = 0;
        std::uint32_t error_code = 0;
        std::uint64_t address = 0;
        unsigned length = 0;  ///< of the instruction, which is skipped
    };
    /// The state when so many instructions were retired, with the flags zero that nothing reads
    /// (FlagScan).
    std::vector<CpuState> states;
    std::vector<Fault> faults;
    bool ended = false;  ///< by the program's UD2
    std::array<std::uint8_t, BareGuest::pages * page_size> memory;
};

class Tracer {
public:
    explicit Tracer(IsaLevel level) : level_(level), decoder_(level), scan_(decoder_) {}

    /// Until the program's end, or an instruction that must not run on the host, or for long.
    void run(const RandomProgram& program, Trace& trace);

private:
    void follow(const RandomProgram& program, Trace& trace);
    bool fetch(std::uint64_t rip, Insn& insn);
    void clear_dead_flags(CpuState& state);

    IsaLevel level_;
    NativeCpu cpu_;
    Decoder decoder_;
    FlagScan scan_;
};

}  // namespace ring3::test
