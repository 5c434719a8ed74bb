// SPDX-License-Identifier: MIT
// Good and bad arguments of each hypercall operation: one row each, with what Xen 4.17 answers to
// an unprivileged PV guest. Rows of one table run on one domain, in their order.
#include "hv/domain/hypercalls/hypercall.hpp"

#include <gmock/gmock.h>

#include "hv/abi/callback.hpp"
#include "hv/abi/event_channel.hpp"
#include "hv/abi/grant_table.hpp"
#include "hv/abi/memory.hpp"
#include "hv/abi/physdev.hpp"
#include "hv/abi/sched.hpp"
#include "hv/abi/version.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t data = SmallDomain::data_va, out = SmallDomain::data_va + 0x1000,
                        nowhere = SmallDomain::unmapped_va, tables_va = SmallDomain::table_va,
                        in_xen = MACH2PHYS_VIRT_START, not_canonical = 0x0000'8000'0000'0000,
                        self = DOMID_SELF;

struct Row {
    const char* what;
    std::uint64_t number;
    std::array<std::uint64_t, 6> arguments;
    std::int64_t answer;
};

void check(SmallDomain& small, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        EXPECT_EQ(small.hypercall(row.number, row.arguments), row.answer) << row.what;
        EXPECT_EQ(small.domain.shutdown_reason(), std::nullopt) << row.what;
    }
}

TEST(Hypercalls, that_do_not_exist_are_enosys) {
    SmallDomain small;
    for (const std::uint64_t number : {11u, 27u, 38u, 39u, 43u, 47u, 50u, 55u, 63u, 64u, 1000u}) {
        EXPECT_EQ(small.hypercall(number), -XEN_ENOSYS) << number;
    }
    EXPECT_EQ(small.hypercall(~std::uint64_t{0}), -XEN_ENOSYS);
    EXPECT_EQ(small.hypercall(std::uint64_t{1} << 32 | __HYPERVISOR_xen_version), -XEN_ENOSYS)
        << "all of RAX counts";
}

TEST(Hypercalls, keep_the_argument_registers) {
    SmallDomain small;
    small.hypercall(__HYPERVISOR_xen_version, {XENVER_version, 2, 3, 4, 5, 6});
    EXPECT_EQ(small.cpu().reg(Gpr::rsi), 2u);
    EXPECT_EQ(small.cpu().reg(Gpr::r10), 4u);
    EXPECT_EQ(small.cpu().reg(Gpr::r9), 6u);
    EXPECT_EQ(small.domain.hypercall_count[__HYPERVISOR_xen_version], 1u);
}

TEST(Hypercalls, for_privileged_domains_are_refused) {
    SmallDomain small;
    check(small,
          {
              {"console_io", __HYPERVISOR_console_io, {CONSOLEIO_write, 1, data}, -XEN_EPERM},
              {"platform_op", __HYPERVISOR_platform_op, {data}, -XEN_EPERM},
              {"platform_op nowhere", __HYPERVISOR_platform_op, {nowhere}, -XEN_EFAULT},
              {"domctl", __HYPERVISOR_domctl, {data}, -XEN_EPERM},
              {"domctl nowhere", __HYPERVISOR_domctl, {0}, -XEN_EFAULT},
              {"sysctl", __HYPERVISOR_sysctl, {data}, -XEN_EPERM},
              {"kexec", __HYPERVISOR_kexec_op, {0, data}, -XEN_EPERM},
              {"hypfs", __HYPERVISOR_hypfs_op, {}, -XEN_EPERM},
              {"dm_op without buffers", __HYPERVISOR_dm_op, {self, 0, 0}, -XEN_ENODATA},
              {"dm_op on itself", __HYPERVISOR_dm_op, {self, 1, data}, -XEN_EPERM},
              {"dm_op on nobody", __HYPERVISOR_dm_op, {9, 1, data}, -XEN_ESRCH},
              {"dm_op with many buffers", __HYPERVISOR_dm_op, {9, 4, data}, -XEN_E2BIG},
              {"machine checks", __HYPERVISOR_arch_0, {data}, -XEN_EPERM},
              {"hvm_op get_param", __HYPERVISOR_hvm_op, {1, data}, -XEN_EINVAL},
              {"hvm_op else", __HYPERVISOR_hvm_op, {9, data}, -XEN_ENOSYS},
              {"xenpmu_op", __HYPERVISOR_xenpmu_op, {4, data}, -XEN_EOPNOTSUPP},
              {"argo", __HYPERVISOR_argo_op, {}, -XEN_ENOSYS},
              {"tmem", __HYPERVISOR_tmem_op, {}, -XEN_ENOSYS},
              {"xsm", __HYPERVISOR_xsm_op, {}, -XEN_ENOSYS},
          });
}

