// SPDX-License-Identifier: MIT
// Decoder against decode(): instructions that are derived from an example are those that Zydis
// gives, in every field, whatever was decoded before.
#include "hv/cpu/decode/decoder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "tests/insn/forms.hpp"
#include "tests/insn/sample.hpp"

namespace ring3::test {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr IsaLevel levels[] = {IsaLevel::x86_64_v2, IsaLevel::x86_64_v3};
constexpr std::uint8_t legacy_prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26,
                                            0x2e, 0x36, 0x3e, 0x64, 0x65};

struct Fields {
    std::array<std::int64_t, 80> numbers;
    std::size_t count = 0;

    void add(auto... values) { ((numbers[count++] = static_cast<std::int64_t>(values)), ...); }
    bool operator==(const Fields& other) const {
        return count == other.count &&
               std::equal(numbers.begin(), numbers.begin() + count, other.numbers.begin());
    }
};

/// Every field as a number. A field that is added breaks the bindings, and so cannot be forgotten.
Fields fields(const Insn& insn) {
    const auto& [bytes, length, form, mnemonic, operand_size, has_memory, vex, lock, rep, repne,
                 fpu, high_byte, implicit_rcx, implicit_rcx_written, memory, reg, rm, vvvv, opcode,
                 opcode_offset, modrm_offset, tail_offset, immediate, condition, flags_read,
                 flags_killed, flags_undefined, registers, registers_written] = insn;
    const auto& [base, index, scale, fs, gs, address32, rip_relative, displacement, size, read,
                 write] = memory;
    Fields all;
    all.add(length, form, mnemonic, operand_size, has_memory, vex, lock, rep, repne, fpu, high_byte,
            implicit_rcx, implicit_rcx_written, base, index, scale, fs, gs, address32, rip_relative,
            displacement, size, read, write, opcode_offset, modrm_offset, tail_offset, immediate,
            condition, flags_read, flags_killed, flags_undefined, registers, registers_written);
    for (const RegisterField* field : {&reg, &rm, &vvvv, &opcode}) {
        const auto& [number, field_size, field_high, field_read, field_write] = *field;
        all.add(number, field_size, field_high, field_read, field_write);
    }
    for (const auto b : bytes) all.add(b);
    return all;
}

std::string text(std::span<const std::uint8_t> bytes) {
    std::string all;
    for (const auto b : bytes) all += fmt::format("{:02x} ", b);
    return all;
}

std::string text(const Fields& fields) {
    std::string all;
    for (const auto n : std::span(fields.numbers).first(fields.count))
        all += fmt::format("{:x} ", n);
    return all;
}

const std::vector<InsnForm>& forms_of(IsaLevel level) {
    static const std::vector<InsnForm> forms[] = {admitted_forms(IsaLevel::x86_64_v2),
                                                  admitted_forms(IsaLevel::x86_64_v3)};
    return forms[static_cast<std::size_t>(level)];
}

/// Compares, and counts what was seen, so that no test passes by decoding nothing.
class Comparison {
public:
    explicit Comparison(IsaLevel level) : level_(level), decoder_(level) {}

    void compare(std::span<const std::uint8_t> bytes) {
        Insn expected, found;
        const bool complete = decode(bytes, level_, expected);
        const bool agrees = decoder_.decode(bytes, found) == complete;
        ++seen;
        if (complete && expected.form != Form::undefined) ++valid;
        if (agrees && (!complete || fields(expected) == fields(found))) return;
        if (++differences > 5) return;
        ADD_FAILURE() << text(bytes) << "(" << disassemble(expected, {0x1000}) << ")\n decode() "
                      << complete << " " << text(fields(expected)) << "\n Decoder  "
                      << text(fields(found));
    }

    unsigned seen = 0, valid = 0, differences = 0;

private:
    IsaLevel level_;
    Decoder decoder_;
};

