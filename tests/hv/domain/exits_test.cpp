// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>

#include "hv/abi/sched.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t handlers = 0xffff'ffff'8100'0000;

class Exits : public testing::Test {
protected:
    Exits() {
        for (std::size_t vector = 0; vector < 256; ++vector) {
            vcpu.traps[vector].address = handlers + vector * 0x10;
        }
        vcpu.kernel_sp = SmallDomain::stack_top;
        cpu.rip = 0x4000;
    }
    void software_interrupt(std::uint8_t vector, std::uint8_t length = 2) {
        Exit exit;
        exit.reason = Exit::Reason::interrupt;
        exit.vector = vector;
        exit.length = length;
        small.leave(exit);
    }
    void exception(std::uint8_t vector, std::optional<std::uint32_t> error_code = std::nullopt,
                   std::uint64_t address = 0) {
        Exit exit;
        exit.reason = Exit::Reason::exception;
        exit.vector = vector;
        exit.has_error_code = error_code.has_value();
        exit.error_code = error_code.value_or(0);
        exit.address = address;
        small.leave(exit);
    }
    std::uint64_t word(std::size_t n) { return small.get64(cpu.reg(Gpr::rsp) + n * 8); }
    static std::uint64_t handler(std::uint64_t vector) { return handlers + vector * 0x10; }

    SmallDomain small;
    Vcpu& vcpu = small.vcpu();
    CpuState& cpu = small.cpu();
};

