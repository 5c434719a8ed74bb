// SPDX-License-Identifier: MIT
// Grants between two domains of one machine: what a map checks, changes and holds, and what is left
// of it when an entry is overwritten or a domain goes.
#include <gtest/gtest.h>

#include <span>

#include "hv/abi/grant_table.hpp"
#include "hv/domain/granted_page.hpp"
#include "hv/memory/walk.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

constexpr grant_ref_t ref = 8;
constexpr std::uint32_t rw = GNTMAP_host_map, ro = GNTMAP_host_map | GNTMAP_readonly;

class Grants : public testing::Test {
protected:
    static constexpr std::uint64_t spare = SmallDomain::data_va + 0x22000;  ///< pfn 34: unmapped

    Grants() {
        EXPECT_TRUE(owner.domain.grants().grow(1));
        grant(ref, 5);
    }
    ~Grants() override { check(); }

    void check() {
        OutsideReferences held;
        if (owner_lives) owner.add_references(held);
        if (user_lives) user.add_references(held);
        for (const GrantedPage& page : native) {
            held.granted.push_back(
                {domain0, page.mfn(), page.is_writable() ? GrantAccess::write : GrantAccess::read});
        }
        const auto wrong = check_page_accounting(machine.frames, held);
        EXPECT_FALSE(wrong) << *wrong;
    }
    void kill(SmallDomain& which) {
        which.domain.release_memory();
        machine.hypervisor.others.erase(which.domain.id().raw);
        (&which == &owner ? owner_lives : user_lives) = false;
    }
    void grant(grant_ref_t which, std::uint64_t pfn, unsigned flags = GTF_permit_access,
               DomainId to = DomainId{2}) {
        owner.domain.grants().set_entry(which, {static_cast<std::uint16_t>(flags), to.raw,
                                                static_cast<std::uint32_t>(owner.p2m[pfn].raw)});
    }
    unsigned flags(grant_ref_t which = ref) { return owner.domain.grants().entry(which)->flags; }

    std::int16_t map(std::uint32_t how, std::uint64_t where = spare, grant_ref_t which = ref,
                     std::uint16_t from = 1) {
        gnttab_map_grant_ref_t request{};
        request.host_addr = where;
        request.flags = how;
        request.ref = which;
        request.dom = from;
        EXPECT_EQ(user.hypercall_with(nr, GNTTABOP_map_grant_ref, request), 0);
        const auto answer = user.argument<gnttab_map_grant_ref_t>();
        handle = answer.handle;
        bus_address = answer.dev_bus_addr;
        check();
        return answer.status;
    }
    std::int16_t unmap(grant_handle_t which, std::uint64_t where = spare, std::uint64_t bus = 0) {
        gnttab_unmap_grant_ref_t request{};
        request.host_addr = where;
        request.dev_bus_addr = bus;
        request.handle = which;
        EXPECT_EQ(user.hypercall_with(nr, GNTTABOP_unmap_grant_ref, request), 0);
        check();
        return user.argument<gnttab_unmap_grant_ref_t>().status;
    }
    std::int64_t set_entry(std::uint64_t va, std::uint64_t value) {
        return user.hypercall(__HYPERVISOR_update_va_mapping, {va, value, 0});
    }
    bool can(Access access, std::uint64_t va = spare) {
        return walk(machine.frames, user.cpu().kernel_root, Vaddr{va}, access, DomainId{2}, true)
                   .kind == WalkResult::Kind::mapped;
    }
    const Frame& granted() { return machine.frames.at(owner.p2m[5]); }

    static constexpr std::uint64_t nr = __HYPERVISOR_grant_table_op;
    SmallMachine machine;
    SmallDomain owner{machine, DomainId{1}}, user{machine, DomainId{2}};
    bool owner_lives = true, user_lives = true;
    std::vector<GrantedPage> native;
    grant_handle_t handle = 0;
    std::uint64_t bus_address = 0;
};

TEST_F(Grants, are_mapped_read_and_written_and_unmapped) {
    owner.put(SmallDomain::data_va + 0x5010, std::uint64_t{0x1234});
    ASSERT_EQ(map(rw), GNTST_okay);
    EXPECT_EQ(bus_address, owner.p2m[5].raw << page_shift);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access | GTF_reading | GTF_writing});
    EXPECT_EQ(user.get64(spare + 0x10), 0x1234u);
    user.put(spare + 0x10, std::uint64_t{0x5678});
    EXPECT_EQ(owner.get64(SmallDomain::data_va + 0x5010), 0x5678u);
    EXPECT_EQ(unmap(handle), GNTST_okay);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
    EXPECT_FALSE(can(Access::read));
    EXPECT_EQ(unmap(handle), GNTST_bad_handle);
    EXPECT_TRUE(machine.frames.granted().is_empty());
}