/// Encodings of the form whose bytes behind the opcode are random; with prefixes of any kind,
/// number and order when asked for.
class Encodings {
public:
    explicit Encodings(std::uint64_t seed) : random_(seed) {}

    Bytes of(const InsnForm& form, bool any_prefixes) {
        std::vector<std::uint8_t> bytes;
        if (form.vex) {
            for (std::size_t i = 0; i < 3; ++i) {
                bytes.push_back(form.sample.bytes[form.sample.opcode_offset + i]);
            }
            bytes[1] = static_cast<std::uint8_t>(bytes[1] ^ random_.below(8) << 5);
        } else {
            if (form.lock) bytes.push_back(0xf0);
            if (form.prefix != 0) bytes.push_back(form.prefix);
            if (any_prefixes) add_prefixes(bytes);
            if (form.wide || random_.one_in(2)) {
                bytes.push_back(
                    static_cast<std::uint8_t>(0x40 | (form.wide ? 8 : 0) | random_.below(16)));
            }
            if (form.map != OpcodeMap::one_byte) bytes.push_back(0x0f);
            if (form.map == OpcodeMap::map_0f38) bytes.push_back(0x38);
            if (form.map == OpcodeMap::map_0f3a) bytes.push_back(0x3a);
        }
        bytes.push_back(form.opcode);
        if (form.modrm) bytes.push_back(modrm(form));
        while (bytes.size() < 16) bytes.push_back(random_.byte());
        Bytes all;
        std::copy_n(bytes.begin(), all.size(), all.begin());
        return all;
    }

    /// `count` of each form.
    std::vector<Bytes> of_all(IsaLevel level, unsigned count, bool any_prefixes) {
        std::vector<Bytes> all;
        for (const InsnForm& form : forms_of(level)) {
            for (unsigned i = 0; i < count; ++i) all.push_back(of(form, any_prefixes));
        }
        return all;
    }

    void shuffle(std::vector<Bytes>& all) {
        for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random_.below(i)]);
    }
    Random& random() { return random_; }

private:
    std::uint8_t modrm(const InsnForm& form) {
        std::uint8_t byte = random_.byte();
        if (form.reg >= 0) byte = static_cast<std::uint8_t>((byte & 0xc7) | form.reg << 3);
        if (form.rm >= 0) byte = static_cast<std::uint8_t>((byte & 0xf8) | form.rm);
        if (!form.memory) return byte | 0xc0;
        // A SIB byte more often than by chance.
        if (byte >= 0xc0) byte = static_cast<std::uint8_t>((byte & 0x38) | 4);
        return byte;
    }
    /// Doubled ones too, and REX where it does not count.
    void add_prefixes(std::vector<std::uint8_t>& bytes) {
        for (auto n = random_.below(4); n > 0; --n) {
            const std::uint8_t prefix =
                random_.one_in(5) ? static_cast<std::uint8_t>(0x40 | random_.below(16))
                                  : legacy_prefixes[random_.below(std::size(legacy_prefixes))];
            bytes.insert(
                bytes.begin() + static_cast<std::ptrdiff_t>(random_.below(bytes.size() + 1)),
                prefix);
        }
    }

    Random random_;
};

/// In this order, in another one, and again, so that each was example and derived.
void compare_in_all_orders(IsaLevel level, std::vector<Bytes> corpus, Encodings& encodings) {
    Comparison first(level), second(level);
    for (int round = 0; round < 2; ++round) {
        for (const Bytes& bytes : corpus) first.compare(bytes);
    }
    encodings.shuffle(corpus);
    for (const Bytes& bytes : corpus) second.compare(bytes);
    for (const Bytes& bytes : corpus) first.compare(bytes);
    EXPECT_EQ(first.differences + second.differences, 0u);
    EXPECT_GT(first.valid, first.seen / 3);
}

Encodings seeded() {
    const std::uint64_t seed = seed_from_environment();
    fmt::print("RING3_SEED={}\n", seed);
    return Encodings(seed);
}

