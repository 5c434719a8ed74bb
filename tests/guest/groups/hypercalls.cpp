// SPDX-License-Identifier: MIT
// What hypercalls answer to numbers, operations and pointers that do not exist, family by family.
#include "hv/abi/callback.hpp"
#include "hv/abi/event_channel.hpp"
#include "hv/abi/grant_table.hpp"
#include "hv/abi/memory.hpp"
#include "hv/abi/physdev.hpp"
#include "hv/abi/sched.hpp"
#include "hv/abi/vcpu.hpp"
#include "hv/abi/version.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"

namespace guest {
namespace {

void check_numbers() {
    for (const std::uint64_t number :
         {7u, 9u, 11u, 27u, 41u, 47u, 55u, 56u, 63u, 64u, 127u, 128u, 1000u}) {
        Line("number").number(static_cast<long>(number)).number(hypercall(number));
    }
    report("number.negative", hypercall(~std::uint64_t{0}));
    report("number.above_32_bits", hypercall(0x1'0000'0011, XENVER_version));
}

void check_operations() {
    constexpr unsigned bad = 99;
    report("event_channel_op.unknown", hypercall(__HYPERVISOR_event_channel_op, bad, unmapped));
    report("sched_op.unknown", hypercall(__HYPERVISOR_sched_op, bad, unmapped));
    report("vcpu_op.unknown", hypercall(__HYPERVISOR_vcpu_op, bad, 0, unmapped));
    report("vcpu_op.no_vcpu", hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1000, nullptr));
    report("vcpu_op.negative_vcpu", hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, ~0u, nullptr));
    report("memory_op.unknown", hypercall(__HYPERVISOR_memory_op, 60, unmapped));
    report("xen_version.unknown", hypercall(__HYPERVISOR_xen_version, bad, unmapped));
    report("physdev_op.unknown", hypercall(__HYPERVISOR_physdev_op, bad, unmapped));
    report("callback_op.unknown", hypercall(__HYPERVISOR_callback_op, bad, unmapped));
    report("grant_table_op.unknown", hypercall(__HYPERVISOR_grant_table_op, bad, unmapped, 1));
    report("vm_assist.unknown_command", hypercall(__HYPERVISOR_vm_assist, bad, 0));
    report("vm_assist.unknown_type", hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 31));
    report("vm_assist.type_above_63", hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 64));
    report("set_segment_base.unknown", hypercall(__HYPERVISOR_set_segment_base, bad, 0));
    report("set_debugreg.unknown", hypercall(__HYPERVISOR_set_debugreg, 8, 0));
    report("get_debugreg.unknown", hypercall(__HYPERVISOR_get_debugreg, 8));
}

void check_pointers() {
    struct Place {
        const char* name;
        std::uint64_t address;
    };
    const Place places[] = {{"null", 0},
                            {"unmapped", unmapped},
                            {"not_canonical", not_canonical},
                            {"inside_xen", inside_xen}};
    for (const Place& place : places) {
        const std::uint64_t p = place.address;
        const auto answer = [&](const char* name, long result) {
            Line(name).text(" ").text(place.name).number(result);
        };
        answer("pointer.mmu_update", hypercall(__HYPERVISOR_mmu_update, p, 1, nullptr, DOMID_SELF));
        answer("pointer.mmuext_op", hypercall(__HYPERVISOR_mmuext_op, p, 1, nullptr, DOMID_SELF));
        answer("pointer.multicall", hypercall(__HYPERVISOR_multicall, p, 1));
        answer("pointer.set_gdt", hypercall(__HYPERVISOR_set_gdt, p, 1));
        answer("pointer.version.extraversion",
               hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, p));
        answer("pointer.version.features",
               hypercall(__HYPERVISOR_xen_version, XENVER_get_features, p));
        answer("pointer.event.send", hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, p));
        answer("pointer.event.bind_virq",
               hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, p));
        answer("pointer.sched.poll", hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, p));
        answer("pointer.sched.shutdown", hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, p));
        answer("pointer.vcpu.register_info",
               hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, p));
        answer("pointer.vcpu.singleshot",
               hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, p));
        answer("pointer.vcpu.runstate",
               hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, p));
        answer("pointer.memory.map", hypercall(__HYPERVISOR_memory_op, XENMEM_memory_map, p));
        answer("pointer.memory.m2p", hypercall(__HYPERVISOR_memory_op, XENMEM_machphys_mapping, p));
        answer("pointer.memory.decrease",
               hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, p));
        answer("pointer.physdev.set_iopl",
               hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, p));
        answer("pointer.callback", hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, p));
        answer("pointer.grant.query_size",
               hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, p, 1));
    }
    // A null list of traps means "none", so it is not among these.
    report("pointer.set_trap_table unmapped", hypercall(__HYPERVISOR_set_trap_table, unmapped));
    report("pointer.set_trap_table not_canonical",
           hypercall(__HYPERVISOR_set_trap_table, not_canonical));
}

