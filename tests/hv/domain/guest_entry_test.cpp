// SPDX-License-Identifier: MIT
// Frames byte by byte, as create_bounce_frame of Xen makes them, and the way back.
#include "hv/domain/guest_entry.hpp"

#include <gmock/gmock.h>

#include "hv/abi/sched.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t handler = 0xffff'ffff'8100'1000;

class GuestEntry : public testing::Test {
protected:
    GuestEntry() {
        vcpu.traps[14] = {.address = handler, .cs = 0xe033};
        vcpu.traps[3] = {.address = handler, .cs = 0xe033, .masks_events = true};
        vcpu.event_callback = {handler + 0x10, false};
        vcpu.syscall_callback = {handler + 0x20, true};
        vcpu.failsafe_callback = {handler + 0x30, true};
        vcpu.info().set_upcall_mask(0);
        cpu.rip = 0x1234;
        cpu.reg(Gpr::rsp) = top + 5;
        cpu.reg(Gpr::rcx) = 0xcccc;
        cpu.reg(Gpr::r11) = 0x1111;
        cpu.rflags = 0x202 | rflags::cf | rflags::ac | rflags::tf | rflags::nt | rflags::df;
    }
    std::vector<std::uint64_t> frame(std::size_t words) {
        std::vector<std::uint64_t> found;
        for (std::size_t i = 0; i < words; ++i) {
            found.push_back(small.get64(cpu.reg(Gpr::rsp) + i * 8));
        }
        return found;
    }

    static constexpr std::uint64_t top = SmallDomain::stack_top - 0x100;
    static constexpr std::uint64_t seen_rflags =
        0x202 | rflags::cf | rflags::ac | rflags::tf | rflags::nt | rflags::df;
    SmallDomain small;
    Vcpu& vcpu = small.vcpu();
    CpuState& cpu = small.cpu();
};

TEST_F(GuestEntry, pushes_a_frame_with_error_code_from_kernel_mode) {
    ASSERT_TRUE(enter_trap(vcpu, 14, 2));
    EXPECT_THAT(frame(8),
                ElementsAre(0xcccc, 0x1111, 2, 0x1234, 0xe030, seen_rflags, top + 5, 0xe02b));
    EXPECT_EQ(cpu.reg(Gpr::rsp), top - 64);
    EXPECT_EQ(cpu.rip, handler);
    EXPECT_EQ(cpu.sel(Segment::cs), 0xe033);
    EXPECT_EQ(cpu.sel(Segment::ss), 0xe02b);
    EXPECT_EQ(cpu.rflags, 0x202 | rflags::cf | rflags::df);
    EXPECT_EQ(vcpu.info().upcall_mask(), 0);
    EXPECT_TRUE(cpu.kernel_mode);
}

TEST_F(GuestEntry, leaves_the_stack_8_off_16_without_error_code) {
    ASSERT_TRUE(enter_trap(vcpu, 3, std::nullopt));
    EXPECT_THAT(frame(7),
                ElementsAre(0xcccc, 0x1111, 0x1234, 0xe030, seen_rflags, top + 5, 0xe02b));
    EXPECT_EQ(cpu.reg(Gpr::rsp), top - 56);
    EXPECT_EQ(vcpu.info().upcall_mask(), 1) << "the gate masks events";
}

TEST_F(GuestEntry, shows_the_mask_beside_cs_and_inverted_in_rflags) {
    vcpu.info().set_upcall_mask(1);
    ASSERT_TRUE(enter_trap(vcpu, 14, 0));
    EXPECT_THAT(frame(8), ElementsAre(0xcccc, 0x1111, 0, 0x1234, 0x1'0000'e030,
                                      seen_rflags & ~rflags::interrupt, top + 5, 0xe02b));
}

TEST_F(GuestEntry, switches_to_the_kernel_stack_and_gs_from_user_mode) {
    cpu.gs_base = 0x111;
    cpu.gs_base_inactive = 0x222;
    vcpu.kernel_sp = SmallDomain::stack_top;
    small.enter_user_mode();
    EXPECT_EQ(cpu.gs_base, 0x222u);
    cpu.sel(Segment::cs) = 0x33;
    cpu.sel(Segment::ss) = 0x2b;
    ASSERT_TRUE(enter_trap(vcpu, 14, 6));
    EXPECT_THAT(frame(8), ElementsAre(0xcccc, 0x1111, 6, 0x1234, 0x33, seen_rflags, top + 5, 0x2b));
    EXPECT_EQ(cpu.reg(Gpr::rsp), SmallDomain::stack_top - 64);
    EXPECT_TRUE(cpu.kernel_mode);
    EXPECT_EQ(cpu.gs_base, 0x111u);
    EXPECT_EQ(cpu.gs_base_inactive, 0x222u);
}