TEST(Hypercalls, xen_version) {
    SmallDomain small;
    constexpr std::uint64_t nr = __HYPERVISOR_xen_version;
    check(small, {
                     {"version", nr, {XENVER_version}, 0x0004'0011},
                     {"extraversion", nr, {XENVER_extraversion, out}, 0},
                     {"extraversion nowhere", nr, {XENVER_extraversion, nowhere}, -XEN_EFAULT},
                     {"compile_info", nr, {XENVER_compile_info, out}, 0},
                     {"compile_info in Xen", nr, {XENVER_compile_info, in_xen}, -XEN_EFAULT},
                     {"capabilities", nr, {XENVER_capabilities, out}, 0},
                     {"capabilities read-only", nr, {XENVER_capabilities, tables_va}, -XEN_EFAULT},
                     {"changeset", nr, {XENVER_changeset, out}, 0},
                     {"platform_parameters", nr, {XENVER_platform_parameters, out}, 0},
                     {"pagesize", nr, {XENVER_pagesize, 0}, 4096},
                     {"pagesize with argument", nr, {XENVER_pagesize, data}, -XEN_EINVAL},
                     {"guest_handle", nr, {XENVER_guest_handle, out}, 0},
                     {"commandline", nr, {XENVER_commandline, out}, 0},
                     {"build_id", nr, {XENVER_build_id, 0}, -XEN_EPERM},
                     {"unknown", nr, {11, 0}, -XEN_ENOSYS},
                 });
    EXPECT_EQ(small.hypercall_with(nr, XENVER_get_features, xen_feature_info{0, 0}), 0);
    EXPECT_EQ(small.argument<xen_feature_info>().submap, 0x0002'20e0u);
    small.domain.assists = 1u << VMASST_TYPE_pae_extended_cr3;
    EXPECT_EQ(small.hypercall_with(nr, XENVER_get_features, xen_feature_info{0, 0}), 0);
    EXPECT_EQ(small.argument<xen_feature_info>().submap, 0x0002'20f0u);
    EXPECT_EQ(small.hypercall_with(nr, XENVER_get_features, xen_feature_info{1, 0}), -XEN_EINVAL);
    EXPECT_EQ(small.hypercall(nr, {XENVER_extraversion, out}), 0);
    const auto extra_version = small.get<std::array<char, XEN_EXTRAVERSION_LEN>>(out);
    EXPECT_STREQ(extra_version.data(), ".7");
}

TEST(Hypercalls, traps_stack_and_registers) {
    SmallDomain small;
    small.put(data, trap_info{13, 4 | 3, 0xe030, 0xffff'ffff'8100'0000});
    small.put(data + 16, trap_info{14, 0, 0xe033, 0xffff'ffff'8100'1000});
    small.put(data + 32, trap_info{});
    check(small,
          {
              {"set_trap_table", __HYPERVISOR_set_trap_table, {data}, 0},
              {"nowhere", __HYPERVISOR_set_trap_table, {nowhere}, -XEN_EFAULT},
              {"stack_switch", __HYPERVISOR_stack_switch, {0xe028, 0x1234'5678}, 0},
              {"fpu_taskswitch set", __HYPERVISOR_fpu_taskswitch, {1}, 0},
              {"set DR0", __HYPERVISOR_set_debugreg, {0, 0x1000}, 0},
              {"set DR0 in Xen", __HYPERVISOR_set_debugreg, {0, in_xen}, -XEN_EPERM},
              {"set DR3 not canonical", __HYPERVISOR_set_debugreg, {3, not_canonical}, -XEN_EPERM},
              {"set DR6", __HYPERVISOR_set_debugreg, {6, 0}, 0},
              {"set DR7", __HYPERVISOR_set_debugreg, {7, 0}, 0},
              {"set DR7.GD", __HYPERVISOR_set_debugreg, {7, 1u << 13}, -XEN_EPERM},
              {"set DR8", __HYPERVISOR_set_debugreg, {8, 0}, -XEN_ENODEV},
              {"get DR0", __HYPERVISOR_get_debugreg, {0}, 0x1000},
              {"get DR4, another name of DR6", __HYPERVISOR_get_debugreg, {4}, 0xffff'0ff0},
              {"get DR7", __HYPERVISOR_get_debugreg, {7}, 0x400},
              {"get DR8", __HYPERVISOR_get_debugreg, {8}, -XEN_ENODEV},
          });
    Vcpu& vcpu = small.vcpu();
    EXPECT_EQ(vcpu.traps[13].address, 0xffff'ffff'8100'0000u);
    EXPECT_EQ(vcpu.traps[13].privilege, 3);
    EXPECT_TRUE(vcpu.traps[13].masks_events);
    EXPECT_EQ(vcpu.traps[13].cs, 0xe033);
    EXPECT_FALSE(vcpu.traps[14].masks_events);
    EXPECT_EQ(vcpu.kernel_sp, 0x1234'5678u);
    EXPECT_EQ(vcpu.kernel_ss, 0xe02bu);
    EXPECT_NE(vcpu.cpu.cr0 & cr0::ts, 0u);
    check(small, {{"fpu_taskswitch clear", __HYPERVISOR_fpu_taskswitch, {0}, 0},
                  {"no traps", __HYPERVISOR_set_trap_table, {0}, 0}});
    EXPECT_EQ(vcpu.cpu.cr0 & cr0::ts, 0u);
    EXPECT_EQ(vcpu.traps[13].address, 0u);
}

TEST(Hypercalls, segment_bases) {
    SmallDomain small;
    constexpr std::uint64_t nr = __HYPERVISOR_set_segment_base;
    check(small, {
                     {"FS", nr, {SEGBASE_FS, 0x1000}, 0},
                     {"GS_USER", nr, {SEGBASE_GS_USER, 0x2000}, 0},
                     {"GS_KERNEL", nr, {SEGBASE_GS_KERNEL, 0xffff'8880'0000'0000}, 0},
                     {"FS not canonical", nr, {SEGBASE_FS, not_canonical}, -XEN_EINVAL},
                     {"unknown", nr, {4, 0}, -XEN_EINVAL},
                 });
    EXPECT_EQ(small.cpu().fs_base, 0x1000u);
    EXPECT_EQ(small.cpu().gs_base_inactive, 0x2000u);
    EXPECT_EQ(small.cpu().gs_base, 0xffff'8880'0000'0000u);
    check(small, {{"GS_USER_SEL", nr, {SEGBASE_GS_USER_SEL, 0xe02b}, 0}});
    EXPECT_EQ(small.cpu().sel(Segment::gs), 0xe02b);
    EXPECT_EQ(small.cpu().gs_base_inactive, 0u);
    check(small, {{"GS_USER_SEL that cannot be loaded", nr, {SEGBASE_GS_USER_SEL, 0x63}, 0}});
    EXPECT_EQ(small.cpu().sel(Segment::gs), 0);
}

TEST(Hypercalls, descriptor_tables) {
    SmallDomain small;
    small.put(data, small.p2m[7].raw);
    const std::uint64_t gdt_va = data + 0x7000, gdt = small.p2m[7].raw << 12;
    constexpr std::uint64_t code = 0x00af'9b00'0000'ffff, tss = 0x0000'8900'0000'0067;
    const std::uint64_t writable = gdt | SmallDomain::present | SmallDomain::writable;
    check(
        small,
        {
            {"set_gdt while mapped writable", __HYPERVISOR_set_gdt, {data, 512}, -XEN_EINVAL},
            {"make it read-only",
             __HYPERVISOR_update_va_mapping,
             {gdt_va, gdt | SmallDomain::present, 0},
             0},
            {"set_gdt", __HYPERVISOR_set_gdt, {data, 512}, 0},
            {"set_gdt too large", __HYPERVISOR_set_gdt, {data, 0x1c01}, -XEN_EINVAL},
            {"set_gdt nowhere", __HYPERVISOR_set_gdt, {nowhere, 1}, -XEN_EFAULT},
            {"update_descriptor", __HYPERVISOR_update_descriptor, {gdt + 0x10, code}, 0},
            {"a TSS", __HYPERVISOR_update_descriptor, {gdt + 0x18, tss}, -XEN_EINVAL},
            {"not aligned", __HYPERVISOR_update_descriptor, {gdt + 0x14, code}, -XEN_EINVAL},
            {"no frame", __HYPERVISOR_update_descriptor, {0x10, code}, -XEN_EINVAL},
            {"a table", __HYPERVISOR_update_descriptor, {small.table_mfn(1) << 12, 0}, -XEN_EINVAL},
            {"writable again", __HYPERVISOR_update_va_mapping, {gdt_va, writable, 0}, -XEN_EBUSY},
            {"no GDT", __HYPERVISOR_set_gdt, {0, 0}, 0},
            {"writable again", __HYPERVISOR_update_va_mapping, {gdt_va, writable, 0}, 0},
        });
    EXPECT_EQ(small.get64(gdt_va + 0x10), code | std::uint64_t{3} << 45) << "DPL forced to 3";
}

TEST(Hypercalls, callbacks) {
    SmallDomain small;
    constexpr std::uint64_t nr = __HYPERVISOR_callback_op;
    const auto registered = [&](std::uint16_t type, std::uint64_t address,
                                std::uint16_t flags = 0) {
        return small.hypercall_with(nr, CALLBACKOP_register,
                                    callback_register{type, flags, address});
    };
    EXPECT_EQ(registered(CALLBACKTYPE_event, 0x1000), 0);
    EXPECT_EQ(registered(CALLBACKTYPE_failsafe, 0x2000, CALLBACKF_mask_events), 0);
    EXPECT_EQ(registered(CALLBACKTYPE_syscall, 0x3000, CALLBACKF_mask_events), 0);
    EXPECT_EQ(registered(CALLBACKTYPE_syscall32, 0x4000), 0);
    EXPECT_EQ(registered(CALLBACKTYPE_sysenter, 0x5000), 0);
    EXPECT_EQ(registered(CALLBACKTYPE_nmi, 0x6000), 0);
    EXPECT_EQ(registered(CALLBACKTYPE_sysenter_deprecated, 0x5000), -XEN_ENOSYS);
    EXPECT_EQ(registered(99, 0x5000), -XEN_ENOSYS);
    EXPECT_EQ(registered(CALLBACKTYPE_event, not_canonical), -XEN_EINVAL);
    EXPECT_EQ(registered(CALLBACKTYPE_nmi, not_canonical), -XEN_EINVAL);
    Vcpu& vcpu = small.vcpu();
    EXPECT_EQ(vcpu.event_callback.address, 0x1000u);
    EXPECT_TRUE(vcpu.failsafe_callback.masks_events);
    EXPECT_EQ(vcpu.syscall_callback.address, 0x3000u);
    EXPECT_EQ(vcpu.traps[2].address, 0x6000u);

    const auto unregistered = [&](std::uint16_t type) {
        return small.hypercall_with(nr, CALLBACKOP_unregister, callback_unregister{type, 0});
    };
    EXPECT_EQ(unregistered(CALLBACKTYPE_event), -XEN_EINVAL);
    EXPECT_EQ(unregistered(CALLBACKTYPE_nmi), 0);
    EXPECT_EQ(unregistered(77), -XEN_ENOSYS);
    small.put(data, std::uint64_t{0});
    check(small, {
                     {"unknown", nr, {2, data}, -XEN_ENOSYS},
                     {"register nowhere", nr, {CALLBACKOP_register, nowhere}, -XEN_EFAULT},
                     {"unregister nowhere", nr, {CALLBACKOP_unregister, nowhere}, -XEN_EFAULT},
                     {"set_callbacks", __HYPERVISOR_set_callbacks, {0x10, 0x20, 0x30}, 0},
                     {"set_callbacks bad",
                      __HYPERVISOR_set_callbacks,
                      {0x10, not_canonical, 0x30},
                      -XEN_EINVAL},
                     {"nmi_op unregister", __HYPERVISOR_nmi_op, {XENNMI_unregister_callback}, 0},
                     {"nmi_op nowhere",
                      __HYPERVISOR_nmi_op,
                      {XENNMI_register_callback, nowhere},
                      -XEN_EFAULT},
                     {"nmi_op unknown", __HYPERVISOR_nmi_op, {2}, -XEN_ENOSYS},
                 });
    EXPECT_EQ(vcpu.event_callback.address, 0x10u);
}

TEST(Hypercalls, assists) {
    SmallDomain small{2};
    constexpr std::uint64_t nr = __HYPERVISOR_vm_assist;
    check(small, {
                     {"writable_pagetables", nr, {VMASST_CMD_enable, 2}, 0},
                     {"4gb_segments", nr, {VMASST_CMD_enable, 0}, 0},
                     {"pae_extended_cr3", nr, {VMASST_CMD_enable, 3}, 0},
                     {"architectural_iopl", nr, {VMASST_CMD_enable, 4}, 0},
                     {"runstate_update_flag", nr, {VMASST_CMD_enable, 5}, 0},
                     {"m2p_strict", nr, {VMASST_CMD_enable, 32}, 0},
                     {"not known", nr, {VMASST_CMD_enable, 6}, -XEN_EINVAL},
                     {"no bit", nr, {VMASST_CMD_enable, 64}, -XEN_EINVAL},
                     {"no bit", nr, {VMASST_CMD_enable, ~0ull}, -XEN_EINVAL},
                     {"unknown command", nr, {2, 2}, -XEN_ENOSYS},
                 });
    EXPECT_TRUE(small.vcpu(1).cpu.table_write_assist);
    check(small, {{"off", nr, {VMASST_CMD_disable, 2}, 0}});
    EXPECT_FALSE(small.vcpu(0).cpu.table_write_assist);
}

TEST(Hypercalls, vcpus) {
    SmallDomain small;
    constexpr std::uint64_t nr = __HYPERVISOR_vcpu_op;
    check(
        small,
        {
            {"is_up", nr, {VCPUOP_is_up, 0}, 1},
            {"is_up of none", nr, {VCPUOP_is_up, 1}, -XEN_ENOENT},
            {"is_up of 8191", nr, {VCPUOP_is_up, 8191}, -XEN_ENOENT},
            {"up", nr, {VCPUOP_up, 0}, 0},
            {"initialise again", nr, {VCPUOP_initialise, 0, data}, -XEN_EEXIST},
            {"initialise nowhere", nr, {VCPUOP_initialise, 0, nowhere}, -XEN_EFAULT},
            {"runstate", nr, {VCPUOP_get_runstate_info, 0, out}, 0},
            {"runstate nowhere", nr, {VCPUOP_get_runstate_info, 0, nowhere}, -XEN_EFAULT},
            {"periodic nowhere", nr, {VCPUOP_set_periodic_timer, 0, nowhere}, -XEN_EFAULT},
            {"stop periodic", nr, {VCPUOP_stop_periodic_timer, 0}, 0},
            {"singleshot nowhere", nr, {VCPUOP_set_singleshot_timer, 0, nowhere}, -XEN_EFAULT},
            {"stop singleshot", nr, {VCPUOP_stop_singleshot_timer, 0}, 0},
            {"vcpu_info nowhere", nr, {VCPUOP_register_vcpu_info, 0, nowhere}, -XEN_EFAULT},
            {"runstate area", nr, {VCPUOP_register_runstate_memory_area, 0, nowhere}, -XEN_EFAULT},
            {"time area", nr, {VCPUOP_register_vcpu_time_memory_area, 0, nowhere}, -XEN_EFAULT},
            {"send_nmi", nr, {VCPUOP_send_nmi, 0, 0}, 0},
            {"send_nmi with argument", nr, {VCPUOP_send_nmi, 0, 1}, -XEN_EINVAL},
            {"get_physid", nr, {VCPUOP_get_physid, 0, data}, -XEN_EINVAL},
            {"unknown", nr, {14, 0, data}, -XEN_ENOSYS},
        });
    for (const std::uint64_t period : {0ull, 999'999ull, ~0ull}) {
        EXPECT_EQ(
            small.hypercall_vcpu(VCPUOP_set_periodic_timer, 0, vcpu_set_periodic_timer{period}),
            -XEN_EINVAL);
    }
}

TEST(Hypercalls, the_last_vcpu_that_goes_down_takes_the_domain_with_it) {
    SmallDomain small;
    EXPECT_EQ(small.hypercall(__HYPERVISOR_vcpu_op, {VCPUOP_down, 0}), 0);
    EXPECT_EQ(small.domain.shutdown_reason(), std::uint32_t{SHUTDOWN_poweroff});
}

TEST(Hypercalls, physical_devices) {
    SmallDomain small;
    constexpr std::uint64_t nr = __HYPERVISOR_physdev_op;
    EXPECT_EQ(small.hypercall_with(nr, PHYSDEVOP_set_iopl, physdev_set_iopl{1}), 0);
    EXPECT_EQ(small.vcpu().iopl, 1u);
    EXPECT_EQ(small.hypercall_with(nr, PHYSDEVOP_set_iopl, physdev_set_iopl{4}), -XEN_EINVAL);
    physdev_set_iobitmap bitmap{};
    bitmap.nr_ports = 65536;
    EXPECT_EQ(small.hypercall_with(nr, PHYSDEVOP_set_iobitmap, bitmap), 0);
    bitmap.nr_ports = 65537;
    EXPECT_EQ(small.hypercall_with(nr, PHYSDEVOP_set_iobitmap, bitmap), -XEN_EINVAL);
    const auto eoi_map = [&](std::uint64_t mfn) {
        return small.hypercall_with(nr, PHYSDEVOP_pirq_eoi_gmfn_v2, physdev_pirq_eoi_gmfn{mfn});
    };
    EXPECT_EQ(eoi_map(1), -XEN_EINVAL);
    EXPECT_EQ(eoi_map(small.table_mfn(2)), -XEN_EINVAL);
    EXPECT_EQ(eoi_map(small.p2m[3].raw), 0);
    EXPECT_EQ(eoi_map(small.p2m[3].raw), -XEN_EBUSY);
    small.put(data, std::uint64_t{0});
    check(small, {
                     {"set_iopl nowhere", nr, {PHYSDEVOP_set_iopl, nowhere}, -XEN_EFAULT},
                     {"irq status", nr, {PHYSDEVOP_irq_status_query, data}, 0},
                     {"eoi", nr, {PHYSDEVOP_eoi, data}, 0},
                     {"map_pirq", nr, {PHYSDEVOP_map_pirq, data}, -XEN_EPERM},
                     {"apic_read", nr, {PHYSDEVOP_apic_read, data}, -XEN_EPERM},
                     {"unknown", nr, {99, data}, -XEN_ENOSYS},
                     {"old form", __HYPERVISOR_physdev_op_compat, {data}, -XEN_ENOSYS},
                     {"old form nowhere", __HYPERVISOR_physdev_op_compat, {nowhere}, -XEN_EFAULT},
                 });
    small.put(data, std::uint32_t{PHYSDEVOP_set_iopl});
    small.put(data + offsetof(physdev_op_t, u), std::uint32_t{3});
    check(small, {{"old form", __HYPERVISOR_physdev_op_compat, {data}, 0}});
    EXPECT_EQ(small.vcpu().iopl, 3u);
}

TEST(Hypercalls, scheduling) {
    SmallDomain small;
    constexpr std::uint64_t nr = __HYPERVISOR_sched_op;
    small.put(data, std::uint64_t{0});
    check(small,
          {
              {"yield", nr, {SCHEDOP_yield}, 0},
              {"shutdown nowhere", nr, {SCHEDOP_shutdown, nowhere}, -XEN_EFAULT},
              {"poll nowhere", nr, {SCHEDOP_poll, nowhere}, -XEN_EFAULT},
              {"watchdog nowhere", nr, {SCHEDOP_watchdog, nowhere}, -XEN_EFAULT},
              {"pin_override", nr, {SCHEDOP_pin_override, data}, -XEN_EPERM},
              {"remote_shutdown of Domain-0", nr, {SCHEDOP_remote_shutdown, data}, -XEN_EPERM},
              {"unknown", nr, {8, data}, -XEN_ENOSYS},
              {"old yield", __HYPERVISOR_sched_op_compat, {SCHEDOP_yield}, 0},
              {"old unknown", __HYPERVISOR_sched_op_compat, {SCHEDOP_poll}, -XEN_ENOSYS},
          });
    EXPECT_EQ(small.hypercall_with(nr, SCHEDOP_remote_shutdown, sched_remote_shutdown{1, 0}),
              -XEN_EPERM);
    EXPECT_EQ(small.hypercall_with(nr, SCHEDOP_remote_shutdown, sched_remote_shutdown{7, 0}),
              -XEN_ESRCH);
    EXPECT_EQ(small.hypercall_with(nr, SCHEDOP_shutdown, sched_shutdown{SHUTDOWN_suspend}), 1)
        << "cancelled";
    EXPECT_EQ(small.domain.shutdown_reason(), std::nullopt);
}

TEST(Hypercalls, shut_down_with_their_reason) {
    for (const std::uint32_t reason :
         {SHUTDOWN_poweroff, SHUTDOWN_reboot, SHUTDOWN_crash, SHUTDOWN_watchdog, 77}) {
        SmallDomain small;
        EXPECT_EQ(
            small.hypercall_with(__HYPERVISOR_sched_op, SCHEDOP_shutdown, sched_shutdown{reason}),
            0);
        EXPECT_EQ(small.domain.shutdown_reason(), reason);
        EXPECT_EQ(small.last, Domain::Next::stop);
        EXPECT_EQ(small.hypervisor.shutdowns, 1);
    }
    SmallDomain latched;
    latched.hypercall_with(__HYPERVISOR_sched_op, SCHEDOP_shutdown_code,
                           sched_shutdown{SHUTDOWN_crash});
    latched.hypercall_with(__HYPERVISOR_sched_op, SCHEDOP_shutdown,
                           sched_shutdown{SHUTDOWN_poweroff});
    EXPECT_EQ(latched.domain.shutdown_reason(), std::uint32_t{SHUTDOWN_crash});
}

TEST(Hypercalls, event_channels_by_memory) {
    SmallDomain small;
    constexpr std::uint64_t nr = __HYPERVISOR_event_channel_op;
    EXPECT_EQ(
        small.hypercall_with(nr, EVTCHNOP_alloc_unbound, evtchn_alloc_unbound{DOMID_SELF, 0, 0}),
        0);
    EXPECT_EQ(small.argument<evtchn_alloc_unbound>().port, 3u);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_alloc_unbound, evtchn_alloc_unbound{0, 1, 0}),
              -XEN_EPERM);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_alloc_unbound, evtchn_alloc_unbound{9, 1, 0}),
              -XEN_ESRCH);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_bind_virq, evtchn_bind_virq{VIRQ_TIMER, 0, 0}), 0);
    EXPECT_EQ(small.argument<evtchn_bind_virq>().port, 4u);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_bind_ipi, evtchn_bind_ipi{0, 0}), 0);
    EXPECT_EQ(small.argument<evtchn_bind_ipi>().port, 5u);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_bind_pirq, evtchn_bind_pirq{1, 0, 0}), -XEN_EPERM);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_bind_interdomain,
                                   evtchn_bind_interdomain{DOMID_SELF, 3, 0}),
              -XEN_EINVAL)
        << "offered to Domain-0, not to itself";

    const auto status = [&](domid_t domain, std::uint32_t port) {
        evtchn_status request{};
        request.dom = domain;
        request.port = port;
        return small.hypercall_with(nr, EVTCHNOP_status, request);
    };
    EXPECT_EQ(status(DOMID_SELF, 4), 0);
    EXPECT_EQ(small.argument<evtchn_status>().status, std::uint32_t{EVTCHNSTAT_virq});
    EXPECT_EQ(status(1, 3), 0);
    EXPECT_EQ(small.argument<evtchn_status>().status, std::uint32_t{EVTCHNSTAT_unbound});
    EXPECT_EQ(status(DOMID_SELF, 9), 0);
    EXPECT_EQ(small.argument<evtchn_status>().status, std::uint32_t{EVTCHNSTAT_closed});
    EXPECT_EQ(status(DOMID_SELF, 4096), -XEN_EINVAL);
    EXPECT_EQ(status(0, 1), -XEN_EPERM);
    EXPECT_EQ(status(5, 1), -XEN_ESRCH);

    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_send, evtchn_send{5}), 0);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_unmask, evtchn_unmask{5}), 0);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_bind_vcpu, evtchn_bind_vcpu{3, 0}), 0);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_close, evtchn_close{5}), 0);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_send, evtchn_send{5}), -XEN_EINVAL);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_reset, evtchn_reset{0}), -XEN_EPERM);
    EXPECT_EQ(small.hypercall_with(nr, EVTCHNOP_reset, evtchn_reset{DOMID_SELF}), 0);
    std::vector<Row> rows{
        {"init_control", nr, {EVTCHNOP_init_control, data}, -XEN_ENOSYS},
        {"expand_array", nr, {EVTCHNOP_expand_array, data}, -XEN_EOPNOTSUPP},
        {"set_priority", nr, {EVTCHNOP_set_priority, data}, -XEN_ENOSYS},
        {"unknown", nr, {14, data}, -XEN_ENOSYS},
        {"old form nowhere", __HYPERVISOR_event_channel_op_compat, {nowhere}, -XEN_EFAULT},
    };
    for (std::uint64_t operation = 0; operation <= EVTCHNOP_reset; ++operation) {
        rows.push_back({"nowhere", nr, {operation, nowhere}, -XEN_EFAULT});
    }
    check(small, rows);
    // The argument can be read, but not be answered.
    check(small, {{"read-only",
                   __HYPERVISOR_update_va_mapping,
                   {data + 0x4000, small.p2m[4].raw << 12 | SmallDomain::present, 0},
                   0},
                  {"bind_ipi", nr, {EVTCHNOP_bind_ipi, data + 0x4000}, -XEN_EFAULT}});
}

