// SPDX-License-Identifier: MIT
// Page tables, multicalls and the memory reservation by hypercall.
#include <gmock/gmock.h>

#include "hv/abi/memory.hpp"
#include "hv/abi/sched.hpp"
#include "hv/domain/hypercalls/hypercall.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t data = SmallDomain::data_va, nowhere = SmallDomain::unmapped_va,
                        self = DOMID_SELF, present = SmallDomain::present,
                        writable = SmallDomain::writable;

class MemoryHypercalls : public testing::Test {
protected:
    /// One mmu_update; a count of requests done comes back as well.
    std::int64_t update(std::uint64_t ptr, std::uint64_t val, std::uint64_t foreign = self) {
        small.put(data, mmu_update_t{ptr, val});
        small.put(data + 0x100, std::uint32_t{99});
        return small.hypercall(__HYPERVISOR_mmu_update, {data, 1, data + 0x100, foreign});
    }
    std::uint32_t done() { return small.get<std::uint32_t>(data + 0x100); }
    std::int64_t extended(std::uint32_t command, std::uint64_t arg1, std::uint64_t arg2 = 0,
                          std::uint64_t foreign = self) {
        mmuext_op_t request{};
        request.cmd = command;
        request.arg1.mfn = arg1;
        request.arg2.src_mfn = arg2;
        small.put(data, request);
        return small.hypercall(__HYPERVISOR_mmuext_op, {data, 1, 0, foreign});
    }
    std::uint64_t mfn(std::size_t pfn) const { return small.p2m[pfn].raw; }

    SmallDomain small;
    const std::uint64_t page_va = data + 0x3000;
    const std::uint64_t entry = small.entry_address(page_va);
};

TEST_F(MemoryHypercalls, mmu_update_changes_an_entry) {
    EXPECT_EQ(update(entry, mfn(4) << 12 | present | writable), 0);
    EXPECT_EQ(done(), 1u);
    small.put(data + 0x4000, std::uint64_t{0x1234});
    EXPECT_EQ(small.get64(page_va), 0x1234u) << "pages 3 and 4 are one frame now";
    EXPECT_EQ(update(entry, 0), 0);
    int nothing;
    EXPECT_TRUE(read_guest(small.vcpu().kernel_space(), Vaddr{page_va}, nothing));
}

TEST_F(MemoryHypercalls, mmu_update_preserves_accessed_and_dirty_when_asked) {
    small.put(page_va, 1);
    constexpr std::uint64_t accessed_dirty = 0x60;
    ASSERT_EQ(small.entry(page_va) & accessed_dirty, accessed_dirty);
    EXPECT_EQ(update(entry | MMU_PT_UPDATE_PRESERVE_AD, mfn(3) << 12 | present), 0);
    EXPECT_EQ(small.entry(page_va) & accessed_dirty, accessed_dirty);
    EXPECT_EQ(update(entry, mfn(3) << 12 | present), 0);
    EXPECT_EQ(small.entry(page_va) & accessed_dirty, 0u);
}

TEST_F(MemoryHypercalls, mmu_update_sets_the_machine_to_phys_table) {
    EXPECT_EQ(update(mfn(9) << 12 | MMU_MACHPHYS_UPDATE, 0x777), 0);
    EXPECT_EQ(small.frames.m2p(small.p2m[9]).raw, 0x777u);
    EXPECT_EQ(update(0x5000 | MMU_MACHPHYS_UPDATE, 0x777), -XEN_EINVAL);
}

