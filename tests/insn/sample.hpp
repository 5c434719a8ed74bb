// SPDX-License-Identifier: MIT
// A form with operands, a state and memory, all random but likely to be interesting: what one
// comparison between the host's CPU and the engine starts from.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "hv/cpu/state.hpp"
#include "tests/insn/bare_guest.hpp"
#include "tests/insn/forms.hpp"

namespace ring3::test {

/// Numbers that repeat for a seed, on every host.
class Random {
public:
    explicit Random(std::uint64_t seed) : generator_(seed) {}

    std::uint64_t bits() { return generator_(); }
    std::uint64_t below(std::uint64_t limit) { return generator_() % limit; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    std::uint8_t byte() { return static_cast<std::uint8_t>(bits()); }

private:
    std::mt19937_64 generator_;
};

/// RING3_SEED, or a fixed number; printed by whoever uses it.
std::uint64_t seed_from_environment();
/// RING3_ROUNDS: how many samples of each form, `otherwise` when not set.
unsigned rounds_from_environment(unsigned otherwise);

struct Sample {
    std::vector<std::uint8_t> bytes;  ///< of the instruction, which stands at state.rip
    Insn insn;
    CpuState state;
    std::array<std::uint8_t, BareGuest::pages * page_size> memory;

    std::uint8_t* at(std::uint64_t address) { return memory.data() + (address - BareGuest::base); }
};

/// Where the memory operand lies.
enum class Place {
    anywhere,        ///< any of the below, mostly inside of a data page
    inside,          ///< a data page, aligned or not
    across_pages,    ///< partly in the next data page
    across_the_end,  ///< partly in the page that is not mapped
    unmapped,
    not_canonical,
};

class SampleMaker {
public:
    SampleMaker(IsaLevel level, std::uint64_t seed);

    /// False: this roll of the dice did not make a valid encoding of the form; try again.
    bool make(const InsnForm& form, Place place, Sample& sample);
    Random& random() { return random_; }

private:
    struct Encoding;

    void encode(const InsnForm& form, Encoding& e);
    void put_memory_operand(const InsnForm& form, Encoding& e);
    void fill_state(Sample& sample);
    void fill_fpu(CpuState& state);
    void fill_memory(Sample& sample);
    std::uint64_t pick_target(Place place, std::size_t size);
    bool aim(Sample& sample, Place place);
    bool prepare_implied_operands(Sample& sample);
    std::uint64_t interesting();
    void interesting_bytes(std::uint8_t* to, std::size_t size);
    int pick_register();

    IsaLevel level_;
    Random random_;
};

}  // namespace ring3::test
