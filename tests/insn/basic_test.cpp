// SPDX-License-Identifier: MIT
// Small programs as bytes: exact budgets, precise faults, blocks that change under execution.
#include <gtest/gtest.h>

#include "tests/insn/bare_guest.hpp"

namespace ring3::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Engine, retires_exactly_the_budget) {
    for (const std::int64_t limit : {1, 2, 8, 128}) {
        BareGuest guest({{"block_limit", limit}});
        // loop: inc rax; add rbx, rax; jmp loop
        guest.write(BareGuest::base, Bytes{0x48, 0xff, 0xc0, 0x48, 0x01, 0xc3, 0xeb, 0xf8});
        const Exit exit = guest.run(1000);
        EXPECT_EQ(exit.reason, Exit::Reason::budget_spent);
        EXPECT_EQ(guest.state.retired, 1000u);
        EXPECT_EQ(guest.state.reg(Gpr::rax), 334u);
        EXPECT_EQ(guest.state.rip, BareGuest::base + 3);
        guest.run(1);
        EXPECT_EQ(guest.state.rip, BareGuest::base + 6);
    }
}

TEST(Engine, moves_memory_and_stack) {
    BareGuest guest;
    guest.state.reg(Gpr::rdi) = BareGuest::data;
    guest.state.reg(Gpr::r10) = 0x1122334455667788;
    guest.state.reg(Gpr::rcx) = 5;
    const std::uint64_t rsp = guest.state.reg(Gpr::rsp);
    // mov [rdi+8], r10; push rcx; pop r11; call +0; pop r8; add [rdi+8], r11
    guest.write(BareGuest::base, Bytes{0x4c, 0x89, 0x57, 0x08, 0x51, 0x41, 0x5b, 0xe8, 0,    0,
                                       0,    0,    0x41, 0x58, 0x4c, 0x01, 0x5f, 0x08, 0x0f, 0x0b});
    const Exit exit = guest.run(100);
    EXPECT_EQ(exit.reason, Exit::Reason::exception);
    EXPECT_EQ(exit.vector, 6);
    EXPECT_EQ(guest.state.retired, 6u);
    EXPECT_EQ(guest.state.reg(Gpr::rsp), rsp);
    EXPECT_EQ(guest.state.reg(Gpr::r11), 5u);
    EXPECT_EQ(guest.state.reg(Gpr::r8), BareGuest::base + 12);
    EXPECT_EQ(guest.read<std::uint64_t>(BareGuest::data + 8), 0x112233445566778du);
}

TEST(Engine, faults_precisely_on_an_unmapped_page) {
    BareGuest guest;
    guest.state.reg(Gpr::rdi) = BareGuest::end;
    // inc rax; mov rbx, [rdi]
    guest.write(BareGuest::base, Bytes{0x48, 0xff, 0xc0, 0x48, 0x8b, 0x1f});
    const Exit exit = guest.run(100);
    EXPECT_EQ(exit.reason, Exit::Reason::exception);
    EXPECT_EQ(exit.vector, 14);
    EXPECT_EQ(exit.address, BareGuest::end);
    EXPECT_EQ(exit.error_code, 0u);
    EXPECT_EQ(guest.state.retired, 1u);
    EXPECT_EQ(guest.state.rip, BareGuest::base + 3);
}

TEST(Engine, accesses_across_a_page_border) {
    BareGuest guest;
    guest.state.reg(Gpr::rdi) = BareGuest::data + page_size - 3;
    guest.state.reg(Gpr::rax) = 0x8877665544332211;
    // mov [rdi], rax; mov rbx, [rdi]; ud2
    guest.write(BareGuest::base, Bytes{0x48, 0x89, 0x07, 0x48, 0x8b, 0x1f, 0x0f, 0x0b});
    guest.run(100);
    EXPECT_EQ(guest.state.retired, 2u);
    EXPECT_EQ(guest.state.reg(Gpr::rbx), 0x8877665544332211u);
}