TEST_F(MemoryHypercalls, mmu_update_refuses_what_would_break_isolation) {
    SmallDomain other{1, DomainId{2}};
    const Mfn xens = *small.frames.allocate(DomainId{7});
    const struct {
        const char* what;
        std::uint64_t ptr, val;
        std::int64_t answer;
    } rows[] = {
        {"a frame of nobody here", entry, 0x1234'5678ull << 12 | present, -XEN_EPERM},
        {"the invalid frame", entry, 0x000f'ffff'ffff'f000 | present, -XEN_EINVAL},
        {"a frame of another domain", entry, xens.raw << 12 | present, -XEN_EBUSY},
        {"a table, writable", entry, small.table_mfn(1) << 12 | present | writable, -XEN_EBUSY},
        {"a cache attribute", entry, mfn(3) << 12 | present | 0x10, -XEN_EINVAL},
        {"an entry of another domain's table", xens.raw << 12, 0, -XEN_EINVAL},
        {"an entry below the machine", 0x1000, 0, -XEN_EINVAL},
        {"a data page as table", small.table_mfn(2) << 12 | 8, mfn(3) << 12 | present, -XEN_EINVAL},
        {"a slot of Xen's", small.table_mfn(4) << 12 | 256 * 8, 0, -XEN_EINVAL},
        {"a command that is none", entry | 4, 0, -XEN_ENOSYS},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(update(row.ptr, row.val), row.answer) << row.what;
        EXPECT_EQ(done(), 0u) << row.what;
    }
}

TEST_F(MemoryHypercalls, mmu_update_knows_only_the_guest_itself) {
    EXPECT_EQ(update(entry, 0, 0), -XEN_EPERM) << "Domain-0";
    EXPECT_EQ(update(entry, 0, 1), -XEN_ESRCH) << "itself, by number";
    EXPECT_EQ(update(entry, 0, 5), -XEN_ESRCH);
    EXPECT_EQ(update(entry, 0, DOMID_XEN), -XEN_EPERM);
    EXPECT_EQ(update(entry, 0, self | std::uint64_t{1 + 1} << 16), 0) << "itself as table owner";
    EXPECT_EQ(update(entry, 0, self | std::uint64_t{5 + 1} << 16), -XEN_ESRCH);
}

TEST_F(MemoryHypercalls, a_batch_stops_at_the_first_failure) {
    small.put(data, mmu_update_t{entry, 0});
    small.put(data + 16, mmu_update_t{0x1000, 0});
    small.put(data + 32, mmu_update_t{entry, 0});
    EXPECT_EQ(small.hypercall(__HYPERVISOR_mmu_update, {data, 3, data + 0x100, self}), -XEN_EINVAL);
    EXPECT_EQ(done(), 1u);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_mmu_update, {nowhere, 1, data + 0x100, self}),
              -XEN_EFAULT);
    EXPECT_EQ(done(), 0u);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_mmu_update, {data, 1, nowhere, self}), 0)
        << "how many were done is told where it can be";
    EXPECT_EQ(small.hypercall(__HYPERVISOR_mmu_update, {nowhere, 0, 0, self}), 0);
}

TEST_F(MemoryHypercalls, a_long_batch_returns_to_the_guest_in_between) {
    // One frame of requests, mapped 70 times in a row.
    constexpr std::uint64_t per_page = page_size / sizeof(mmu_update_t), pages = 70;
    const std::uint64_t list = data + 100 * page_size;
    for (std::uint64_t i = 0; i < per_page; ++i) {
        small.put(data + i * sizeof(mmu_update_t),
                  mmu_update_t{mfn(9) << 12 | MMU_MACHPHYS_UPDATE, i});
    }
    for (std::uint64_t page = 0; page < pages; ++page) {
        ASSERT_EQ(small.hypercall(__HYPERVISOR_update_va_mapping,
                                  {list + page * page_size, mfn(0) << 12 | present, 0}),
                  0);
    }
    constexpr std::uint64_t count = pages * per_page;
    ASSERT_GT(count, items_per_call);
    const std::uint64_t done_at = data + 0x5000;
    small.cpu().rip = 0x5000;
    EXPECT_EQ(small.hypercall(__HYPERVISOR_mmu_update, {list, count, done_at, self}),
              __HYPERVISOR_mmu_update)
        << "RAX is the number again";
    EXPECT_EQ(small.cpu().rip, 0x5000u) << "at the SYSCALL";
    EXPECT_EQ(small.get<std::uint32_t>(done_at), items_per_call);
    EXPECT_EQ(small.cpu().reg(Gpr::rsi), (count - items_per_call) | abi::mmu_update_preempted);

    small.leave(SmallDomain::syscall_exit());
    EXPECT_EQ(small.cpu().reg(Gpr::rax), 0u);
    EXPECT_EQ(small.cpu().rip, 0x5002u);
    EXPECT_EQ(small.get<std::uint32_t>(done_at), count);
}

