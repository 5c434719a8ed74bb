// SPDX-License-Identifier: MIT
// grant_table_op: set-up, sizes, versions, and references that do not exist.
#include "hv/abi/grant_table.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"

namespace guest {
namespace {

template <class T>
long op(unsigned command, T& argument_, unsigned count = 1) {
    return hypercall(__HYPERVISOR_grant_table_op, command, &argument_, count);
}

}  // namespace

void check_grants() {
    gnttab_query_size size{};
    size.dom = DOMID_SELF;
    report("query_size", op(GNTTABOP_query_size, size));
    report("query_size.status", size.status);
    report_bool("query_size.has_frames", size.max_nr_frames > 0);
    size.dom = 0x1234;
    report("query_size.no_domain", op(GNTTABOP_query_size, size));
    report("query_size.no_domain_status", size.status);

    gnttab_get_version version{};
    version.dom = DOMID_SELF;
    report("get_version", op(GNTTABOP_get_version, version));
    report("get_version.version", static_cast<long>(version.version));
    gnttab_set_version set{};
    for (const unsigned wanted : {0u, 3u, 1u}) {
        set.version = wanted;
        const long result = op(GNTTABOP_set_version, set);
        Line("set_version").number(wanted).number(result).number(set.version);
    }

    static std::uint64_t frames[64];
    gnttab_setup_table setup{};
    setup.dom = DOMID_SELF;
    setup.nr_frames = 1;
    setup.frame_list.p = frames;
    report("setup_table", op(GNTTABOP_setup_table, setup));
    report("setup_table.status", setup.status);
    report("setup_table.map", map(spare_address(), frames[0] << 12 | entry::read_write));
    setup.nr_frames = 1'000'000;
    report("setup_table.too_many", op(GNTTABOP_setup_table, setup));
    report("setup_table.too_many_status", setup.status);
    setup.nr_frames = 1;
    setup.dom = 0x1234;
    report("setup_table.no_domain", op(GNTTABOP_setup_table, setup));
    report("setup_table.no_domain_status", setup.status);
    setup.dom = DOMID_SELF;
    setup.frame_list.p = reinterpret_cast<std::uint64_t*>(unmapped);
    report("setup_table.list_unmapped", op(GNTTABOP_setup_table, setup));
    report("setup_table.list_unmapped_status", setup.status);

    gnttab_unmap_grant_ref unmap{};
    unmap.handle = 12345;
    report("unmap.bad_handle", op(GNTTABOP_unmap_grant_ref, unmap));
    report("unmap.bad_handle_status", unmap.status);
    gnttab_map_grant_ref map_ref{};
    map_ref.dom = 0x1234;
    map_ref.flags = GNTMAP_host_map;
    map_ref.host_addr = spare_address();
    report("map.no_domain", op(GNTTABOP_map_grant_ref, map_ref));
    report("map.no_domain_status", map_ref.status);
    map_ref.flags = 0;
    report("map.no_flags", op(GNTTABOP_map_grant_ref, map_ref));
    report("map.no_flags_status", map_ref.status);
    gnttab_copy copy{};
    copy.source.domid = 0x1234;
    copy.dest.domid = DOMID_SELF;
    copy.len = 8;
    report("copy.no_domain", op(GNTTABOP_copy, copy));
    report("copy.no_domain_status", copy.status);
    auto* from = static_cast<volatile std::uint64_t*>(take_page());
    auto* to = static_cast<volatile std::uint64_t*>(take_page());
    from[1] = 0x1234;
    copy = {};
    copy.source.domid = copy.dest.domid = DOMID_SELF;
    copy.source.u.gmfn = mfn_of(from);
    copy.dest.u.gmfn = mfn_of(to);
    copy.len = 64;
    report("copy.own_frames", op(GNTTABOP_copy, copy));
    report("copy.own_frames_status", copy.status);
    report_hex("copy.holds", to[1]);
    copy.source.offset = 4090;
    report("copy.past_page", op(GNTTABOP_copy, copy));
    report("copy.past_page_status", copy.status);
    report("none", op(GNTTABOP_copy, copy, 0));
    map(spare_address(), entry_for(reinterpret_cast<void*>(spare_address()), entry::read_write));
}

}  // namespace guest
