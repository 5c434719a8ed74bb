// SPDX-License-Identifier: MIT
// multicall: results per call, and what may stand inside of one.
#include "hv/abi/sched.hpp"
#include "hv/abi/version.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"

namespace guest {
namespace {

multicall_entry call(std::uint64_t number, std::uint64_t a0 = 0, std::uint64_t a1 = 0,
                     std::uint64_t a2 = 0, std::uint64_t a3 = 0) {
    multicall_entry entry{};
    entry.op = number;
    entry.result = 0x77;
    entry.args[0] = a0;
    entry.args[1] = a1;
    entry.args[2] = a2;
    entry.args[3] = a3;
    return entry;
}
long result_of(const multicall_entry& entry) { return static_cast<long>(entry.result); }

}  // namespace

void check_multicall() {
    static multicall_entry calls[4];
    calls[0] = call(__HYPERVISOR_xen_version, XENVER_version);
    calls[1] = call(99);
    calls[2] = call(__HYPERVISOR_sched_op, 99);
    calls[3] = call(__HYPERVISOR_xen_version, XENVER_pagesize);
    report("mixed", hypercall(__HYPERVISOR_multicall, calls, 4));
    for (const multicall_entry& entry : calls) report("mixed.result", result_of(entry));
    report("none", hypercall(__HYPERVISOR_multicall, calls, 0));
    report("null_and_none", hypercall(__HYPERVISOR_multicall, 0, 0));

    // The list reaches from a mapped page into one that is not.
    auto* pages = static_cast<unsigned char*>(take_page());
    auto* second = static_cast<unsigned char*>(take_page());
    auto* list = reinterpret_cast<multicall_entry*>(second - sizeof(multicall_entry));
    list[0] = call(__HYPERVISOR_xen_version, XENVER_pagesize);
    map(argument(second), 0);
    report("end_unmapped", hypercall(__HYPERVISOR_multicall, list, 2));
    report("end_unmapped.first_result", result_of(list[0]));
    make_writable(second);
    list[0] = call(__HYPERVISOR_xen_version, XENVER_pagesize);
    make_read_only(pages);
    report("read_only_list", hypercall(__HYPERVISOR_multicall, list, 1));
    report("read_only_list.result", result_of(list[0]));
    make_writable(pages);

    calls[0] = call(__HYPERVISOR_multicall, argument(calls + 1), 1);
    calls[1] = call(__HYPERVISOR_xen_version, XENVER_version);
    report("nested", hypercall(__HYPERVISOR_multicall, calls, 1));
    report("nested.result", result_of(calls[0]));
    report("nested.inner_result", result_of(calls[1]));
    calls[0] = call(__HYPERVISOR_update_va_mapping, spare_address(), 0, UVMF_INVLPG);
    calls[1] = call(__HYPERVISOR_update_va_mapping, not_canonical, 0, 0);
    calls[2] = call(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    report("mappings", hypercall(__HYPERVISOR_multicall, calls, 3));
    for (unsigned i = 0; i < 3; ++i) report("mappings.result", result_of(calls[i]));
}

}  // namespace guest