TEST_F(MemoryHypercalls, update_va_mapping_names_the_entry_by_address) {
    const auto map = [&](std::uint64_t va, std::uint64_t value, std::uint64_t flags) {
        return small.hypercall(__HYPERVISOR_update_va_mapping, {va, value, flags});
    };
    const std::uint64_t value = mfn(4) << 12 | present;
    EXPECT_EQ(map(page_va, value, UVMF_NONE), 0);
    EXPECT_EQ(map(page_va, value, UVMF_INVLPG | UVMF_LOCAL), 0);
    EXPECT_EQ(map(page_va, value, UVMF_TLB_FLUSH | UVMF_ALL), 0);
    EXPECT_EQ(map(page_va, value, UVMF_TLB_FLUSH | data), 0) << "a bitmap of vCPUs";
    EXPECT_EQ(map(page_va, value, UVMF_TLB_FLUSH | nowhere), -XEN_EFAULT);
    EXPECT_EQ(map(0x7000'0000'0000, value, 0), -XEN_EINVAL) << "no table there";
    EXPECT_EQ(map(0x0000'8000'0000'0000, value, 0), -XEN_EINVAL);
    EXPECT_EQ(map(MACH2PHYS_VIRT_START, value, 0), -XEN_EINVAL);
    EXPECT_EQ(map(page_va, small.table_mfn(4) << 12 | present | writable, 0), -XEN_EBUSY);
    EXPECT_EQ(
        small.hypercall(__HYPERVISOR_update_va_mapping_otherdomain, {page_va, value, 0, self}), 0);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_update_va_mapping_otherdomain, {page_va, value, 0, 0}),
              -XEN_EPERM);
    // Bits that Xen adds are read back.
    constexpr std::uint64_t user_and_guest_kernel = std::uint64_t{1} << 52 | 4;
    EXPECT_EQ(small.entry(page_va) & user_and_guest_kernel, user_and_guest_kernel);
}

TEST_F(MemoryHypercalls, tables_are_pinned_and_unpinned) {
    EXPECT_EQ(extended(MMUEXT_PIN_L1_TABLE, mfn(50)), 0);
    EXPECT_EQ(extended(MMUEXT_PIN_L1_TABLE, mfn(50)), -XEN_EINVAL) << "pinned already";
    EXPECT_EQ(extended(MMUEXT_PIN_L2_TABLE, mfn(50)), -XEN_EINVAL) << "an L1 table";
    EXPECT_EQ(extended(MMUEXT_UNPIN_TABLE, mfn(50)), 0);
    EXPECT_EQ(extended(MMUEXT_UNPIN_TABLE, mfn(50)), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_PIN_L1_TABLE, mfn(3)), -XEN_EINVAL) << "mapped writable";
    EXPECT_EQ(extended(MMUEXT_PIN_L4_TABLE, 12), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_UNPIN_TABLE, 12), -XEN_EINVAL);
}

TEST_F(MemoryHypercalls, roots_are_changed) {
    ASSERT_EQ(extended(MMUEXT_PIN_L4_TABLE, mfn(51)), 0);
    EXPECT_EQ(extended(MMUEXT_NEW_USER_BASEPTR, mfn(51)), 0);
    EXPECT_EQ(small.cpu().user_root, small.p2m[51]);
    EXPECT_EQ(extended(MMUEXT_NEW_USER_BASEPTR, mfn(51)), 0);
    EXPECT_EQ(extended(MMUEXT_NEW_USER_BASEPTR, mfn(3)), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_NEW_USER_BASEPTR, 0), 0);
    EXPECT_EQ(small.cpu().user_root.raw, 0u);
    EXPECT_EQ(extended(MMUEXT_NEW_BASEPTR, small.table_mfn(4)), 0) << "the same";
    EXPECT_EQ(extended(MMUEXT_NEW_BASEPTR, 0), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_NEW_BASEPTR, small.table_mfn(3)), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_NEW_BASEPTR, mfn(51)), 0);
    EXPECT_EQ(small.cpu().kernel_root, small.p2m[51]);
}

