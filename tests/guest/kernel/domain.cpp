// SPDX-License-Identifier: MIT
#include "tests/guest/kernel/domain.hpp"

#include "hv/abi/sched.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"

namespace guest {
namespace {

const start_info* info = nullptr;
alignas(4096) unsigned char shared_info_place[4096];

}  // namespace

void remember_start(const start_info* given) { info = given; }
const start_info* start() { return info; }
bool is_dom0() { return (info->flags & SIF_INITDOMAIN) != 0; }

shared_info& shared() { return *reinterpret_cast<shared_info*>(shared_info_place); }
vcpu_info& this_vcpu() { return shared().vcpu_info[0]; }

void start_domain() {
    hypercall(__HYPERVISOR_update_va_mapping, shared_info_place,
              info->shared_info | entry::read_write, UVMF_INVLPG);
    // What the back ends send may come at any time: no check shall see it that does not ask for it.
    for (auto& word : shared().evtchn_mask) word = ~xen_ulong_t{0};
    for (auto& word : shared().evtchn_pending) word = 0;
    this_vcpu().evtchn_pending_sel = 0;
    this_vcpu().evtchn_upcall_pending = 0;
}

void shut_down(unsigned reason) {
    sched_shutdown shutdown{reason};
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &shutdown);
    for (;;) hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, nullptr);
}

}  // namespace guest