TEST(Decoder, derives_every_form_as_zydis_decodes_it) {
    Encodings encodings = seeded();
    for (const IsaLevel level : levels) {
        compare_in_all_orders(level, encodings.of_all(level, rounds_from_environment(2), false),
                              encodings);
    }
}

TEST(Decoder, takes_prefixes_of_any_kind_number_and_order) {
    Encodings encodings = seeded();
    for (const IsaLevel level : levels) {
        compare_in_all_orders(level, encodings.of_all(level, rounds_from_environment(2), true),
                              encodings);
    }
}

TEST(Decoder, knows_where_the_bytes_end) {
    Encodings encodings = seeded();
    for (const IsaLevel level : levels) {
        Comparison comparison(level);
        for (const Bytes& bytes : encodings.of_all(level, 1, true)) {
            comparison.compare(bytes);
            // Copies, so that a sanitizer sees a byte too many.
            for (std::size_t size = 1; size <= bytes.size(); ++size) {
                comparison.compare(std::vector<std::uint8_t>(
                    bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
            }
        }
        EXPECT_EQ(comparison.differences, 0u);
    }
}

TEST(Decoder, keeps_shapes_apart_that_share_a_slot) {
    // Sixteen times as many shapes as there are slots, by turns.
    Encodings encodings = seeded();
    Comparison comparison(IsaLevel::x86_64_v2);
    std::vector<Bytes> recent;
    for (unsigned rex = 0x40; rex < 0x50; ++rex) {
        for (const unsigned opcode : {0x01u, 0x03u, 0x69u, 0x6bu, 0x80u, 0x83u, 0x8bu, 0x8du, 0xc7u,
                                      0xc1u, 0xd1u, 0xf6u, 0xf7u, 0xffu, 0x88u, 0x3bu}) {
            for (unsigned modrm = 0; modrm < 256; ++modrm) {
                Bytes bytes{static_cast<std::uint8_t>(rex), static_cast<std::uint8_t>(opcode),
                            static_cast<std::uint8_t>(modrm)};
                for (std::size_t i = 3; i < bytes.size(); ++i) bytes[i] = encodings.random().byte();
                comparison.compare(bytes);
                recent.push_back(bytes);
                comparison.compare(recent[encodings.random().below(recent.size())]);
            }
        }
    }
    for (const Bytes& bytes : recent) comparison.compare(bytes);
    EXPECT_EQ(comparison.differences, 0u);
}

TEST(Decoder, agrees_on_a_million_random_strings_of_bytes) {
    Encodings encodings = seeded();
    Random& random = encodings.random();
    Comparison small(IsaLevel::x86_64_v2), large(IsaLevel::x86_64_v3);
    for (unsigned i = 0; i < 1'000'000; ++i) {
        Bytes bytes;
        for (std::size_t at = 0; at < bytes.size(); at += 8) {
            const std::uint64_t bits = random.bits();
            std::memcpy(bytes.data() + at, &bits, 8);
        }
        if (random.one_in(3)) bytes[random.below(3)] = 0x0f;
        // Operands that are all zeroes or ones, too.
        if (random.one_in(8)) {
            std::fill(bytes.begin() + 3, bytes.end(), random.one_in(2) ? 0 : 0xff);
        }
        (i % 2 == 0 ? small : large).compare(bytes);
    }
    EXPECT_EQ(small.differences + large.differences, 0u);
    EXPECT_GT(small.valid, 300'000u);
}

TEST(Decoder, is_compared_in_a_way_that_notices_a_wrong_field) {
    Insn insn;
    decode(Bytes{0x48, 0x8b, 0x44, 0x24, 0x08}, IsaLevel::x86_64_v2, insn);
    Insn other = insn;
    EXPECT_EQ(fields(insn), fields(other));
    other.registers_written ^= 0x8000;
    EXPECT_NE(fields(insn), fields(other));
    other = insn;
    other.memory.displacement += 1;
    EXPECT_NE(fields(insn), fields(other));
}

}  // namespace
}  // namespace ring3::test