TEST_F(MemoryHypercalls, flushes_have_nothing_to_do_and_bad_ones_are_refused) {
    EXPECT_EQ(extended(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
    EXPECT_EQ(extended(MMUEXT_INVLPG_LOCAL, data), 0);
    EXPECT_EQ(extended(MMUEXT_TLB_FLUSH_ALL, 0), 0);
    EXPECT_EQ(extended(MMUEXT_INVLPG_ALL, data), 0);
    EXPECT_EQ(extended(MMUEXT_TLB_FLUSH_MULTI, 0, data), 0);
    EXPECT_EQ(extended(MMUEXT_TLB_FLUSH_MULTI, 0, nowhere), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_INVLPG_MULTI, data, nowhere), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_FLUSH_CACHE, 0), -XEN_EACCES);
    EXPECT_EQ(extended(MMUEXT_FLUSH_CACHE_GLOBAL, 0), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_MARK_SUPER, mfn(0)), -XEN_EOPNOTSUPP);
    EXPECT_EQ(extended(14, 0), -XEN_ENOSYS);
    EXPECT_EQ(extended(21, 0), -XEN_ENOSYS);
    EXPECT_EQ(extended(MMUEXT_TLB_FLUSH_LOCAL, 0, 0, 0), -XEN_EPERM);
}

TEST_F(MemoryHypercalls, an_ldt_is_refused_with_a_line_in_the_log) {
    EXPECT_EQ(extended(MMUEXT_SET_LDT, 0, 0), 0);
    EXPECT_EQ(extended(MMUEXT_SET_LDT, data, 16), -XEN_EINVAL);
    EXPECT_TRUE(small.hypervisor.logged("LDTs are not supported"));
}

TEST_F(MemoryHypercalls, pages_are_cleared_and_copied) {
    small.put(page_va, std::uint64_t{42});
    EXPECT_EQ(extended(MMUEXT_COPY_PAGE, mfn(4), mfn(3)), 0);
    EXPECT_EQ(small.get64(data + 0x4000), 42u);
    EXPECT_EQ(extended(MMUEXT_CLEAR_PAGE, mfn(3)), 0);
    EXPECT_EQ(small.get64(page_va), 0u);
    EXPECT_EQ(extended(MMUEXT_CLEAR_PAGE, small.table_mfn(1)), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_COPY_PAGE, mfn(3), 5), -XEN_EINVAL);
    EXPECT_EQ(extended(MMUEXT_COPY_PAGE, small.domain.shared_info().raw, mfn(3)), 0)
        << "a page that the guest may write anyhow";
}

// Multicalls -------------------------------------------------------------------------------------

class Multicalls : public MemoryHypercalls {
protected:
    void add(std::uint64_t op, std::array<std::uint64_t, 6> arguments) {
        multicall_entry_t call{};
        call.op = op;
        call.result = 0x5555;
        std::copy(arguments.begin(), arguments.end(), call.args);
        small.put(list + count++ * sizeof call, call);
    }
    std::int64_t run() { return small.hypercall(__HYPERVISOR_multicall, {list, count}); }
    std::int64_t answer(std::uint64_t n) {
        return static_cast<std::int64_t>(
            small.get<multicall_entry_t>(list + n * sizeof(multicall_entry_t)).result);
    }
    const std::uint64_t list = data + 0x2000;
    std::uint64_t count = 0;
};

TEST_F(Multicalls, answer_each_call_by_itself) {
    add(__HYPERVISOR_xen_version, {0});
    add(__HYPERVISOR_update_va_mapping, {page_va, 0, 0});
    add(1000, {});
    add(__HYPERVISOR_set_gdt, {nowhere, 1});
    add(__HYPERVISOR_multicall, {list, 1});
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(answer(0), abi::xen_version);
    EXPECT_EQ(answer(1), 0);
    EXPECT_EQ(answer(2), -XEN_ENOSYS);
    EXPECT_EQ(answer(3), -XEN_EFAULT);
    EXPECT_EQ(answer(4), -XEN_EINVAL) << "no multicall in a multicall";
}

