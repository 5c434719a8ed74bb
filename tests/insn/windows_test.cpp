// SPDX-License-Identifier: MIT
// Operands in windows: what the page tables take away is gone from them, too, and pointers into no
// region go where they go without windows.
#include <gtest/gtest.h>
#include <sys/time.h>

#include <csignal>

#include "hv/cpu/translate/host_fs.hpp"
#include "tests/insn/bare_guest.hpp"

namespace ring3::test {
namespace {

using Bytes = std::vector<std::uint8_t>;
using namespace entry_bits;

constexpr std::uint64_t usual = present | writable | user | accessed | dirty;

class Windows : public testing::Test {
protected:
    Windows() : guest({{"windows_after", 1}}) { guest.state.kernel_mode = false; }

    void map(std::uint64_t address, Mfn frame, std::uint64_t flags) {
        const std::uint64_t value = flags == 0 ? 0 : frame.raw << page_shift | flags;
        ASSERT_EQ(guest.tables.update(guest.domain, maddr_of(guest.l1, (address >> page_shift) * 8),
                                      value, EntryUpdate::normal),
                  0);
    }
    Mfn frame_at(std::uint64_t address) {
        return guest.page[(address - BareGuest::base) / page_size];
    }
    /// Runs code from its beginning, to a fault.
    Exit run(const Bytes& code) {
        guest.write(BareGuest::base, code);
        return run();
    }
    Exit run() { return run_at(BareGuest::base); }
    Exit run_at(std::uint64_t rip) {
        guest.state.rip = rip;
        Exit exit;
        for (int i = 0; i < 20 && exit.reason == Exit::Reason::budget_spent; ++i)
            exit = guest.run(1000);
        return exit;
    }
    std::uint64_t reg(Gpr r) { return guest.state.reg(r); }

    /// mov rax, [rbx]; ud2
    const Bytes load{0x48, 0x8b, 0x03, 0x0f, 0x0b};
    /// mov [rbx], rax; ud2
    const Bytes store{0x48, 0x89, 0x03, 0x0f, 0x0b};
    static constexpr std::uint8_t undefined = 6, general_protection = 13, page_fault = 14;
    static constexpr std::uint64_t here = BareGuest::data, there = BareGuest::data + page_size;

