// SPDX-License-Identifier: MIT
// The generator of all randomness: xoshiro256** by Blackman and Vigna (prng.di.unimi.it), seeded by
// their splitmix64. Passed in with its seed, so that a run repeats on every host.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace ring3 {

class Random final {
public:
    /// Generators of one seed and different streams have nothing to do with each other.
    explicit Random(std::uint64_t seed, std::uint64_t stream = 0) {
        std::uint64_t state = seed ^ std::rotl(stream * 0x9fb21c651e98df25, 32);
        for (std::uint64_t& word : state_) word = split_mix(state);
    }

    std::uint64_t next() {
        const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    /// Evenly distributed below `bound`, which is not zero.
    std::uint64_t below(std::uint64_t bound) {
        // The highest part of the numbers that holds `bound` a whole number of times is not used.
        const std::uint64_t unfair = (0 - bound) % bound;
        std::uint64_t number = next();
        while (number < unfair) number = next();
        return number % bound;
    }

    /// True in `part` of `whole` cases.
    bool chance(std::uint64_t part, std::uint64_t whole) { return below(whole) < part; }

private:
    static std::uint64_t split_mix(std::uint64_t& state) {
        std::uint64_t mixed = state += 0x9e3779b97f4a7c15;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
        return mixed ^ mixed >> 31;
    }

    std::array<std::uint64_t, 4> state_;
};

/// The number of a stream that has a name: FNV-1a, 64 bits.
constexpr std::uint64_t stream_of(std::string_view name) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

}  // namespace ring3