TEST_F(Multicalls, fault_where_the_list_does) {
    EXPECT_EQ(small.hypercall(__HYPERVISOR_multicall, {nowhere, 1}), -XEN_EFAULT);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_multicall, {nowhere, 0}), 0);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_multicall, {SmallDomain::table_va, 1}), -XEN_EFAULT);
}

TEST_F(Multicalls, end_with_an_iret) {
    const std::uint64_t stack = data + 0x5000;
    small.put(stack, iret_context{.rax = 11,
                                  .r11 = 0,
                                  .rcx = 0,
                                  .flags = 0,
                                  .rip = 0x9999,
                                  .cs = 0xe030,
                                  .rflags = 0x202,
                                  .rsp = stack,
                                  .ss = 0xe02b});
    small.cpu().reg(Gpr::rsp) = stack;
    add(__HYPERVISOR_iret, {});
    add(__HYPERVISOR_xen_version, {0});
    EXPECT_EQ(run(), 11);
    EXPECT_EQ(small.cpu().rip, 0x9999u);
    EXPECT_EQ(answer(1), 0x5555) << "not made";
}

TEST_F(Multicalls, go_on_after_a_pause_where_they_were) {
    small.cpu().rip = 0x5000;
    for (int i = 0; i < 300; ++i) add(__HYPERVISOR_xen_version, {0});
    EXPECT_EQ(run(), __HYPERVISOR_multicall) << "RAX is the number again";
    EXPECT_EQ(small.cpu().rip, 0x5000u) << "at the SYSCALL";
    EXPECT_EQ(small.cpu().reg(Gpr::rsi), 300u - 256);
    small.leave(SmallDomain::syscall_exit());
    EXPECT_EQ(small.cpu().reg(Gpr::rax), 0u);
    EXPECT_EQ(answer(299), abi::xen_version);
    EXPECT_EQ(small.cpu().rip, 0x5002u);
}

TEST_F(Multicalls, stop_when_the_domain_does) {
    small.put(data, sched_shutdown{SHUTDOWN_poweroff});
    add(__HYPERVISOR_sched_op, {SCHEDOP_shutdown, data});
    add(__HYPERVISOR_xen_version, {0});
    run();
    EXPECT_EQ(answer(1), 0x5555);
    EXPECT_EQ(small.last, Domain::Next::stop);
}

// Reservation ------------------------------------------------------------------------------------

class Reservation : public MemoryHypercalls {
protected:
    std::int64_t adjust(std::uint64_t operation, std::vector<std::uint64_t> list,
                        unsigned order = 0, domid_t domain = DOMID_SELF) {
        for (std::size_t i = 0; i < list.size(); ++i) small.put(list_va + i * 8, list[i]);
        xen_memory_reservation request{};
        request.extent_start.p = reinterpret_cast<xen_pfn_t*>(list_va);
        request.nr_extents = list.size();
        request.extent_order = order;
        request.domid = domain;
        return small.hypercall_with(__HYPERVISOR_memory_op, operation, request);
    }
    std::int64_t ask(std::uint64_t operation, domid_t domain = DOMID_SELF) {
        return small.hypercall_with(__HYPERVISOR_memory_op, operation, xen_memory_domain{domain});
    }
    const std::uint64_t list_va = data + 0x6000;
};

TEST_F(Reservation, is_told) {
    EXPECT_EQ(ask(XENMEM_current_reservation), 64);
    EXPECT_EQ(ask(XENMEM_maximum_reservation), 72);
    EXPECT_EQ(ask(XENMEM_current_reservation, 0), -XEN_EPERM);
    EXPECT_EQ(ask(XENMEM_current_reservation, 9), -XEN_ESRCH);
    EXPECT_EQ(ask(XENMEM_maximum_gpfn), -1);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_memory_op, {XENMEM_current_reservation, nowhere}),
              -XEN_EFAULT);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_memory_op, {XENMEM_maximum_ram_page}),
              static_cast<std::int64_t>(small.frames.end_mfn().raw));
}