TEST_F(Exits, give_the_faulting_address_in_vcpu_info) {
    exception(14, 6, 0xdead'b000);
    EXPECT_EQ(cpu.rip, handler(14));
    EXPECT_EQ(word(2), 6u);
    EXPECT_EQ(vcpu.info().cr2(), 0xdead'b000u);
}

TEST_F(Exits, hand_the_fpu_back_with_the_first_device_not_available) {
    cpu.cr0 |= cr0::ts;
    exception(7);
    EXPECT_EQ(cpu.rip, handler(7));
    EXPECT_EQ(cpu.cr0 & cr0::ts, 0u);
}

TEST_F(Exits, let_user_mode_raise_only_gates_of_privilege_3) {
    small.enter_user_mode();
    vcpu.traps[0x80].privilege = 3;
    software_interrupt(0x80);
    EXPECT_EQ(cpu.rip, handler(0x80));
    EXPECT_EQ(word(2), 0x4002u) << "behind the instruction, and no error code";
    EXPECT_EQ(cpu.retired, 1u);
}

TEST_F(Exits, answer_a_gate_of_lower_privilege_with_general_protection) {
    for (const std::uint8_t privilege : std::array<std::uint8_t, 3>{0, 1, 2}) {
        SmallDomain other;
        other.vcpu().traps[13].address = handler(13);
        other.vcpu().traps[0x21].address = handler(0x21);
        other.vcpu().traps[0x21].privilege = privilege;
        other.vcpu().kernel_sp = SmallDomain::stack_top;
        other.enter_user_mode();
        other.cpu().rip = 0x4000;
        Exit exit;
        exit.reason = Exit::Reason::interrupt;
        exit.vector = 0x21;
        exit.length = 2;
        other.leave(exit);
        EXPECT_EQ(other.cpu().rip, handler(13));
        EXPECT_EQ(other.get64(other.cpu().reg(Gpr::rsp) + 16), 0x21u * 8 + 2);
        EXPECT_EQ(other.get64(other.cpu().reg(Gpr::rsp) + 24), 0x4000u) << "at the instruction";
        EXPECT_EQ(other.cpu().retired, 0u);
    }
}

TEST_F(Exits, let_the_kernel_raise_gates_of_privilege_1_and_above) {
    vcpu.traps[0x21].privilege = 1;
    software_interrupt(0x21);
    EXPECT_EQ(cpu.rip, handler(0x21));
    cpu.rip = 0x4000;
    vcpu.traps[0x21].privilege = 0;
    software_interrupt(0x21);
    EXPECT_EQ(cpu.rip, handler(13));
}

TEST_F(Exits, do_not_ask_int3_for_privilege_but_int_3) {
    small.enter_user_mode();
    software_interrupt(3, 1);
    EXPECT_EQ(cpu.rip, handler(3));

    vcpu.toggle_guest_mode();
    cpu.rip = 0x4000;
    software_interrupt(3, 2);
    EXPECT_EQ(cpu.rip, handler(13));
    EXPECT_EQ(word(2), 3u * 8 + 2);
}

TEST_F(Exits, trap_at_once_behind_a_hypercall_that_is_single_stepped) {
    cpu.reg(Gpr::rsp) = SmallDomain::stack_top;
    cpu.rflags |= rflags::tf;
    small.hypercall(__HYPERVISOR_sched_op, {SCHEDOP_yield});
    EXPECT_EQ(cpu.rip, handler(1));
    EXPECT_EQ(word(2), 0x4002u);
    EXPECT_EQ(word(4) & rflags::tf, rflags::tf);
    EXPECT_EQ(cpu.rflags & rflags::tf, 0u);
    EXPECT_EQ(cpu.dr[6], 0xffff'4ff0u);
}

TEST_F(Exits, let_one_instruction_run_after_an_iret_that_sets_tf) {
    // rax, r11, rcx, flags; rip, cs, rflags, rsp, ss
    std::array<std::uint64_t, 9> frame{0, 0, 0, 0, 0x5000, 0xe030, rflags::tf, 0, FLAT_KERNEL_SS};
    frame[7] = SmallDomain::stack_top;
    cpu.reg(Gpr::rsp) = SmallDomain::stack_top - sizeof frame;
    small.put(cpu.reg(Gpr::rsp), frame);
    small.hypercall(__HYPERVISOR_iret);
    EXPECT_EQ(cpu.rip, 0x5000u);
    EXPECT_EQ(cpu.rflags & rflags::tf, rflags::tf);
}

TEST_F(Exits, crash_the_domain_on_an_instruction_that_is_not_built) {
    Exit exit;
    exit.reason = Exit::Reason::not_built;
    exit.text = "0f 0d 08  prefetchw [rax]";
    small.leave(exit);
    EXPECT_EQ(small.domain.shutdown_reason(), std::uint32_t{SHUTDOWN_crash});
    EXPECT_TRUE(small.hypervisor.logged("prefetchw [rax]"));
    EXPECT_TRUE(small.hypervisor.logged("rax: "));
    EXPECT_TRUE(small.hypervisor.logged("kernel mode  rip: e033:0000000000004000"));
    EXPECT_EQ(small.hypervisor.shutdowns, 1);
    EXPECT_EQ(small.last, Domain::Next::stop);
}

TEST_F(Exits, survive_a_crash_report_with_wild_registers) {
    cpu.rip = 0x8000'0000'0000'0000;
    cpu.reg(Gpr::rsp) = ~std::uint64_t{0};
    small.domain.crash(vcpu, "test");
    EXPECT_TRUE(small.hypervisor.logged("stack: (not readable)"));
    EXPECT_TRUE(small.hypervisor.logged("code: (not readable)"));
}

TEST_F(Exits, keep_the_reason_of_the_first_shutdown) {
    small.domain.shut_down(SHUTDOWN_reboot);
    small.domain.crash(vcpu, "too late");
    EXPECT_EQ(small.domain.shutdown_reason(), std::uint32_t{SHUTDOWN_reboot});
    EXPECT_EQ(small.hypervisor.shutdowns, 1);
}

TEST_F(Exits, leave_a_paused_domain_without_a_runnable_vcpu) {
    small.domain.pause();
    EXPECT_FALSE(vcpu.is_runnable());
    small.domain.pause();
    small.domain.unpause();
    EXPECT_FALSE(vcpu.is_runnable());
    const int wakes = small.hypervisor.wakes;
    small.domain.unpause();
    EXPECT_TRUE(vcpu.is_runnable());
    EXPECT_EQ(small.hypervisor.wakes, wakes + 1);
}

}  // namespace
}  // namespace ring3
