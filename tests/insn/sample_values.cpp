// SPDX-License-Identifier: MIT
// The values that samples are filled with.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "tests/insn/native_cpu.hpp"
#include "tests/insn/sample.hpp"

namespace ring3::test {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

}  // namespace

std::uint64_t seed_from_environment() { return from_environment("RING3_SEED", 20240229); }

unsigned rounds_from_environment(unsigned otherwise) {
    return static_cast<unsigned>(from_environment("RING3_ROUNDS", otherwise));
}

int SampleMaker::pick_register() {
    // Those that the translator or the encoding treat in a way of their own come up more often.
    static constexpr int special[] = {0, 1, 4, 5, 8, 10, 11, 12, 13, 1, 4};
    if (random_.one_in(2)) return static_cast<int>(random_.below(16));
    return special[random_.below(std::size(special))];
}

std::uint64_t SampleMaker::interesting() {
    static constexpr std::uint64_t values[] = {0,
                                               1,
                                               2,
                                               ~0ull,
                                               0x7f,
                                               0x80,
                                               0xff,
                                               0x7fff,
                                               0x8000,
                                               0xffff,
                                               0x7fff'ffff,
                                               0x8000'0000,
                                               0xffff'ffff,
                                               0x1'0000'0000,
                                               0x7fff'ffff'ffff'ffff,
                                               0x8000'0000'0000'0000,
                                               0xffff'ffff'8000'0000};
    switch (random_.below(4)) {
        case 0:
            return values[random_.below(std::size(values))];
        case 1:
            return random_.bits() >> random_.below(64);
        case 2:
            return random_.below(70) - 3;
        default:
            return random_.bits();
    }
}

/// Integers, floating point of both sizes with their special values, repeated bytes, text.
void SampleMaker::interesting_bytes(std::uint8_t* to, std::size_t size) {
    static constexpr std::uint32_t floats[] = {
        0,           0x8000'0000, 0x3f80'0000, 0xbf80'0000, 0x7f80'0000, 0xff80'0000, 0x7fc0'0000,
        0x7fa0'0001, 0x0000'0001, 0x807f'ffff, 0x0080'0000, 0x7f7f'ffff, 0x4f00'0000, 0x3f00'0000};
    static constexpr std::uint64_t doubles[] = {0,
                                                1ull << 63,
                                                0x3ff0'0000'0000'0000,
                                                0xbff8'0000'0000'0000,
                                                0x7ff0'0000'0000'0000,
                                                0xfff0'0000'0000'0000,
                                                0x7ff8'0000'0000'0000,
                                                0x7ff4'0000'0000'0001,
                                                1,
                                                0x0010'0000'0000'0000,
                                                0x7fef'ffff'ffff'ffff,
                                                0x43e0'0000'0000'0000,
                                                0x41e0'0000'0000'0000};
    const auto kind = random_.below(6);
    for (std::size_t i = 0; i < size; i += 8) {
        std::uint64_t value = 0;
        switch (kind) {
            case 0:
                value = random_.bits();
                break;
            case 1:
                value = std::bit_cast<std::uint32_t>(static_cast<float>(
                            (static_cast<double>(random_.below(2000)) - 1000) / 8.0)) |
                        std::uint64_t{floats[random_.below(std::size(floats))]} << 32;
                break;
            case 2:
                value = random_.one_in(2)
                            ? doubles[random_.below(std::size(doubles))]
                            : std::bit_cast<std::uint64_t>(
                                  (static_cast<double>(random_.below(1'000'000)) - 500'000) / 64);
                break;
            case 3:
                value = 0x0101'0101'0101'0101u * random_.byte();
                break;
            case 4:  // few letters and an early end, for the string instructions of SSE4.2
                for (unsigned b = 0; b < 8; ++b) {
                    value = value << 8 | (random_.one_in(12) ? 0 : 'a' + random_.below(3));
                }
                break;
            default:
                value = interesting();
        }
        std::memcpy(to + i, &value, std::min<std::size_t>(8, size - i));
    }
}

void SampleMaker::fill_fpu(CpuState& state) {
    reset_fpu(state);
    std::byte* const image = state.xsave.data();
    const auto put16 = [&](std::size_t at, std::uint64_t value) {
        std::memcpy(image + at, &value, 2);
    };
    // x87: all exceptions masked as a rule, any precision and rounding, any top of stack.
    std::uint64_t control = 0x7f | random_.below(4) << 8 | random_.below(4) << 10;
    if (!random_.one_in(4)) control = 0x37f;
    if (random_.one_in(16)) control &= ~random_.below(64);
    put16(0, control);
    put16(2, random_.below(8) << 11 | (random_.bits() & 0x4700));
    if (random_.one_in(8)) put16(2, (random_.bits() & 0x7f00) | (random_.bits() & control & 0x3f));
    image[4] = std::byte{random_.one_in(3) ? random_.byte() : std::uint8_t{0xff}};
    for (std::size_t i = 0; i < 8; ++i) {
        std::uint64_t significand = random_.bits() | 1ull << 63;
        std::uint64_t exponent = 0x3fff + random_.below(80) - 40;
        switch (random_.below(12)) {
            case 0:
                significand = exponent = 0;
                break;
            case 1:
                exponent = 0x7fff;  // infinity or a NaN
                significand = 1ull << 63 | (random_.one_in(2) ? random_.bits() >> 1 : 0);
                break;
            case 2:
                exponent = 0;  // denormal or pseudo-denormal
                break;
            case 3:
                significand >>= 1 + random_.below(8);  // unnormal: an invalid operand
                break;
            case 4:
                significand = random_.below(4) << 62 | 1ull << 63;
                break;
            case 5:
                exponent = random_.below(0x8000);
                break;
            default:
                break;
        }
        const std::uint64_t head = exponent | random_.below(2) << 15;
        std::memcpy(image + 32 + 16 * i, &significand, 8);
        put16(40 + 16 * i, head);
    }
    std::uint32_t mxcsr = 0x1f80 | static_cast<std::uint32_t>(random_.below(4) << 13);
    if (random_.one_in(3)) mxcsr |= static_cast<std::uint32_t>(random_.bits() & 0x8040);
    if (random_.one_in(16)) mxcsr &= ~static_cast<std::uint32_t>(random_.below(64) << 7);
    if (random_.one_in(2)) mxcsr = 0x1f80;
    std::memcpy(image + 24, &mxcsr, 4);
    interesting_bytes(reinterpret_cast<std::uint8_t*>(image) + 160, 256);
    for (std::size_t i = 0; i < 16; ++i) {
        if (random_.one_in(2))
            interesting_bytes(reinterpret_cast<std::uint8_t*>(image) + 160 + 16 * i, 16);
    }
    interesting_bytes(reinterpret_cast<std::uint8_t*>(image) + 576, 256);
}

void SampleMaker::fill_state(Sample& sample) {
    for (auto& r : sample.state.gpr) r = interesting();
    if (!NativeCpu::takes_any_rsp()) sample.state.reg(Gpr::rsp) &= 0x7fff'ffff'ffffu;
    sample.state.rflags = rflags::fixed | rflags::interrupt | (random_.bits() & rflags::arithmetic);
    if (random_.one_in(4)) sample.state.rflags |= rflags::df;
    fill_fpu(sample.state);
}

void SampleMaker::fill_memory(Sample& sample) {
    for (std::size_t i = 0; i < sample.memory.size(); i += 512)
        interesting_bytes(sample.memory.data() + i, 512);
}

}  // namespace ring3::test