TEST_F(Reservation, shrinks_and_grows) {
    const Frames free = small.frames.free();
    EXPECT_EQ(adjust(XENMEM_decrease_reservation, {mfn(60), mfn(61)}), 2);
    EXPECT_EQ(ask(XENMEM_current_reservation), 62);
    EXPECT_EQ(small.frames.free(), free + 2);
    EXPECT_EQ(adjust(XENMEM_populate_physmap, {70, 71}), 2);
    EXPECT_EQ(small.frames.free(), free);
    const Mfn first{small.get64(list_va)};
    EXPECT_EQ(small.frames.m2p(first).raw, 70u);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_update_va_mapping,
                              {page_va, first.raw << 12 | present | writable, 0}),
              0);
    EXPECT_EQ(adjust(XENMEM_increase_reservation, {0}), 1);
    EXPECT_EQ(ask(XENMEM_current_reservation), 65);
}

TEST_F(Reservation, keeps_a_frame_until_nothing_refers_to_it) {
    const Frames free = small.frames.free();
    EXPECT_EQ(adjust(XENMEM_decrease_reservation, {mfn(3)}), 1) << "still mapped at page 3";
    EXPECT_EQ(small.frames.free(), free);
    EXPECT_EQ(ask(XENMEM_current_reservation), 64);
    EXPECT_EQ(adjust(XENMEM_decrease_reservation, {mfn(3)}), 0) << "not twice";
    EXPECT_EQ(update(entry, 0), 0);
    EXPECT_EQ(small.frames.free(), free + 1);
    EXPECT_EQ(ask(XENMEM_current_reservation), 63);
}

TEST_F(Reservation, answers_how_many_extents_were_done) {
    EXPECT_EQ(adjust(XENMEM_decrease_reservation, {mfn(60), 1, mfn(61)}), 1);
    EXPECT_EQ(adjust(XENMEM_decrease_reservation, {small.domain.shared_info().raw}), 0);
    EXPECT_EQ(adjust(XENMEM_populate_physmap, std::vector<std::uint64_t>(20, 80)), 9)
        << "up to the maximum";
    EXPECT_EQ(adjust(XENMEM_populate_physmap, {80}, 10), 0) << "too large";
    EXPECT_EQ(adjust(XENMEM_populate_physmap, {80}, 1), 0) << "no neighbours to be had";
    EXPECT_EQ(adjust(XENMEM_decrease_reservation, {mfn(62)}, 0, 0), 0) << "not its domain";
    EXPECT_EQ(small.hypercall(__HYPERVISOR_memory_op, {XENMEM_populate_physmap, nowhere}), 0);
}

TEST_F(Reservation, grows_as_far_as_the_machine_goes) {
    std::vector<Mfn> taken;
    while (small.frames.free() > Frames{3}) taken.push_back(*small.frames.allocate(DomainId{9}));
    EXPECT_EQ(adjust(XENMEM_populate_physmap, {70, 71, 72, 73, 74}), 3);
    EXPECT_EQ(adjust(XENMEM_populate_physmap, {73}), 0);
    EXPECT_EQ(ask(XENMEM_current_reservation), 67);
    small.frames.release(taken.back());
    EXPECT_EQ(adjust(XENMEM_populate_physmap, {73}), 1);
}

TEST_F(Reservation, gives_frames_that_hold_nothing_of_their_past) {
    small.put(page_va, std::uint64_t{0x5ec2e7});
    ASSERT_EQ(update(entry, 0), 0);
    const std::uint64_t old = mfn(3);
    ASSERT_EQ(adjust(XENMEM_decrease_reservation, {old}), 1);
    ASSERT_EQ(adjust(XENMEM_populate_physmap, {3}), 1);
    ASSERT_EQ(small.get64(list_va), old) << "the lowest free one";
    ASSERT_EQ(update(entry, old << 12 | present | writable), 0);
    EXPECT_EQ(small.get64(page_va), 0u);
}