TEST_F(Grants, have_the_entry_that_xen_makes) {
    ASSERT_EQ(map(ro | 5u << _GNTMAP_guest_avail0), GNTST_okay);
    const std::uint64_t kernel = std::uint64_t{1} << 52, no_execute = std::uint64_t{1} << 63;
    EXPECT_EQ(user.entry(spare),
              owner.p2m[5].raw << page_shift | no_execute | kernel | 5u << 9 | 0x40 | 0x20 | 4 | 1);
    EXPECT_EQ(unmap(handle), GNTST_okay);
    ASSERT_EQ(map(rw | GNTMAP_application_map), GNTST_okay);
    EXPECT_EQ(user.entry(spare),
              owner.p2m[5].raw << page_shift | no_execute | 0x100 | 0x40 | 0x20 | 4 | 2 | 1);
    EXPECT_EQ(unmap(handle), GNTST_okay);
    ASSERT_EQ(map(rw | GNTMAP_contains_pte, user.entry_address(spare)), GNTST_okay);
    EXPECT_TRUE(can(Access::write));
    EXPECT_EQ(unmap(handle), GNTST_general_error) << "the handle is of an entry";
    EXPECT_EQ(unmap(handle, user.entry_address(spare)), GNTST_okay);
}

TEST_F(Grants, for_reading_do_not_let_write) {
    ASSERT_EQ(map(ro), GNTST_okay);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access | GTF_reading});
    EXPECT_TRUE(can(Access::read));
    EXPECT_FALSE(can(Access::write));
    const std::uint64_t entry = user.entry(spare);
    EXPECT_NE(set_entry(spare, entry | SmallDomain::writable), 0) << "nor by another entry";
    EXPECT_EQ(user.entry(spare), entry);
    grant(9, 6, GTF_permit_access | GTF_readonly);
    EXPECT_EQ(map(rw, spare + 0x1000, 9), GNTST_general_error);
    EXPECT_EQ(flags(9), unsigned{GTF_permit_access | GTF_readonly});
    EXPECT_EQ(map(ro, spare + 0x1000, 9), GNTST_okay);
    EXPECT_EQ(map(rw, spare + 0x1000, 9), GNTST_general_error);
    EXPECT_EQ(flags(9), unsigned{GTF_permit_access | GTF_readonly | GTF_reading});
}