TEST_F(GuestEntry, enters_a_system_call_with_flat_selectors_and_df_clear) {
    vcpu.kernel_sp = SmallDomain::stack_top;
    small.enter_user_mode();
    cpu.sel(Segment::cs) = 0x33;
    cpu.sel(Segment::ss) = 0x2b;
    small.leave(SmallDomain::syscall_exit());
    EXPECT_THAT(frame(7),
                ElementsAre(0x1236, seen_rflags, 0x1236, 0xe033, seen_rflags, top + 5, 0xe02b));
    EXPECT_EQ(cpu.rip, handler + 0x20);
    EXPECT_EQ(cpu.rflags, 0x202 | rflags::cf);
    EXPECT_EQ(vcpu.info().upcall_mask(), 1);
}

TEST_F(GuestEntry, answers_a_system_call_without_callback_with_an_invalid_opcode) {
    vcpu.syscall_callback = {};
    vcpu.traps[6] = {.address = handler + 0x60};
    vcpu.kernel_sp = SmallDomain::stack_top;
    small.enter_user_mode();
    small.leave(SmallDomain::syscall_exit());
    EXPECT_EQ(cpu.rip, handler + 0x60);
    EXPECT_EQ(frame(7)[2], 0x1234u) << "RIP is at the SYSCALL";
    EXPECT_EQ(cpu.retired, 0u) << "it faulted, so it did not retire";
}

TEST_F(GuestEntry, delivers_an_upcall_only_when_pending_and_not_masked) {
    vcpu.prepare_to_run();
    EXPECT_EQ(cpu.rip, 0x1234u);
    vcpu.info().set_upcall_pending(1);
    vcpu.info().set_upcall_mask(1);
    vcpu.prepare_to_run();
    EXPECT_EQ(cpu.rip, 0x1234u);
    vcpu.info().set_upcall_mask(0);
    vcpu.prepare_to_run();
    EXPECT_EQ(cpu.rip, handler + 0x10);
    EXPECT_EQ(vcpu.info().upcall_mask(), 1)
        << "events are masked whatever the callback's flags say";
    EXPECT_EQ(vcpu.info().upcall_pending(), 1) << "clearing it is the guest's part";
    cpu.rip = 0;
    vcpu.prepare_to_run();
    EXPECT_EQ(cpu.rip, 0u);
}

TEST_F(GuestEntry, crashes_the_domain_without_a_handler) {
    EXPECT_FALSE(enter_trap(vcpu, 13, 0));
    EXPECT_EQ(small.domain.shutdown_reason(), std::uint32_t{SHUTDOWN_crash});
    EXPECT_TRUE(small.hypervisor.logged("no handler for vector 13"));
    EXPECT_FALSE(vcpu.is_runnable());
}