TEST_F(Reservation, takes_lists_that_wrap_or_lie_in_xen_for_what_they_are) {
    for (const std::uint64_t list : {~std::uint64_t{0} - 7, std::uint64_t{MACH2PHYS_VIRT_START},
                                     std::uint64_t{0x0000'8000'0000'0000}}) {
        xen_memory_reservation request{};
        request.extent_start.p = reinterpret_cast<xen_pfn_t*>(list);
        request.nr_extents = 4;
        request.domid = DOMID_SELF;
        for (const std::uint64_t operation :
             {XENMEM_populate_physmap, XENMEM_decrease_reservation}) {
            EXPECT_EQ(small.hypercall_with(__HYPERVISOR_memory_op, operation, request), 0) << list;
        }
        EXPECT_EQ(
            small.hypercall_with(__HYPERVISOR_memory_op, XENMEM_increase_reservation, request), 0)
            << list;
        EXPECT_EQ(ask(XENMEM_current_reservation), 64);
    }
    EXPECT_EQ(adjust(XENMEM_decrease_reservation, {~std::uint64_t{0}}), 0);
    EXPECT_EQ(adjust(XENMEM_decrease_reservation, {~std::uint64_t{0} - 3}, 3), 0);
}

class Exchange : public Reservation {
protected:
    xen_memory_exchange request_for(const std::vector<std::uint64_t>& in,
                                    const std::vector<std::uint64_t>& out) {
        for (std::size_t i = 0; i < in.size(); ++i) small.put(list_va + i * 8, in[i]);
        for (std::size_t i = 0; i < out.size(); ++i) small.put(out_va + i * 8, out[i]);
        xen_memory_exchange request{};
        request.in.extent_start.p = reinterpret_cast<xen_pfn_t*>(list_va);
        request.in.nr_extents = in.size();
        request.in.domid = DOMID_SELF;
        request.out.extent_start.p = reinterpret_cast<xen_pfn_t*>(out_va);
        request.out.nr_extents = out.size();
        request.out.domid = DOMID_SELF;
        return request;
    }
    std::int64_t exchange(const xen_memory_exchange& request) {
        return small.hypercall_with(__HYPERVISOR_memory_op, XENMEM_exchange, request);
    }
    std::uint64_t exchanged() { return small.argument<xen_memory_exchange>().nr_exchanged; }
    const std::uint64_t out_va = list_va + 0x800;
};

TEST_F(Exchange, gives_a_frame_for_each) {
    EXPECT_EQ(exchange(request_for({mfn(60), mfn(61)}, {60, 61})), 0);
    EXPECT_EQ(exchanged(), 2u);
    EXPECT_EQ(ask(XENMEM_current_reservation), 64);
    EXPECT_EQ(small.frames.m2p(Mfn{small.get64(out_va)}).raw, 60u);
    EXPECT_EQ(small.frames.m2p(Mfn{small.get64(out_va + 8)}).raw, 61u);
}

TEST_F(Exchange, stops_at_a_frame_that_is_in_use_or_not_the_guests) {
    EXPECT_EQ(exchange(request_for({mfn(60), mfn(3)}, {60, 3})), -XEN_EINVAL);
    EXPECT_EQ(exchanged(), 1u);
    EXPECT_EQ(exchange(request_for({small.domain.shared_info().raw}, {0})), -XEN_EINVAL);
    EXPECT_EQ(exchange(request_for({mfn(61), 1}, {61, 1})), -XEN_EINVAL);
    EXPECT_EQ(ask(XENMEM_current_reservation), 64);
}

TEST_F(Exchange, refuses_sizes_that_do_not_fit) {
    const xen_memory_exchange good = request_for({mfn(60)}, {60});
    auto request = good;
    request.nr_exchanged = 2;
    EXPECT_EQ(exchange(request), -XEN_EINVAL);
    request = good;
    request.out.nr_extents = 2;
    EXPECT_EQ(exchange(request), -XEN_EINVAL);
    request = good;
    request.in.extent_order = 9;
    request.in.nr_extents = std::uint64_t{1} << 60;
    EXPECT_EQ(exchange(request), -XEN_EINVAL);
    request = good;
    request.in.extent_order = request.out.extent_order = 64;
    EXPECT_EQ(exchange(request), -XEN_EPERM);
    request = good;
    request.in.extent_order = request.out.extent_order = 1;
    EXPECT_EQ(exchange(request), -XEN_ENOMEM) << "no neighbours to be had";
    request = good;
    request.out.domid = 0;
    EXPECT_EQ(exchange(request), -XEN_EINVAL);
    request.in.domid = 0;
    EXPECT_EQ(exchange(request), -XEN_EPERM);
    EXPECT_EQ(ask(XENMEM_current_reservation), 64);
}

TEST_F(Exchange, writes_nowhere_but_into_the_guest) {
    for (const std::uint64_t out : {std::uint64_t{MACH2PHYS_VIRT_START}, nowhere,
                                    ~std::uint64_t{0} - 7, std::uint64_t{1} << 47}) {
        auto request = request_for({mfn(60)}, {});
        request.out.extent_start.p = reinterpret_cast<xen_pfn_t*>(out);
        request.out.nr_extents = 1;
        EXPECT_LT(exchange(request), 0) << out;
    }
    // What the index would reach behind the checked start: far away, and wrapped to a good place.
    auto request = request_for({mfn(60)}, {60});
    request.in.nr_extents = request.out.nr_extents = std::uint64_t{1} << 61 | 1;
    request.nr_exchanged = std::uint64_t{1} << 61;
    EXPECT_LE(exchange(request), 0);
    EXPECT_EQ(ask(XENMEM_current_reservation), 64);
}

TEST_F(Reservation, gives_the_memory_map) {
    xen_memory_map request{};
    request.nr_entries = 128;
    request.buffer.p = reinterpret_cast<void*>(list_va);
    EXPECT_EQ(small.hypercall_with(__HYPERVISOR_memory_op, XENMEM_memory_map, request), 0);
    EXPECT_EQ(small.argument<xen_memory_map>().nr_entries, 1u);
    const auto ram = small.get<abi::E820Entry>(list_va);
    EXPECT_EQ(ram.address, 0u);
    EXPECT_EQ(ram.size, 72 * page_size);
    EXPECT_EQ(ram.type, abi::e820_ram);

    request.buffer.p = reinterpret_cast<void*>(nowhere);
    EXPECT_EQ(small.hypercall_with(__HYPERVISOR_memory_op, XENMEM_memory_map, request),
              -XEN_EFAULT);
    EXPECT_EQ(small.hypercall_with(__HYPERVISOR_memory_op, XENMEM_machine_memory_map, request),
              -XEN_EPERM);
}

TEST_F(Reservation, tells_where_the_machine_to_phys_table_is) {
    EXPECT_EQ(small.hypercall(__HYPERVISOR_memory_op, {XENMEM_machphys_mapping, data}), 0);
    const auto mapping = small.argument<xen_machphys_mapping>();
    EXPECT_EQ(mapping.v_start, 0xffff'8000'0000'0000u);
    EXPECT_EQ(mapping.v_end, 0xffff'8040'0000'0000u);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_memory_op, {XENMEM_machphys_mapping, nowhere}),
              -XEN_EFAULT);
}

TEST_F(Reservation, refuses_what_is_for_others) {
    const struct {
        std::uint64_t operation;
        std::int64_t answer;
    } rows[] = {
        {XENMEM_add_to_physmap, -XEN_EACCES},
        {XENMEM_remove_from_physmap, -XEN_EACCES},
        {XENMEM_set_pod_target, -XEN_EPERM},
        {abi::memory_claim_pages, -XEN_EPERM},
        {XENMEM_acquire_resource, -XEN_EPERM},
        {XENMEM_get_vnumainfo, -XEN_EOPNOTSUPP},
        {8, -XEN_ENOSYS},
        {18, -XEN_ENOSYS},
        {63, -XEN_ENOSYS},
        {1u << abi::memory_op_extent_shift | XENMEM_memory_map, -XEN_EINVAL},
    };
    small.put(data, std::uint64_t{DOMID_SELF});
    for (const auto& row : rows) {
        EXPECT_EQ(small.hypercall(__HYPERVISOR_memory_op, {row.operation, data}), row.answer)
            << row.operation;
    }
}

}  // namespace
}  // namespace ring3