TEST_F(Grants, are_refused_as_xen_does) {
    EXPECT_EQ(map(0), GNTST_bad_gntref);
    EXPECT_EQ(map(rw, spare, ref, 9), GNTST_bad_domain);
    EXPECT_EQ(map(rw, spare, ref, DOMID_SELF), GNTST_bad_domain);
    EXPECT_EQ(map(rw, spare, ref, 0), GNTST_general_error);
    EXPECT_EQ(map(rw, spare, 512), GNTST_bad_gntref);
    EXPECT_EQ(map(rw, spare, 100), GNTST_general_error) << "not granted";
    EXPECT_EQ(map(rw, 0x123456000), GNTST_general_error) << "no L1 entry";
    EXPECT_EQ(map(rw, 0x8000'0000'0000'0000), GNTST_general_error) << "not canonical";
    EXPECT_EQ(map(rw, 0xffff'8000'0000'0000), GNTST_general_error) << "Xen's own part";
    EXPECT_EQ(map(rw | GNTMAP_contains_pte, user.entry_address(spare) + 4), GNTST_general_error);
    EXPECT_EQ(map(rw | GNTMAP_contains_pte, user.table_mfn(2) << page_shift), GNTST_general_error);
    EXPECT_EQ(map(rw | GNTMAP_contains_pte, owner.entry_address(spare)), GNTST_general_error);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
    grant(9, 5, GTF_permit_access, DomainId{3});
    EXPECT_EQ(map(rw, spare, 9), GNTST_general_error) << "somebody else's";
    for (const unsigned type : {GTF_invalid, GTF_accept_transfer, GTF_transitive}) {
        grant(9, 5, type);
        EXPECT_EQ(map(rw, spare, 9), GNTST_general_error);
    }
    grant(9, 5, GTF_permit_access | GTF_sub_page);
    EXPECT_EQ(map(rw, spare, 9), GNTST_general_error);
    grant(9, SmallDomain::first_table);
    EXPECT_EQ(map(rw, spare, 9), GNTST_general_error) << "a page table";
    EXPECT_EQ(flags(9), unsigned{GTF_permit_access});
    EXPECT_EQ(map(ro, spare, 9), GNTST_okay) << "to look at it is no harm";
    EXPECT_FALSE(can(Access::write));
    EXPECT_EQ(unmap(handle), GNTST_okay);
    owner.domain.grants().set_entry(
        9, {GTF_permit_access, 2, static_cast<std::uint32_t>(user.p2m[5].raw)});
    EXPECT_EQ(map(rw, spare, 9), GNTST_bad_page) << "not the granter's";
}

TEST_F(Grants, keep_the_frame_that_was_granted_first) {
    ASSERT_EQ(map(rw), GNTST_okay);
    const grant_handle_t first = handle;
    grant(ref, 6, GTF_permit_access | GTF_reading | GTF_writing, DomainId{3});
    ASSERT_EQ(map(ro, spare + 0x1000), GNTST_okay) << "in use already: the entry is not asked";
    EXPECT_EQ(user.entry(spare + 0x1000) >> page_shift & 0xff'ffff'ffff, owner.p2m[5].raw);
    EXPECT_EQ(unmap(first), GNTST_okay);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access | GTF_reading});
    EXPECT_EQ(unmap(handle, spare + 0x1000), GNTST_okay);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
    EXPECT_EQ(map(ro), GNTST_general_error) << "now it is";
}

TEST_F(Grants, do_not_make_a_page_table_of_a_frame_that_others_write) {
    ASSERT_EQ(map(rw), GNTST_okay);
    mmuext_op_t pin{};
    pin.cmd = MMUEXT_PIN_L1_TABLE;
    pin.arg1.mfn = owner.p2m[5].raw;
    ASSERT_EQ(owner.hypercall(__HYPERVISOR_update_va_mapping,
                              {SmallDomain::data_va + 0x5000,
                               owner.p2m[5].raw << page_shift | SmallDomain::present, 0}),
              0);
    owner.put(SmallDomain::data_va, pin);
    const std::array<std::uint64_t, 6> once{SmallDomain::data_va, 1, 0, DOMID_SELF};
    EXPECT_NE(owner.hypercall(__HYPERVISOR_mmuext_op, once), 0);
    EXPECT_EQ(unmap(handle), GNTST_okay);
    EXPECT_EQ(owner.hypercall(__HYPERVISOR_mmuext_op, once), 0);
}

TEST_F(Grants, of_frames_of_others_are_no_entries_by_any_other_way) {
    const std::uint64_t foreign = owner.p2m[5].raw << page_shift | SmallDomain::present;
    EXPECT_NE(set_entry(spare, foreign), 0);
    ASSERT_EQ(map(ro), GNTST_okay);
    EXPECT_NE(set_entry(spare + 0x1000, foreign), 0) << "granted for one entry";
    const std::uint64_t entry = user.entry(spare);
    EXPECT_EQ(set_entry(spare, entry & ~std::uint64_t{SmallDomain::accessed}), 0)
        << "the same frame with the same rights";
    EXPECT_TRUE(can(Access::read));
    EXPECT_NE(user.tables.store(DomainId{2}, Maddr{user.entry_address(spare)}, entry, 8), 0)
        << "but not by a plain store";
    EXPECT_EQ(unmap(handle), GNTST_okay);
}

TEST_F(Grants, whose_entry_is_overwritten_stay_in_use) {
    ASSERT_EQ(map(rw), GNTST_okay);
    EXPECT_EQ(granted().ref_count, 2u);
    EXPECT_EQ(set_entry(spare, 0), 0);
    check();
    EXPECT_EQ(granted().ref_count, 1u) << "the entry's reference goes with it";
    EXPECT_FALSE(can(Access::read));
    EXPECT_EQ(unmap(handle), GNTST_general_error);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access | GTF_reading | GTF_writing});
    kill(user);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
}