TEST(Engine, sees_code_that_it_wrote) {
    BareGuest guest;
    guest.state.reg(Gpr::rdi) = BareGuest::base + 5;
    // mov byte [rdi], 0x90 (over the "inc rax" behind: 48 ff c0 -> 90 ff c0 ...)
    // c6 47 02 c3: mov byte [rdi+2], c3  => "inc rbx"
    guest.write(BareGuest::base, Bytes{0xc6, 0x47, 0x02, 0xc3, 0x90, 0x48, 0xff, 0xc0, 0x0f, 0x0b});
    guest.run(100);
    EXPECT_EQ(guest.state.reg(Gpr::rax), 0u);
    EXPECT_EQ(guest.state.reg(Gpr::rbx), 1u);
}

TEST(Engine, runs_sse_and_keeps_it_between_runs) {
    BareGuest guest;
    guest.state.reg(Gpr::rdi) = BareGuest::data;
    const double values[2] = {1.5, 2.25};
    guest.write(BareGuest::data, {reinterpret_cast<const std::uint8_t*>(values), 16});
    // movsd xmm1,[rdi]; addsd xmm1,[rdi+8]; nop; movsd [rdi+16], xmm1; ud2
    guest.write(BareGuest::base, Bytes{0xf2, 0x0f, 0x10, 0x0f, 0xf2, 0x0f, 0x58, 0x4f, 0x08, 0x90,
                                       0xf2, 0x0f, 0x11, 0x4f, 0x10, 0x0f, 0x0b});
    guest.run(1);
    guest.run(1);
    guest.run(100);
    EXPECT_EQ(guest.read<double>(BareGuest::data + 16), 3.75);
}

TEST(Engine, turns_host_traps_into_guest_exceptions) {
    BareGuest guest;
    // xor ecx, ecx; div ecx
    guest.write(BareGuest::base, Bytes{0x31, 0xc9, 0xf7, 0xf1});
    Exit exit = guest.run(100);
    EXPECT_EQ(exit.vector, 0);
    EXPECT_EQ(guest.state.retired, 1u);
    EXPECT_EQ(guest.state.rip, BareGuest::base + 2);
    // movaps xmm0, [rdi]
    guest.state.reg(Gpr::rdi) = BareGuest::data + 4;
    guest.write(BareGuest::base + 2, Bytes{0x0f, 0x28, 0x07});
    exit = guest.run(100);
    EXPECT_EQ(exit.vector, 13);
    EXPECT_TRUE(exit.has_error_code);
}

TEST(Engine, counts_each_iteration_of_a_repeated_string_instruction) {
    BareGuest guest;
    guest.state.reg(Gpr::rdi) = BareGuest::data;
    guest.state.reg(Gpr::rcx) = 100;
    guest.state.reg(Gpr::rax) = 0xab;
    guest.write(BareGuest::base, Bytes{0xf3, 0xaa, 0x0f, 0x0b});  // rep stosb; ud2
    guest.run(30);
    EXPECT_EQ(guest.state.retired, 30u);
    EXPECT_EQ(guest.state.reg(Gpr::rcx), 70u);
    EXPECT_EQ(guest.state.rip, BareGuest::base);
    guest.run(1000);
    EXPECT_EQ(guest.state.retired, 100u);
    EXPECT_EQ(guest.read<std::uint8_t>(BareGuest::data + 99), 0xab);
    EXPECT_EQ(guest.read<std::uint8_t>(BareGuest::data + 100), 0);
}

TEST(Engine, traps_after_each_instruction_under_tf) {
    BareGuest guest;
    guest.state.rflags |= rflags::tf;
    guest.write(BareGuest::base, Bytes{0x48, 0xff, 0xc0, 0x48, 0xff, 0xc0});
    const Exit exit = guest.run(100);
    EXPECT_EQ(exit.reason, Exit::Reason::exception);
    EXPECT_EQ(exit.vector, 1);
    EXPECT_EQ(guest.state.retired, 1u);
    EXPECT_EQ(guest.state.rip, BareGuest::base + 3);
}

}  // namespace
}  // namespace ring3::test
