// SPDX-License-Identifier: MIT
// memory_op: reservations given back and taken, the memory map, and the machine-to-phys table's
// place.
#include "hv/abi/memory.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"
#include "tests/guest/kernel/trap.hpp"

namespace guest {
namespace {

long memory_op(unsigned command, volatile void* argument_) {
    return hypercall(__HYPERVISOR_memory_op, command, argument_);
}

xen_memory_reservation reservation(std::uint64_t* frames, std::uint64_t count, unsigned order = 0) {
    xen_memory_reservation r{};
    r.extent_start.p = frames;
    r.nr_extents = count;
    r.extent_order = order;
    r.domid = DOMID_SELF;
    return r;
}

void check_reservations() {
    void* page = take_page();
    std::uint64_t frame = mfn_of(page);
    const std::uint64_t pfn = m2p(frame);
    domid_t self = DOMID_SELF;
    const long before = memory_op(XENMEM_current_reservation, &self);
    report_bool("current.is_positive", before > 0);
    report_bool("maximum.at_least_current",
                memory_op(XENMEM_maximum_reservation, &self) >= before ||
                    memory_op(XENMEM_maximum_reservation, &self) < 0);
    report_bool("maximum_ram_page.is_positive", memory_op(XENMEM_maximum_ram_page, nullptr) > 0);

    auto r = reservation(&frame, 1);
    report("decrease.still_mapped", memory_op(XENMEM_decrease_reservation, &r));
    report("decrease.count_after_mapped", memory_op(XENMEM_current_reservation, &self) - before);
    report("decrease.unmap", map(argument(page), 0));
    report("decrease.count_after_unmap", memory_op(XENMEM_current_reservation, &self) - before);
    report("decrease.again", memory_op(XENMEM_decrease_reservation, &r));
    report("decrease.map_what_is_gone", map(argument(page), frame << 12 | entry::read_write));

    std::uint64_t wanted = pfn;
    r = reservation(&wanted, 1);
    report("populate", memory_op(XENMEM_populate_physmap, &r));
    report_bool("populate.m2p", m2p(wanted) == pfn);
    report("populate.map", map(argument(page), wanted << 12 | entry::read_write));
    report_hex("populate.is_zeroed", *static_cast<volatile std::uint64_t*>(page));
    report("populate.count_after", memory_op(XENMEM_current_reservation, &self) - before);

    std::uint64_t bad = 0xf'ffff'ffff;
    r = reservation(&bad, 1);
    report("decrease.mfn_not_there", memory_op(XENMEM_decrease_reservation, &r));
    r = reservation(&frame, 0);
    report("decrease.none", memory_op(XENMEM_decrease_reservation, &r));
    r = reservation(reinterpret_cast<std::uint64_t*>(unmapped), 1);
    report("decrease.list_unmapped", memory_op(XENMEM_decrease_reservation, &r));
    report("populate.list_unmapped", memory_op(XENMEM_populate_physmap, &r));
    r = reservation(&frame, 1, 40);
    report("decrease.huge_order", memory_op(XENMEM_decrease_reservation, &r));
    report("increase.huge_order", memory_op(XENMEM_increase_reservation, &r));
    r = reservation(&frame, ~std::uint64_t{0});
    report("decrease.huge_count", memory_op(XENMEM_decrease_reservation, &r));
    r = reservation(&frame, 1);
    r.domid = 0x1234;
    report("decrease.domain_not_there", memory_op(XENMEM_decrease_reservation, &r));
    std::uint64_t table = mfn_of(reinterpret_cast<const void*>(start()->pt_base));
    r = reservation(&table, 1);
    report("decrease.l4_in_use", memory_op(XENMEM_decrease_reservation, &r));
    report("decrease.l4_still_works", map(spare_address(), 0));
}

void check_maps() {
    static ring3::abi::E820Entry entries[32];
    xen_memory_map memory_map{};
    memory_map.nr_entries = 32;
    memory_map.buffer.p = entries;
    report("map", memory_op(XENMEM_memory_map, &memory_map));
    report_bool("map.has_entries", memory_map.nr_entries != 0);
    if (!is_dom0()) {
        report_hex("map.start", entries[0].address);
        report_bool("map.covers_memory", entries[0].size >= start()->nr_pages * 4096);
        report("map.type", entries[0].type);
    }
    memory_map.nr_entries = 32;
    memory_map.buffer.p = reinterpret_cast<void*>(unmapped);
    report("map.buffer_unmapped", memory_op(XENMEM_memory_map, &memory_map));
    xen_machphys_mapping mapping{};
    report("m2p", memory_op(XENMEM_machphys_mapping, &mapping));
    report_hex("m2p.start", mapping.v_start);
    report_bool("m2p.end_is_behind", mapping.v_end > mapping.v_start);
    report_bool("m2p.max_mfn_fits", mapping.max_mfn < (mapping.v_end - mapping.v_start) / 8);
    report("machine_memory_map.null", memory_op(XENMEM_machine_memory_map, nullptr));
    report("add_to_physmap", memory_op(XENMEM_add_to_physmap, &mapping));
    report("exchange.null", memory_op(XENMEM_exchange, nullptr));
}

}  // namespace

void check_memory_op() {
    check_reservations();
    check_maps();
}

}  // namespace guest
