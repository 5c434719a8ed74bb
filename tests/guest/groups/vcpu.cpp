// SPDX-License-Identifier: MIT
// vcpu_op: states, registered areas, and bringing up vCPUs that do not exist.
#include "hv/abi/vcpu.hpp"
#include "hv/abi/version.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"

namespace guest {
namespace {

long vcpu_op(unsigned command, unsigned vcpu, volatile void* argument_) {
    return hypercall(__HYPERVISOR_vcpu_op, command, vcpu, argument_);
}

void check_states() {
    report("is_up", vcpu_op(VCPUOP_is_up, 0, nullptr));
    report("is_up.other", vcpu_op(VCPUOP_is_up, 1, nullptr));
    report("is_up.8191", vcpu_op(VCPUOP_is_up, 8191, nullptr));
    report("up.self", vcpu_op(VCPUOP_up, 0, nullptr));
    report("up.other", vcpu_op(VCPUOP_up, 1, nullptr));
    static vcpu_guest_context context;
    report("initialise.self", vcpu_op(VCPUOP_initialise, 0, &context));
    report("initialise.other", vcpu_op(VCPUOP_initialise, 1, &context));
    report("get_physid", vcpu_op(VCPUOP_get_physid, 0, &context));
    report("send_nmi.other", vcpu_op(VCPUOP_send_nmi, 1, nullptr));
}

void check_runstate() {
    static volatile vcpu_runstate_info runstate;
    report("runstate.get", vcpu_op(VCPUOP_get_runstate_info, 0, &runstate));
    report("runstate.state", runstate.state);
    report_bool("runstate.has_run", runstate.time[RUNSTATE_running] != 0);
    static vcpu_register_runstate_memory_area area{};
    runstate.state = 99;
    area.addr.v = const_cast<vcpu_runstate_info*>(&runstate);
    report("runstate.register", vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area));
    report("runstate.registered_state", runstate.state);
    area.addr.p = unmapped;
    report("runstate.register_unmapped", vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area));
    area.addr.p = inside_xen;
    report("runstate.register_inside_xen", vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area));
    area.addr.p = 0;
    report("runstate.register_null", vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area));
}

void check_time_area() {
    static volatile vcpu_time_info time;
    static vcpu_register_time_memory_area area{};
    area.addr.v = const_cast<vcpu_time_info*>(&time);
    report("time_area.register", vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &area));
    report_bool("time_area.is_filled", time.tsc_to_system_mul != 0);
    area.addr.p = 0;
    report("time_area.register_null", vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &area));
}

/// Last, since it moves vcpu_info away from where the library looks; it is put back by nobody, so
/// the events are masked in the new place and the group ends.
void check_vcpu_info() {
    auto* page = static_cast<unsigned char*>(take_page());
    vcpu_register_vcpu_info info{};
    const auto attempt = [&](const char* name, std::uint64_t mfn, unsigned offset) {
        info.mfn = mfn;
        info.offset = offset;
        report(name, vcpu_op(VCPUOP_register_vcpu_info, 0, &info));
    };
    attempt("info.past_page", mfn_of(page), 4096 - 32);
    attempt("info.last", mfn_of(page), 4095);
    attempt("info.mfn_not_there", 0xf'ffff'ffff, 0);
    attempt("info.page_table", mfn_of(reinterpret_cast<const void*>(start()->pt_base)), 0);
    info.mfn = mfn_of(page);
    info.offset = 256;
    report("info.other_vcpu", vcpu_op(VCPUOP_register_vcpu_info, 1, &info));
    this_vcpu().evtchn_upcall_mask = 1;
    attempt("info.good", mfn_of(page), 256);
    const auto& moved = *reinterpret_cast<volatile vcpu_info*>(page + 256);
    report_hex("info.mask", moved.evtchn_upcall_mask);
    report_hex("info.pending", moved.evtchn_upcall_pending);
    report_hex("info.pending_sel", moved.evtchn_pending_sel);
    report_bool("info.time_is_copied", moved.time.tsc_to_system_mul != 0);
    attempt("info.twice", mfn_of(page), 256);
    report("info.page_becomes_table", make_read_only(page));
    mmuext_op op{};
    op.cmd = MMUEXT_PIN_L1_TABLE;
    op.arg1.mfn = mfn_of(page);
    report("info.pin", hypercall(__HYPERVISOR_mmuext_op, &op, 1, nullptr, DOMID_SELF));
    make_writable(page);
}

}  // namespace

void check_vcpu() {
    check_states();
    check_runstate();
    check_time_area();
    check_vcpu_info();
}

}  // namespace guest
