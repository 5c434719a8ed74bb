// SPDX-License-Identifier: MIT
// Operands relative to RSP, whose page code remembers: at its borders, where no address can be, and
// when the page table's entry changes.
#include <gtest/gtest.h>

#include "hv/cpu/translate/context.hpp"
#include "tests/insn/bare_guest.hpp"

namespace ring3::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t stack_page = BareGuest::data + 2 * page_size;

/// mov rax, [rsp]; push rbx; pop rbx, each for itself: afterwards the page is remembered.
const Bytes use_stack{0x48, 0x8b, 0x04, 0x24, 0x53, 0x5b};

void map(BareGuest& guest, std::uint64_t address, std::uint64_t flags) {
    const std::uint64_t index = address >> page_shift;
    const Mfn frame = guest.page[(address - BareGuest::base) / page_size];
    const std::uint64_t value = flags == 0 ? 0 : frame.raw << page_shift | flags;
    ASSERT_EQ(guest.tables.update(guest.domain, maddr_of(guest.l1, index * 8), value,
                                  EntryUpdate::normal),
              0);
}

/// Runs `code` behind use_stack, with RSP first in the stack's page and then `rsp`.
Exit run_behind(BareGuest& guest, std::uint64_t rsp, Bytes code, bool one_by_one) {
    Bytes all = use_stack;
    all.insert(all.end(), code.begin(), code.end());
    guest.write(BareGuest::base, all);
    guest.state.reg(Gpr::rsp) = stack_page + 64;
    for (int i = 0; i < 2; ++i) {
        guest.state.rip = BareGuest::base;
        for (int insn = 0; insn < 3; ++insn) guest.run(1);
    }
    guest.state.reg(Gpr::rsp) = rsp;
    Exit exit;
    for (int i = 0; i < 20 && exit.reason == Exit::Reason::budget_spent; ++i)
        exit = guest.run(one_by_one ? 1 : 100);
    return exit;
}

/// stc; mov rcx, [rsp]; setc dl; ud2: the flags are live at the load.
const Bytes load_with_live_flags{0xf9, 0x48, 0x8b, 0x0c, 0x24, 0x0f, 0x92, 0xc2, 0x0f, 0x0b};
/// mov rcx, [rsp]; xor edx, edx; ud2: they are dead.
const Bytes load_with_dead_flags{0x48, 0x8b, 0x0c, 0x24, 0x31, 0xd2, 0x0f, 0x0b};

TEST(StackPage, has_no_operand_that_begins_in_the_page_before) {
    for (const bool one_by_one : {false, true}) {
        for (const Bytes& code : {load_with_live_flags, load_with_dead_flags}) {
            BareGuest guest;
            map(guest, stack_page - page_size, 0);
            const Exit exit = run_behind(guest, stack_page - 4, code, one_by_one);
            EXPECT_EQ(exit.vector, 14);
            EXPECT_EQ(exit.address, stack_page - 4);
        }
    }
}

TEST(StackPage, has_no_operand_that_ends_in_the_page_behind) {
    for (const bool one_by_one : {false, true}) {
        for (const Bytes& code : {load_with_live_flags, load_with_dead_flags}) {
            BareGuest guest;
            map(guest, stack_page + page_size, 0);
            const Exit exit = run_behind(guest, stack_page + page_size - 4, code, one_by_one);
            EXPECT_EQ(exit.vector, 14);
            EXPECT_EQ(exit.address, stack_page + page_size);
        }
    }
}

TEST(StackPage, gives_what_is_in_both_pages) {
    for (const Bytes& code : {load_with_live_flags, load_with_dead_flags}) {
        BareGuest guest;
        guest.write(stack_page - 4, Bytes{1, 2, 3, 4, 5, 6, 7, 8});
        EXPECT_EQ(run_behind(guest, stack_page - 4, code, false).vector, 6);
        EXPECT_EQ(guest.state.reg(Gpr::rcx), 0x0807'0605'0403'0201u);
    }
}

TEST(StackPage, is_at_no_address_before_it_is_known) {
    for (const Bytes& code : {load_with_live_flags, load_with_dead_flags, Bytes{0x50, 0x0f, 0x0b},
                              Bytes{0x48, 0x89, 0x04, 0x24, 0x48, 0x89, 0x4c, 0x24, 0x08}}) {
        BareGuest guest;
        guest.state.reg(Gpr::rsp) = Tlb::StackPage::no_page + 256;
        guest.write(BareGuest::base, code);
        const Exit exit = guest.run(100);
        EXPECT_EQ(exit.vector, 12);
        EXPECT_EQ(exit.error_code, 0u);
    }
}

TEST(StackPage, goes_with_the_right_to_it) {
    using namespace entry_bits;
    for (const std::uint64_t flags : {std::uint64_t{0}, present | user | accessed}) {
        for (const bool one_by_one : {false, true}) {
            BareGuest guest;
            run_behind(guest, stack_page + 64, {0x0f, 0x0b}, one_by_one);
            map(guest, stack_page, flags);
            guest.state.rip = BareGuest::base + 4;
            const Exit exit = guest.run(one_by_one ? 1 : 100);
            EXPECT_EQ(exit.vector, 14);
            EXPECT_EQ(exit.address, stack_page + 56);
            EXPECT_EQ(guest.state.rip, BareGuest::base + 4);
        }
    }
}

}  // namespace
}  // namespace ring3::test