TEST_F(Grants, are_not_unmapped_by_what_does_not_match) {
    ASSERT_EQ(map(rw), GNTST_okay);
    const grant_handle_t first = handle;
    ASSERT_EQ(map(ro, spare + 0x1000), GNTST_okay);
    EXPECT_EQ(unmap(handle), GNTST_general_error) << "that entry may be written through";
    EXPECT_EQ(unmap(first, spare + 0x1000), GNTST_general_error);
    EXPECT_EQ(unmap(first, SmallDomain::data_va), GNTST_general_error);
    EXPECT_EQ(unmap(first, spare, 0x1000), GNTST_general_error) << "another bus address";
    EXPECT_EQ(unmap(first, 0), GNTST_okay) << "nothing is asked for";
    EXPECT_TRUE(can(Access::write));
    EXPECT_EQ(unmap(first), GNTST_okay);
    EXPECT_EQ(unmap(handle, spare + 0x1000), GNTST_okay);
}

TEST_F(Grants, for_devices_hold_references_too) {
    ASSERT_EQ(map(GNTMAP_device_map | rw), GNTST_okay);
    EXPECT_EQ(granted().ref_count, 3u);
    EXPECT_EQ(unmap(handle), GNTST_okay);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access | GTF_reading | GTF_writing});
    EXPECT_EQ(unmap(handle, 0, bus_address), GNTST_okay);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
    EXPECT_EQ(map(GNTMAP_device_map | rw, 0x123456000), GNTST_general_error);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
    EXPECT_EQ(granted().ref_count, 1u);
}

TEST_F(Grants, are_replaced_by_another_entry) {
    ASSERT_EQ(map(rw), GNTST_okay);
    gnttab_unmap_and_replace_t request{};
    request.host_addr = spare;
    request.new_addr = SmallDomain::data_va + 0x7000;
    request.handle = handle;
    EXPECT_EQ(user.hypercall_with(nr, GNTTABOP_unmap_and_replace, request), 0);
    EXPECT_EQ(user.argument<gnttab_unmap_and_replace_t>().status, GNTST_okay);
    check();
    EXPECT_EQ(user.entry(SmallDomain::data_va + 0x7000), 0u);
    EXPECT_EQ(user.entry(spare) >> page_shift & 0xff'ffff'ffff, user.p2m[7].raw);
    EXPECT_TRUE(can(Access::write));
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
}

TEST_F(Grants, run_out_where_xen_stops_counting) {
    for (int i = 0; i < 128; ++i) {
        ASSERT_EQ(map(GNTMAP_device_map | GNTMAP_readonly), GNTST_okay) << i;
    }
    EXPECT_EQ(map(GNTMAP_device_map | GNTMAP_readonly), GNTST_general_error);
}

TEST_F(Grants, are_copied_between_domains) {
    grant(9, 6, GTF_permit_access | GTF_readonly);
    gnttab_copy_t request{};
    request.source.u.ref = 9;
    request.source.domid = 1;
    request.dest.u.ref = ref;
    request.dest.domid = 1;
    request.len = 8;
    request.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    owner.put(SmallDomain::data_va + 0x6000, std::uint64_t{0x4711});
    EXPECT_EQ(user.hypercall_with(nr, GNTTABOP_copy, request), 0);
    EXPECT_EQ(user.argument<gnttab_copy_t>().status, GNTST_okay);
    EXPECT_EQ(owner.get64(SmallDomain::data_va + 0x5000), 0x4711u);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
    request.dest.u.ref = 9;
    EXPECT_EQ(user.hypercall_with(nr, GNTTABOP_copy, request), 0);
    EXPECT_EQ(user.argument<gnttab_copy_t>().status, GNTST_general_error);
    EXPECT_TRUE(machine.frames.granted().is_empty());
}

TEST_F(Grants, are_swapped_while_nobody_uses_them) {
    grant(9, 6, GTF_permit_access | GTF_readonly);
    const auto swap = [&](grant_ref_t a, grant_ref_t b) {
        EXPECT_EQ(owner.hypercall_with(nr, GNTTABOP_swap_grant_ref, gnttab_swap_grant_ref{a, b, 0}),
                  0);
        return owner.argument<gnttab_swap_grant_ref_t>().status;
    };
    EXPECT_EQ(swap(ref, 9), GNTST_okay);
    EXPECT_EQ(flags(), unsigned{GTF_permit_access | GTF_readonly});
    EXPECT_EQ(swap(ref, 512), GNTST_bad_gntref);
    ASSERT_EQ(map(ro), GNTST_okay);
    EXPECT_EQ(swap(ref, 9), GNTST_eagain);
    EXPECT_EQ(swap(ref, ref), GNTST_okay);
}

