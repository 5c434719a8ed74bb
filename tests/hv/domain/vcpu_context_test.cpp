// SPDX-License-Identifier: MIT
#include "hv/domain/vcpu_context.hpp"

#include <gmock/gmock.h>

#include "hv/abi/vcpu.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

class VcpuContext : public testing::Test {
protected:
    VcpuContext() {
        context.user_regs.rip = 0xffff'ffff'8100'0000;
        context.user_regs.rsp = SmallDomain::stack_top;
        context.user_regs.rdi = 0x1234;
        context.user_regs.cs = 0xe030;
        context.user_regs.ss = 0xe028;
        context.user_regs.rflags = 0x1000 | 0x2;
        context.flags = VGCF_in_kernel;
        context.trap_ctxt[14] = {14, 0, 0xe033, 0xffff'ffff'8100'0e00};
        context.event_callback_eip = 0x1000;
        context.syscall_callback_eip = 0x2000;
        context.kernel_sp = 0x3000;
        context.gs_base_kernel = 0xffff'8880'0000'0000;
        context.ctrlreg[3] = xen_pfn_to_cr3(small.table_mfn(4));
    }
    std::int64_t initialise() {
        small.put(SmallDomain::data_va, context);
        return small.hypercall(__HYPERVISOR_vcpu_op, {VCPUOP_initialise, 1, SmallDomain::data_va});
    }
    std::int64_t operation(std::uint64_t which) {
        return small.hypercall(__HYPERVISOR_vcpu_op, {which, 1, 0});
    }

    SmallDomain small{2};
    Vcpu& second = small.vcpu(1);
    vcpu_guest_context context{};
};

TEST_F(VcpuContext, gives_a_second_vcpu_its_registers_and_entry_points) {
    EXPECT_EQ(operation(VCPUOP_is_up), 0);
    EXPECT_EQ(operation(VCPUOP_up), -XEN_EINVAL) << "it has no context";
    ASSERT_EQ(initialise(), 0);
    EXPECT_EQ(second.cpu.rip, 0xffff'ffff'8100'0000u);
    EXPECT_EQ(second.cpu.reg(Gpr::rdi), 0x1234u);
    EXPECT_EQ(second.cpu.reg(Gpr::rsp), SmallDomain::stack_top);
    EXPECT_EQ(second.cpu.sel(Segment::cs), 0xe033);
    EXPECT_EQ(second.cpu.sel(Segment::ss), 0xe02b);
    EXPECT_EQ(second.cpu.rflags, rflags::fixed | rflags::interrupt) << "without IOPL";
    EXPECT_EQ(second.cpu.gs_base, 0xffff'8880'0000'0000u);
    EXPECT_EQ(second.traps[14].address, 0xffff'ffff'8100'0e00u);
    EXPECT_EQ(second.event_callback.address, 0x1000u);
    EXPECT_EQ(second.kernel_sp, 0x3000u);
    EXPECT_EQ(second.cpu.kernel_root.raw, small.table_mfn(4));
    EXPECT_FALSE(second.is_runnable());

    const int wakes = small.hypervisor.wakes;
    EXPECT_EQ(operation(VCPUOP_up), 0);
    EXPECT_TRUE(second.is_runnable());
    EXPECT_EQ(small.hypervisor.wakes, wakes + 1);
    EXPECT_EQ(operation(VCPUOP_is_up), 1);
    EXPECT_EQ(initialise(), -XEN_EEXIST);
    EXPECT_EQ(operation(VCPUOP_down), 0);
    EXPECT_FALSE(second.is_runnable());
    EXPECT_EQ(small.domain.shutdown_reason(), std::nullopt) << "the first one is up";
}

TEST_F(VcpuContext, brings_it_up_at_once_when_asked) {
    context.flags |= VGCF_online;
    ASSERT_EQ(initialise(), 0);
    EXPECT_TRUE(second.is_runnable());
}

TEST_F(VcpuContext, refuses_a_bad_one_and_leaves_nothing_behind) {
    const Frame& root = small.frames.at(small.p2m[43]);
    const std::uint32_t references = root.ref_count;
    const auto refused = [&](auto change) {
        const vcpu_guest_context good = context;
        change(context);
        EXPECT_EQ(initialise(), -XEN_EINVAL);
        EXPECT_FALSE(second.is_initialised);
        EXPECT_EQ(second.cpu.kernel_root.raw, 0u);
        EXPECT_EQ(root.ref_count, references);
        context = good;
    };
    refused([](auto& bad) { bad.ctrlreg[3] = 0; });
    refused([&](auto& bad) { bad.ctrlreg[3] = xen_pfn_to_cr3(small.table_mfn(1)); });
    refused([&](auto& bad) { bad.ctrlreg[1] = xen_pfn_to_cr3(small.p2m[0].raw); });
    refused([](auto& bad) { bad.user_regs.rip = 0x0000'8000'0000'0000; });
    refused([](auto& bad) { bad.gs_base_user = 0x0000'8000'0000'0000; });
    refused([](auto& bad) { bad.gdt_ents = 0x1c01; });
    refused([](auto& bad) { bad.ldt_ents = 1; });
    refused([](auto& bad) {
        bad.gdt_ents = 1;
        bad.gdt_frames[0] = 7;
    });
    EXPECT_EQ(initialise(), 0);
}

}  // namespace
}  // namespace ring3