    BareGuest guest;
};

TEST_F(Windows, are_used) {
    guest.state.reg(Gpr::rbx) = here;
    for (int i = 0; i < 4; ++i) ASSERT_EQ(run(load).vector, undefined);
    const auto counts = guest.engine->profile().counts;
    const auto given =
        std::ranges::find(counts, "address spaces given windows", &EngineProfile::Count::name);
    ASSERT_NE(given, counts.end());
    EXPECT_EQ(given->value, 1u);
}

TEST_F(Windows, lose_a_page_that_is_unmapped) {
    guest.state.reg(Gpr::rbx) = here;
    for (int i = 0; i < 4; ++i) ASSERT_EQ(run(load).vector, undefined);
    map(here, frame_at(here), 0);
    const Exit exit = run();
    EXPECT_EQ(exit.vector, page_fault);
    EXPECT_EQ(exit.address, here);
    EXPECT_EQ(exit.error_code, 4u);
}

TEST_F(Windows, lose_the_right_to_store) {
    guest.state.reg(Gpr::rbx) = here;
    for (int i = 0; i < 4; ++i) ASSERT_EQ(run(store).vector, undefined);
    map(here, frame_at(here), usual & ~(writable | dirty));
    const Exit exit = run();
    EXPECT_EQ(exit.vector, page_fault);
    EXPECT_EQ(exit.error_code, 7u);
    map(here, frame_at(here), usual & ~dirty);
    ASSERT_EQ(run().vector, undefined);
    std::uint64_t entry = 0;
    std::memcpy(&entry, guest.frames.at(guest.l1).host + (here >> page_shift) * 8, 8);
    EXPECT_NE(entry & dirty, 0u);
}

TEST_F(Windows, follow_a_page_to_another_frame) {
    guest.write(here, Bytes{1});
    guest.write(there, Bytes{2});
    guest.state.reg(Gpr::rbx) = here;
    for (int i = 0; i < 4; ++i) ASSERT_EQ(run(load).vector, undefined);
    EXPECT_EQ(reg(Gpr::rax), 1u);
    map(here, frame_at(there), usual);
    ASSERT_EQ(run().vector, undefined);
    EXPECT_EQ(reg(Gpr::rax), 2u);
}

TEST_F(Windows, set_the_bits_of_what_is_used) {
    for (int i = 0; i < 4; ++i) {
        guest.state.reg(Gpr::rbx) = here;
        ASSERT_EQ(run(load).vector, undefined);
    }
    for (const std::uint64_t page : {here, there})
        map(page, frame_at(page), usual & ~(accessed | dirty));
    guest.state.reg(Gpr::rbx) = here;
    ASSERT_EQ(run().vector, undefined);
    const auto bits = [&](std::uint64_t page) {
        std::uint64_t entry = 0;
        std::memcpy(&entry, guest.frames.at(guest.l1).host + (page >> page_shift) * 8, 8);
        return entry & (accessed | dirty);
    };
    EXPECT_EQ(bits(here), accessed);
    EXPECT_EQ(bits(there), 0u);
}

TEST_F(Windows, see_stores_to_code) {
    // mov byte [rbx], 7; mov al, 1 (whose operand is what rbx points to); ud2
    const Bytes code{0xc6, 0x03, 0x07, 0xb0, 0x01, 0x0f, 0x0b};
    guest.state.reg(Gpr::rbx) = here;
    for (int i = 0; i < 4; ++i) ASSERT_EQ(run(code).vector, undefined);
    EXPECT_EQ(reg(Gpr::rax) & 0xff, 1u);
    guest.state.reg(Gpr::rbx) = BareGuest::base + 4;
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(run(code).vector, undefined) << i;
        EXPECT_EQ(reg(Gpr::rax) & 0xff, 7u) << i;
    }
}

TEST_F(Windows, hold_no_address_that_is_not_canonical) {
    guest.state.reg(Gpr::rbx) = here;
    for (int i = 0; i < 4; ++i) ASSERT_EQ(run(load).vector, undefined);
    for (const std::uint64_t region : {std::uint64_t{0x8000'0000}, std::uint64_t{0x10'0000}}) {
        guest.state.reg(Gpr::rbx) = region << 32 | here;
        EXPECT_EQ(run().vector, general_protection);
    }
    guest.state.reg(Gpr::rbx) = std::uint64_t{1} << 32 | here;
    EXPECT_EQ(run().vector, page_fault);
    EXPECT_EQ(run().address, std::uint64_t{1} << 32 | here);
}

TEST_F(Windows, hold_operands_in_two_pages) {
    guest.write(there - 4, Bytes{1, 2, 3, 4, 5, 6, 7, 8});
    guest.state.reg(Gpr::rbx) = there - 4;
    for (int i = 0; i < 4; ++i) {
        ASSERT_EQ(run(load).vector, undefined);
        EXPECT_EQ(reg(Gpr::rax), 0x0807'0605'0403'0201u);
    }
    map(there, frame_at(there), 0);
    const Exit exit = run();
    EXPECT_EQ(exit.vector, page_fault);
    EXPECT_EQ(exit.address, there);
}

TEST_F(Windows, are_below_programs_that_can_stand_anywhere) {
    constexpr std::uint64_t index = 170, high = index << 39;
    const Mfn root = guest.state.user_root;
    std::uint64_t entry = 0;
    std::memcpy(&entry, guest.frames.at(root).host, 8);
    ASSERT_EQ(
        guest.tables.update(guest.domain, maddr_of(root, index * 8), entry, EntryUpdate::normal),
        0);
    guest.write(BareGuest::base, load);
    guest.write(here, Bytes{1});
    guest.state.reg(Gpr::rbx) = high + here;
    guest.state.reg(Gpr::rsp) += high;
    for (int i = 0; i < 4; ++i) ASSERT_EQ(run_at(high + BareGuest::base).vector, undefined);
    EXPECT_EQ(reg(Gpr::rax), 1u);
    // What is linked for a fixed address, too: other windows, the same page.
    guest.state.reg(Gpr::rbx) = here;
    for (int i = 0; i < 4; ++i) ASSERT_EQ(run_at(high + BareGuest::base).vector, undefined);
    map(here, frame_at(here), 0);
    for (const std::uint64_t address : {here, high + here}) {
        guest.state.reg(Gpr::rbx) = address;
        const Exit exit = run_at(high + BareGuest::base);
        EXPECT_EQ(exit.vector, page_fault);
        EXPECT_EQ(exit.address, address);
    }
}

TEST_F(Windows, serve_one_operand_in_several_regions) {
    // The same pages once more for each index.
    const Mfn root = guest.state.user_root;
    std::uint64_t entry = 0;
    std::memcpy(&entry, guest.frames.at(root).host, 8);
    const std::uint64_t indices[] = {0, 1, 2, 3};
    for (const std::uint64_t index : indices)
        ASSERT_EQ(guest.tables.update(guest.domain, maddr_of(root, index * 8), entry,
                                      EntryUpdate::normal),
                  0);
    guest.write(here, Bytes{1});
    // mov rax, [rbx]; adc rax, 0; ud2: the operand is found with flags dead and live.
    const Bytes live{0x48, 0x8b, 0x03, 0x48, 0x83, 0xd0, 0x00, 0x0f, 0x0b};
    for (const bool is_live : {false, true}) {
        guest.write(BareGuest::base, is_live ? live : load);
        for (int i = 0; i < 20; ++i) {
            for (const std::uint64_t index : indices) {
                guest.state.rflags |= rflags::cf;
                guest.state.reg(Gpr::rbx) = index << 39 | here;
                ASSERT_EQ(run().vector, undefined);
                ASSERT_EQ(reg(Gpr::rax), is_live ? 2u : 1u) << index;
            }
            guest.state.reg(Gpr::rbx) = std::uint64_t{5} << 39 | here;
            ASSERT_EQ(run().vector, page_fault);
        }
    }
}

TEST_F(Windows, follow_code_to_another_frame) {
    constexpr std::uint64_t second = BareGuest::base + page_size;
    // call second; ud2, and there: add eax, 1 (or 2); ret
    const Bytes code{0xe8, 0xfb, 0x0f, 0, 0, 0x0f, 0x0b};
    guest.write(second, Bytes{0x83, 0xc0, 1, 0xc3});
    guest.write(there, Bytes{0x83, 0xc0, 2, 0xc3});
    const auto adds = [&] {
        guest.state.reg(Gpr::rax) = 0;
        EXPECT_EQ(run().vector, undefined);
        return reg(Gpr::rax);
    };
    guest.write(BareGuest::base, code);
    for (int i = 0; i < 4; ++i) ASSERT_EQ(adds(), 1u);
    for (int i = 0; i < 4; ++i) {
        map(second, frame_at(there), usual);
        ASSERT_EQ(adds(), 2u);
        ASSERT_EQ(adds(), 2u);
        map(second, frame_at(second), usual);
        ASSERT_EQ(adds(), 1u);
        ASSERT_EQ(adds(), 1u);
    }
    map(second, frame_at(second), 0);
    const Exit exit = run();
    EXPECT_EQ(exit.vector, page_fault);
    EXPECT_EQ(exit.address, second);
    EXPECT_EQ(guest.state.rip, second);
}

/// What C++ finds through FS.
thread_local volatile sig_atomic_t alarms = 0;

__attribute__((no_stack_protector)) void on_alarm(int) {
    const HostFs fs;
    alarms = alarms + 1;
}

TEST_F(Windows, do_not_hide_the_variables_of_signal_handlers) {
    // mov ecx, 1000000; again: mov rax, [rbx]; dec ecx; jnz again; ud2
    const Bytes loop{0xb9, 0x40, 0x42, 0x0f, 0,    0x48, 0x8b,
                     0x03, 0xff, 0xc9, 0x75, 0xf9, 0x0f, 0x0b};
    guest.write(BareGuest::base, loop);
    guest.state.reg(Gpr::rbx) = here;
    alarms = 0;
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = on_alarm;
    // RSP is the guest's.
    action.sa_flags = SA_ONSTACK;
    ASSERT_EQ(sigaction(SIGALRM, &action, &before), 0);
    const itimerval each_millisecond{{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &each_millisecond, nullptr);
    constexpr int most_runs = 10'000;
    for (int i = 0; i < most_runs && alarms < 20; ++i) {
        guest.state.rip = BareGuest::base;
        Exit exit;
        while (exit.reason == Exit::Reason::budget_spent) exit = guest.run(1'000'000);
        ASSERT_EQ(exit.vector, undefined);
    }
    setitimer(ITIMER_REAL, nullptr, nullptr);
    sigaction(SIGALRM, &before, nullptr);
    EXPECT_GE(alarms, 20);
}

}  // namespace
}  // namespace ring3::test