void check_callbacks() {
    const auto answer = [](unsigned type, std::uint64_t address) {
        callback_register callback{};
        callback.type = static_cast<std::uint16_t>(type);
        callback.address = address;
        return hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &callback);
    };
    report("callback.unknown_type", answer(99, 0x1000));
    report("callback.not_canonical", answer(CALLBACKTYPE_sysenter, not_canonical));
    report("callback.nmi", answer(CALLBACKTYPE_nmi, 0x1000));
    callback_unregister nmi{};
    nmi.type = CALLBACKTYPE_nmi;
    report("callback.unregister_nmi",
           hypercall(__HYPERVISOR_callback_op, CALLBACKOP_unregister, &nmi));
    callback_unregister event{};
    event.type = CALLBACKTYPE_event;
    report("callback.unregister_event",
           hypercall(__HYPERVISOR_callback_op, CALLBACKOP_unregister, &event));
}

void check_version() {
    report_hex("version",
               static_cast<std::uint64_t>(hypercall(__HYPERVISOR_xen_version, XENVER_version, 0)));
    xen_feature_info features{};
    report("features.result", hypercall(__HYPERVISOR_xen_version, XENVER_get_features, &features));
    // Bit 11 says whether this is a domain 0.
    report_hex("features", features.submap & ~(1u << XENFEAT_dom0));
    features.submap_idx = 1;
    report("features.other_submap",
           hypercall(__HYPERVISOR_xen_version, XENVER_get_features, &features));
    report("pagesize", hypercall(__HYPERVISOR_xen_version, XENVER_pagesize, 0));
    xen_capabilities_info_t capabilities{};
    report("capabilities.result",
           hypercall(__HYPERVISOR_xen_version, XENVER_capabilities, capabilities));
    Line("capabilities").text(" ").text(capabilities);
    xen_platform_parameters parameters{};
    report("platform.result",
           hypercall(__HYPERVISOR_xen_version, XENVER_platform_parameters, &parameters));
    report_hex("platform.virt_start", parameters.virt_start);
    unsigned char handle[16];
    report("guest_handle.result", hypercall(__HYPERVISOR_xen_version, XENVER_guest_handle, handle));
}

void check_iopl() {
    const auto set_iopl = [](unsigned level) {
        physdev_set_iopl iopl{level};
        return hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
    };
    report("set_iopl.4", set_iopl(4));
    report("set_iopl.3", set_iopl(3));
    report("set_iopl.0", set_iopl(0));
}

extern "C" std::uint64_t hypercall_register_changes(std::uint64_t* rcx_offset, std::uint64_t* r11);

void check_registers() {
    std::uint64_t rcx_offset = 0, r11 = 0;
    // One bit per register, in encoding order, that an xen_version(0) changed, rax, rcx, r11 apart.
    report_hex("registers.changed", hypercall_register_changes(&rcx_offset, &r11));
    report_hex("registers.rcx_behind_syscall", rcx_offset);
    report_hex("registers.r11", r11);
}

}  // namespace

void check_hypercalls() {
    check_numbers();
    check_operations();
    check_pointers();
    check_callbacks();
    check_version();
    check_iopl();
    check_registers();
}

}  // namespace guest