TEST(Hypercalls, grant_tables) {
    SmallDomain small;
    constexpr std::uint64_t nr = __HYPERVISOR_grant_table_op;
    EXPECT_EQ(small.hypercall_with(nr, GNTTABOP_query_size, gnttab_query_size{DOMID_SELF, 0, 0, 9}),
              0);
    EXPECT_EQ(small.argument<gnttab_query_size>().nr_frames, 1u);
    EXPECT_EQ(small.argument<gnttab_query_size>().max_nr_frames, 64u);
    EXPECT_EQ(small.argument<gnttab_query_size>().status, GNTST_okay);
    EXPECT_EQ(small.hypercall_with(nr, GNTTABOP_query_size, gnttab_query_size{9, 0, 0, 0}), 0);
    EXPECT_EQ(small.argument<gnttab_query_size>().status, GNTST_bad_domain);
    EXPECT_EQ(small.hypercall_with(nr, GNTTABOP_query_size, gnttab_query_size{0, 0, 0, 0}), 0);
    EXPECT_EQ(small.argument<gnttab_query_size>().status, GNTST_permission_denied);
    EXPECT_EQ(small.hypercall_with(nr, GNTTABOP_set_version, gnttab_set_version{1}), 0);
    EXPECT_EQ(small.hypercall_with(nr, GNTTABOP_set_version, gnttab_set_version{2}), -XEN_ENOSYS);
    EXPECT_EQ(small.argument<gnttab_set_version>().version, 1u);
    EXPECT_EQ(small.hypercall_with(nr, GNTTABOP_set_version, gnttab_set_version{3}), -XEN_EINVAL);
    EXPECT_EQ(small.hypercall_with(nr, GNTTABOP_get_version, gnttab_get_version{DOMID_SELF, 0, 0}),
              0);
    EXPECT_EQ(small.argument<gnttab_get_version>().version, 1u);

    const auto set_up = [&](std::uint32_t frames, std::uint64_t list) {
        gnttab_setup_table request{};
        request.dom = DOMID_SELF;
        request.nr_frames = frames;
        request.frame_list.p = reinterpret_cast<xen_pfn_t*>(list);
        EXPECT_EQ(small.hypercall_with(nr, GNTTABOP_setup_table, request), 0);
        return small.argument<gnttab_setup_table>().status;
    };
    EXPECT_EQ(set_up(2, out), GNTST_okay);
    EXPECT_EQ(set_up(65, out), GNTST_general_error);
    EXPECT_EQ(set_up(2, nowhere), GNTST_bad_virt_addr);
    // The guest maps the table and finds the grants of its rings.
    const std::uint64_t table = small.get64(out);
    EXPECT_EQ(small.hypercall(
                  __HYPERVISOR_update_va_mapping,
                  {data + 0x4000, table << 12 | SmallDomain::present | SmallDomain::writable, 0}),
              0);
    const auto console = small.get<grant_entry_v1>(data + 0x4000);
    EXPECT_EQ(console.flags, GTF_permit_access);
    EXPECT_EQ(console.domid, 0);
    EXPECT_EQ(console.frame, small.p2m[30].raw);

    std::vector<Row> rows{{"negative count", nr, {GNTTABOP_copy, data, 0x8000'0000}, -XEN_EINVAL},
                          {"unknown", nr, {13, data, 1}, -XEN_ENOSYS},
                          {"continued", nr, {0x1000 | GNTTABOP_copy, data, 1}, -XEN_EINVAL},
                          {"two tables", nr, {GNTTABOP_setup_table, data, 2}, -XEN_EINVAL},
                          {"nothing", nr, {GNTTABOP_copy, nowhere, 0}, 0}};
    for (const std::uint64_t operation : {0, 1, 2, 4, 5, 6, 7, 8, 10, 11, 12}) {
        rows.push_back({"nowhere", nr, {operation, nowhere, 1}, -XEN_EFAULT});
    }
    check(small, rows);
    EXPECT_EQ(small.hypercall_with(nr, GNTTABOP_unmap_grant_ref, gnttab_unmap_grant_ref{}), 0);
    EXPECT_EQ(small.argument<gnttab_unmap_grant_ref>().status, GNTST_bad_handle);
}

TEST(Hypercalls, copy_between_frames_that_are_own_or_granted) {
    SmallDomain small, other{1, DomainId{2}};
    // Copies between domains: grants_test.
    const auto copy = [&](gnttab_copy request) {
        EXPECT_EQ(small.hypercall_with(__HYPERVISOR_grant_table_op, GNTTABOP_copy, request), 0);
        return small.argument<gnttab_copy>().status;
    };
    gnttab_copy own{};
    own.source.domid = own.dest.domid = DOMID_SELF;
    own.source.u.gmfn = small.p2m[3].raw;
    own.dest.u.gmfn = small.p2m[4].raw;
    own.source.offset = 8;
    own.len = 16;
    small.put(data + 0x3008, std::uint64_t{0x1234});
    EXPECT_EQ(copy(own), GNTST_okay);
    EXPECT_EQ(small.get64(data + 0x4000), 0x1234u);

    const auto with = [&](auto change) {
        gnttab_copy changed = own;
        change(changed);
        return copy(changed);
    };
    EXPECT_EQ(with([](auto& c) { c.source.offset = 4090; }), GNTST_bad_copy_arg);
    EXPECT_EQ(with([](auto& c) { c.dest.offset = 4090; }), GNTST_bad_copy_arg);
    EXPECT_EQ(with([](auto& c) { c.source.domid = 9; }), GNTST_bad_domain);
    EXPECT_EQ(with([](auto& c) { c.source.domid = 0; }), GNTST_permission_denied);
    EXPECT_EQ(with([](auto& c) { c.source.u.gmfn = 7; }), GNTST_bad_page);
    EXPECT_EQ(with([&](auto& c) { c.dest.u.gmfn = small.table_mfn(1); }), GNTST_general_error);
    small.hypervisor.others[2] = &other.domain;
    EXPECT_EQ(with([](auto& c) { c.source.domid = 2; }), GNTST_permission_denied);

    // By grants of its own.
    ASSERT_TRUE(small.domain.grants().grow(1));
    const auto frame = static_cast<std::uint32_t>(small.p2m[5].raw);
    small.domain.grants().set_entry(8, {GTF_permit_access, 1, frame});
    small.domain.grants().set_entry(9, {GTF_permit_access | GTF_readonly, 1, frame});
    small.domain.grants().set_entry(10, {GTF_permit_access, 2, frame});
    small.put(data + 0x5008, std::uint64_t{0x5678});
    const auto by_reference = [&](grant_ref_t ref, std::uint16_t flag) {
        return with([&](auto& c) {
            c.flags = flag;
            (flag == GNTCOPY_source_gref ? c.source : c.dest).u.ref = ref;
        });
    };
    EXPECT_EQ(by_reference(9, GNTCOPY_source_gref), GNTST_okay);
    EXPECT_EQ(small.get64(data + 0x4000), 0x5678u);
    EXPECT_EQ(by_reference(9, GNTCOPY_dest_gref), GNTST_general_error) << "read-only";
    EXPECT_EQ(by_reference(8, GNTCOPY_dest_gref), GNTST_okay);
    EXPECT_EQ(by_reference(10, GNTCOPY_source_gref), GNTST_general_error) << "somebody else's";
    EXPECT_EQ(by_reference(512, GNTCOPY_source_gref), GNTST_bad_gntref);
    EXPECT_EQ(by_reference(~0u, GNTCOPY_source_gref), GNTST_bad_gntref);
}

}  // namespace
}  // namespace ring3
