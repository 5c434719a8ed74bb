// SPDX-License-Identifier: MIT
// Two kernels of the same bytes at the same addresses, in frames of their own: one's blocks serve
// for the other, until one of them is written.
#include <gtest/gtest.h>

#include "hv/cpu/translate/translator_core.hpp"
#include "tests/insn/bare_guest.hpp"

namespace ring3::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// Two address spaces of kernel code in one core; the same code in both, data of their own.
class Twins : public ::testing::Test {
protected:
    Twins() {
        TranslatorSettings settings;
        settings.code_cache_bytes = std::size_t{4} << 20;
        core = std::make_unique<TranslatorCore>(settings, guest.frames);
        guest.frames.set_derived_state(core.get());
        second_root = make_second();
    }

    /// `second`: in the other address space, as the first vCPU of its kernel would.
    Exit run(bool second, std::uint64_t rip, std::uint64_t budget = 100) {
        CpuState& state = guest.state;
        state.kernel_root = state.user_root = second ? second_root : first_root;
        state.rip = rip;
        return core->run(state, guest.environment, budget);
    }
    void write(bool second, std::uint64_t address, const Bytes& bytes) {
        for (const std::uint8_t& byte : bytes) {
            const std::uint64_t offset = address++ - BareGuest::base;
            const Mfn frame = (second ? twin : guest.page)[offset / page_size];
            guest.frames.write(frame, offset % page_size, std::as_bytes(std::span(&byte, 1)));
        }
    }
    void write_both(std::uint64_t address, const Bytes& bytes) {
        write(false, address, bytes);
        write(true, address, bytes);
    }
    std::uint64_t rax() const { return guest.state.reg(Gpr::rax); }

    BareGuest guest;
    std::unique_ptr<TranslatorCore> core;
    const Mfn first_root = guest.state.kernel_root;
    Mfn second_root{};
    Mfn twin[BareGuest::pages];

private:
    Mfn allocate() { return *guest.frames.allocate(guest.domain); }
    void put(Mfn table, std::uint64_t index, Mfn mfn) {
        using namespace entry_bits;
        const std::uint64_t entry =
            mfn.raw << page_shift | present | writable | user | accessed | dirty;
        guest.frames.write(table, index * 8, std::as_bytes(std::span(&entry, 1)));
    }
    Mfn make_second() {
        const Mfn l4 = allocate(), l3 = allocate(), l2 = allocate(), l1 = allocate();
        put(l4, 0, l3);
        put(l3, 0, l2);
        put(l2, 0, l1);
        for (unsigned i = 0; i < BareGuest::pages; ++i) {
            twin[i] = allocate();
            put(l1, (BareGuest::base >> page_shift) + i, twin[i]);
        }
        EXPECT_EQ(guest.tables.pin(guest.domain, l4, 4), 0);
        return l4;
    }
};

constexpr std::uint64_t base = BareGuest::base;
/// mov eax, N; ud2
Bytes gives(std::uint8_t n) { return {0xb8, n, 0, 0, 0, 0x0f, 0x0b}; }

TEST_F(Twins, share_blocks) {
    write_both(base, gives(7));
    EXPECT_EQ(run(false, base).vector, 6);
    const std::uint64_t translated = core->statistics().translated;
    guest.state.reg(Gpr::rax) = 0;
    EXPECT_EQ(run(true, base).vector, 6);
    EXPECT_EQ(rax(), 7u);
    EXPECT_EQ(core->statistics().translated, translated);
    EXPECT_EQ(core->statistics().shared, 1u);
}

TEST_F(Twins, go_their_own_ways_when_the_second_is_written) {
    write_both(base, gives(7));
    for (const bool second : {false, true, false, true}) run(second, base);
    write(true, base, gives(8));
    run(true, base);
    EXPECT_EQ(rax(), 8u);
    run(false, base);
    EXPECT_EQ(rax(), 7u);
    write(true, base, gives(7));
    run(true, base);
    EXPECT_EQ(rax(), 7u);
    EXPECT_EQ(core->statistics().shared, 2u) << "they are the same again";
}

TEST_F(Twins, go_their_own_ways_when_the_first_is_written) {
    write_both(base, gives(7));
    for (const bool second : {false, true, false, true}) run(second, base);
    write(false, base, gives(9));
    run(true, base);
    EXPECT_EQ(rax(), 7u);
    run(false, base);
    EXPECT_EQ(rax(), 9u);
    write(true, base, gives(10));
    run(true, base);
    EXPECT_EQ(rax(), 10u);
    run(false, base);
    EXPECT_EQ(rax(), 9u);
}

/// Where it is written by the code itself, in the same block.
TEST_F(Twins, go_their_own_ways_when_one_writes_its_own_code) {
    // mov byte [rdi], 5; mov eax, 7 (whose 7 is at base + 4); ud2
    write_both(base, {0xc6, 0x07, 0x05, 0xb8, 0x07, 0, 0, 0, 0x0f, 0x0b});
    guest.state.reg(Gpr::rdi) = base + 100;
    for (const bool second : {false, true}) run(second, base);
    EXPECT_EQ(rax(), 7u);
    guest.state.reg(Gpr::rdi) = base + 4;
    run(true, base);
    EXPECT_EQ(rax(), 5u);
    guest.state.reg(Gpr::rdi) = base + 100;
    run(false, base);
    EXPECT_EQ(rax(), 7u);
    run(true, base);
    EXPECT_EQ(rax(), 5u);
}

/// An instruction that ends in the next page is in both pages' keeping.
TEST_F(Twins, do_not_share_an_instruction_whose_end_is_written) {
    const std::uint64_t at = base + page_size - 3;
    write_both(at, gives(7));  // the immediate is in the second page, from its third byte on
    for (const bool second : {false, true, false, true}) run(second, at);
    EXPECT_EQ(rax(), 7u);
    EXPECT_GE(core->statistics().shared, 2u);
    write_both(at - 1, {0x90});
    for (const bool second : {false, true}) run(second, at);
    // mov eax, imm32 has its last two bytes there
    write(true, at + 3, {1, 0});
    run(true, at);
    EXPECT_EQ(rax(), 0x10007u);
    run(false, at);
    EXPECT_EQ(rax(), 7u);
    write(false, at + 3, {2, 0});
    run(true, at);
    EXPECT_EQ(rax(), 0x10007u);
    run(false, at);
    EXPECT_EQ(rax(), 0x20007u);
}

TEST_F(Twins, share_nothing_that_differs) {
    write(false, base, gives(7));
    write(true, base, gives(8));
    run(false, base);
    EXPECT_EQ(rax(), 7u);
    run(true, base);
    EXPECT_EQ(rax(), 8u);
    EXPECT_EQ(core->statistics().shared, 0u);
}

}  // namespace
}  // namespace ring3::test