TEST_F(GuestEntry, crashes_the_domain_when_the_stack_is_not_writable) {
    const std::uint64_t bad_stacks[] = {SmallDomain::unmapped_va, SmallDomain::table_va + 0x800, 0,
                                        0x0000'8000'0000'0040, MACH2PHYS_VIRT_START + 0x100};
    for (const std::uint64_t stack : bad_stacks) {
        SmallDomain other;
        other.vcpu().traps[14].address = handler;
        other.cpu().reg(Gpr::rsp) = stack;
        EXPECT_FALSE(enter_trap(other.vcpu(), 14, 0)) << stack;
        EXPECT_EQ(other.domain.shutdown_reason(), std::uint32_t{SHUTDOWN_crash}) << stack;
        EXPECT_TRUE(other.hypervisor.logged("is not writable"));
    }
}

// The way back -----------------------------------------------------------------------------------

class Return : public GuestEntry {
protected:
    void go_back(const iret_context& context) {
        cpu.reg(Gpr::rsp) = top - sizeof context;
        small.put(top - sizeof context, context);
        small.hypercall(__HYPERVISOR_iret);
    }
    static constexpr iret_context to_kernel{.rax = 1,
                                            .r11 = 2,
                                            .rcx = 3,
                                            .flags = 0,
                                            .rip = 0x5000,
                                            .cs = 0xe030,
                                            .rflags = 0x202,
                                            .rsp = 0x6000,
                                            .ss = 0xe02b};
};

TEST_F(Return, restores_what_a_frame_saved) {
    go_back(to_kernel);
    EXPECT_EQ(cpu.reg(Gpr::rax), 1u);
    EXPECT_EQ(cpu.reg(Gpr::r11), 2u);
    EXPECT_EQ(cpu.reg(Gpr::rcx), 3u);
    EXPECT_EQ(cpu.rip, 0x5000u);
    EXPECT_EQ(cpu.reg(Gpr::rsp), 0x6000u);
    EXPECT_EQ(cpu.sel(Segment::cs), 0xe033);
    EXPECT_EQ(cpu.sel(Segment::ss), 0xe02b);
    EXPECT_TRUE(cpu.kernel_mode);
    EXPECT_EQ(vcpu.info().upcall_mask(), 0);
}

TEST_F(Return, takes_the_mask_from_the_interrupt_flag_and_keeps_the_real_one_set) {
    iret_context context = to_kernel;
    context.rflags = rflags::vm | rflags::iopl | rflags::cf;
    go_back(context);
    EXPECT_EQ(cpu.rflags, rflags::fixed | rflags::interrupt | rflags::cf);
    EXPECT_EQ(vcpu.info().upcall_mask(), 1);
}

TEST_F(Return, leaves_rcx_and_r11_as_sysret_does_when_asked) {
    iret_context context = to_kernel;
    context.flags = VGCF_in_syscall;
    go_back(context);
    EXPECT_EQ(cpu.reg(Gpr::rcx), 0x5000u);
    EXPECT_EQ(cpu.reg(Gpr::r11), 0x202u);
}

TEST_F(Return, goes_to_user_mode_when_cs_says_so) {
    ASSERT_EQ(vcpu.set_user_root(cpu.kernel_root), 0);
    cpu.gs_base = 0x111;
    cpu.gs_base_inactive = 0x222;
    iret_context context = to_kernel;
    context.cs = 0xe033;
    go_back(context);
    EXPECT_FALSE(cpu.kernel_mode);
    EXPECT_EQ(cpu.gs_base, 0x222u);
    EXPECT_EQ(cpu.gs_base_inactive, 0x111u);
    EXPECT_EQ(cpu.rip, 0x5000u);
}

TEST_F(Return, crashes_the_domain_without_user_tables) {
    iret_context context = to_kernel;
    context.cs = 0x33;
    go_back(context);
    EXPECT_EQ(small.domain.shutdown_reason(), std::uint32_t{SHUTDOWN_crash});
    EXPECT_EQ(small.last, Domain::Next::stop);
}

TEST_F(Return, crashes_the_domain_when_the_frame_cannot_be_read) {
    cpu.reg(Gpr::rsp) = SmallDomain::unmapped_va;
    small.hypercall(__HYPERVISOR_iret);
    EXPECT_EQ(small.domain.shutdown_reason(), std::uint32_t{SHUTDOWN_crash});
}

TEST_F(Return, to_a_bad_selector_enters_the_failsafe_callback) {
    cpu.sel(Segment::ds) = 0xd;
    cpu.sel(Segment::es) = 0xe;
    cpu.sel(Segment::fs) = 0xf;
    cpu.sel(Segment::gs) = 0x10;
    iret_context context = to_kernel;
    context.cs = 0x1230;
    context.rsp = SmallDomain::stack_top;
    go_back(context);
    EXPECT_EQ(cpu.rip, handler + 0x30);
    EXPECT_THAT(frame(11), ElementsAre(3, 2, 0xd, 0xe, 0xf, 0x10, 0x5000, 0x1230, 0x202,
                                       SmallDomain::stack_top, 0xe02b));
    EXPECT_EQ(cpu.reg(Gpr::rsp) % 16, 8u);
    EXPECT_EQ(vcpu.info().upcall_mask(), 1);
}

TEST_F(Return, to_code_of_32_bits_is_refused_with_a_line_in_the_log) {
    ASSERT_EQ(vcpu.set_user_root(cpu.kernel_root), 0);
    vcpu.kernel_sp = SmallDomain::stack_top;
    iret_context context = to_kernel;
    context.cs = FLAT_RING3_CS32;
    go_back(context);
    EXPECT_EQ(cpu.rip, handler + 0x30);
    EXPECT_TRUE(cpu.kernel_mode);
    EXPECT_TRUE(small.hypervisor.logged("i386 code is not supported"));
}

TEST_F(Return, to_an_address_that_is_not_canonical_enters_the_failsafe_callback) {
    iret_context context = to_kernel;
    context.rip = 0x0000'8000'0000'0000;
    context.rsp = SmallDomain::stack_top;
    go_back(context);
    EXPECT_EQ(cpu.rip, handler + 0x30);
}

TEST_F(Return, undoes_an_entry_exactly) {
    const CpuState before = cpu;
    ASSERT_TRUE(enter_trap(vcpu, 14, 4));
    // What a handler does: pops the error code, pushes flags and RAX of the iret frame.
    const std::vector<std::uint64_t> saved = frame(8);
    go_back({.rax = before.reg(Gpr::rax),
             .r11 = saved[1],
             .rcx = saved[0],
             .flags = 0,
             .rip = saved[3],
             .cs = saved[4],
             .rflags = saved[5],
             .rsp = saved[6],
             .ss = saved[7]});
    EXPECT_EQ(cpu.rip, before.rip);
    EXPECT_EQ(cpu.rflags, before.rflags);
    EXPECT_EQ(cpu.reg(Gpr::rsp), before.reg(Gpr::rsp));
    EXPECT_EQ(cpu.reg(Gpr::rcx), before.reg(Gpr::rcx));
    EXPECT_EQ(cpu.selector, before.selector);
}

TEST_F(GuestEntry, delivers_an_nmi_once_until_the_handler_returns) {
    vcpu.traps[2] = {.address = handler + 0x70, .masks_events = true};
    vcpu.nmi_pending = true;
    vcpu.prepare_to_run();
    EXPECT_EQ(cpu.rip, handler + 0x70);
    cpu.rip = 0;
    vcpu.nmi_pending = true;
    vcpu.prepare_to_run();
    EXPECT_EQ(cpu.rip, 0u) << "masked";
    vcpu.nmi_masked = false;
    vcpu.prepare_to_run();
    EXPECT_EQ(cpu.rip, handler + 0x70);
}

}  // namespace
}  // namespace ring3