TEST_F(Grants, outlive_the_domain_that_gave_them) {
    owner.put(SmallDomain::data_va + 0x5010, std::uint64_t{0x1234});
    ASSERT_EQ(map(rw), GNTST_okay);
    kill(owner);
    check();
    EXPECT_EQ(user.get64(spare + 0x10), 0x1234u) << "the frame stays";
    user.put(spare + 0x10, std::uint64_t{0x5678});
    EXPECT_EQ(map(ro, spare + 0x1000), GNTST_bad_domain);
    const Frames before = machine.frames.free();
    EXPECT_EQ(unmap(0), GNTST_okay);
    EXPECT_EQ(machine.frames.free() - before, 1u) << "until nobody refers to it";
    EXPECT_TRUE(machine.frames.granted().is_empty());
}

TEST_F(Grants, end_with_the_domain_that_used_them) {
    ASSERT_EQ(map(rw), GNTST_okay);
    ASSERT_EQ(map(ro | GNTMAP_device_map, spare + 0x1000), GNTST_okay);
    kill(user);
    check();
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
    EXPECT_EQ(granted().ref_count, 1u);
    EXPECT_TRUE(machine.frames.granted().is_empty());
    kill(owner);
    EXPECT_EQ(machine.frames.free(), machine.frames.total());
}

TEST_F(Grants, of_a_frame_given_up_keep_it) {
    ASSERT_EQ(map(ro), GNTST_okay);
    ASSERT_EQ(
        owner.hypercall(__HYPERVISOR_update_va_mapping, {SmallDomain::data_va + 0x5000, 0, 0}), 0);
    const Frames before = machine.frames.free();
    EXPECT_EQ(owner.domain.give_up(owner.p2m[5]), 0);
    EXPECT_TRUE(can(Access::read));
    EXPECT_EQ(machine.frames.free(), before);
    EXPECT_EQ(unmap(handle), GNTST_okay);
    EXPECT_EQ(machine.frames.free() - before, 1u);
}

TEST_F(Grants, are_used_by_native_back_ends_in_the_same_way) {
    grant(ref, 5, GTF_permit_access, domain0);
    auto page = GrantedPage::map(owner.domain, ref, GrantedPage::Use::write);
    ASSERT_TRUE(page);
    native.push_back(std::move(*page));
    check();
    EXPECT_EQ(flags(), unsigned{GTF_permit_access | GTF_reading | GTF_writing});
    EXPECT_EQ(map(ro), GNTST_general_error) << "in use by another domain";
    native.clear();
    check();
    EXPECT_EQ(flags(), unsigned{GTF_permit_access});
    grant(ref, 5, GTF_permit_access | GTF_readonly, domain0);
    EXPECT_FALSE(GrantedPage::map(owner.domain, ref, GrantedPage::Use::write));
    EXPECT_TRUE(GrantedPage::map(owner.domain, ref, GrantedPage::Use::read));
    EXPECT_FALSE(GrantedPage::map(owner.domain, 512, GrantedPage::Use::read));
}

TEST_F(Grants, have_caches_that_need_no_flush) {
    const auto flush = [&](std::uint64_t address, std::uint32_t op) {
        gnttab_cache_flush_t request{};
        request.a.dev_bus_addr = address;
        request.length = 64;
        request.op = op;
        return user.hypercall_with(nr, GNTTABOP_cache_flush, request);
    };
    const std::uint64_t own = user.p2m[5].raw << page_shift,
                        theirs = owner.p2m[5].raw << page_shift;
    EXPECT_EQ(flush(own, GNTTAB_CACHE_CLEAN), 0);
    EXPECT_EQ(flush(own, GNTTAB_CACHE_INVAL), -XEN_EOPNOTSUPP);
    EXPECT_EQ(flush(own, 4), -XEN_EINVAL);
    EXPECT_EQ(flush(0, GNTTAB_CACHE_CLEAN), -XEN_EINVAL);
    EXPECT_EQ(flush(theirs, GNTTAB_CACHE_CLEAN), -XEN_EINVAL);
    ASSERT_EQ(map(ro), GNTST_okay);
    EXPECT_EQ(flush(theirs, GNTTAB_CACHE_CLEAN), 0);
}

}  // namespace
}  // namespace ring3
