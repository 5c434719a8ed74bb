// SPDX-License-Identifier: MIT
// Which events of a domain a cost model is told of, and how often: exactly those of the
// architecture and the ABI, whatever the engine did meanwhile.
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/abi/memory.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

using Charged = std::map<Cost, std::uint64_t>;

class Costs : public testing::Test {
protected:
    Costs() {
        for (auto& trap : vcpu.traps) trap.address = 0xffff'ffff'8100'0000;
        vcpu.kernel_sp = SmallDomain::stack_top;
        vcpu.syscall_callback.address = 0xffff'ffff'8200'0000;
        vcpu.event_callback.address = 0xffff'ffff'8300'0000;
        small.hypervisor.charged.clear();
    }
    Charged charged() { return std::exchange(small.hypervisor.charged, {}); }
    void exit_with(Exit::Reason reason, std::uint8_t vector) {
        Exit exit;
        exit.reason = reason;
        exit.vector = vector;
        exit.length = 2;
        small.leave(exit);
    }

    static constexpr std::uint64_t data = SmallDomain::data_va, page = data + 3 * page_size;
    SmallDomain small;
    Vcpu& vcpu = small.vcpu();
};

TEST_F(Costs, tell_a_system_call_from_a_hypercall) {
    small.hypercall(__HYPERVISOR_xen_version);
    EXPECT_EQ(charged(), (Charged{{Cost::hypercall, 1}}));
    small.enter_user_mode();
    charged();
    small.leave(SmallDomain::syscall_exit());
    EXPECT_EQ(charged(), (Charged{{Cost::system_call, 1}}));
}

TEST_F(Costs, have_the_way_back_in_the_price_of_the_way_in) {
    const iret_context frame{};
    small.put(SmallDomain::stack_top - sizeof frame, frame);
    small.cpu().reg(Gpr::rsp) = SmallDomain::stack_top - sizeof frame;
    small.hypercall(__HYPERVISOR_iret);
    EXPECT_EQ(charged(), Charged{});
}

TEST_F(Costs, are_of_exceptions_and_software_interrupts_alike) {
    exit_with(Exit::Reason::exception, 14);
    EXPECT_EQ(charged(), (Charged{{Cost::exception, 1}}));
    exit_with(Exit::Reason::interrupt, 3);
    EXPECT_EQ(charged(), (Charged{{Cost::exception, 1}}));
}

TEST_F(Costs, are_of_an_event_that_the_guest_is_told_of_and_of_no_other) {
    vcpu.prepare_to_run();
    EXPECT_EQ(charged(), Charged{});
    vcpu.info().set_upcall_mask(0);
    vcpu.info().set_upcall_pending(1);
    vcpu.prepare_to_run();
    EXPECT_EQ(charged(), (Charged{{Cost::interrupt, 1}}));
}

TEST_F(Costs, are_of_each_page_table_entry_and_of_flushes_that_were_asked_for) {
    for (std::uint64_t i = 0; i < 3; ++i)
        small.put(data + i * sizeof(mmu_update_t),
                  mmu_update_t{small.entry_address(page + i * page_size), 0});
    ASSERT_EQ(small.hypercall(__HYPERVISOR_mmu_update, {data, 3, 0, DOMID_SELF}), 0);
    EXPECT_EQ(charged(), (Charged{{Cost::hypercall, 1}, {Cost::table_update, 3}}));
    ASSERT_EQ(small.hypercall(__HYPERVISOR_update_va_mapping, {page, 0, UVMF_INVLPG}), 0);
    EXPECT_EQ(charged(),
              (Charged{{Cost::hypercall, 1}, {Cost::table_update, 1}, {Cost::flush, 1}}));
    ASSERT_EQ(small.hypercall(__HYPERVISOR_update_va_mapping, {page, 0, 0}), 0);
    EXPECT_EQ(charged(), (Charged{{Cost::hypercall, 1}, {Cost::table_update, 1}}));
}

TEST_F(Costs, are_of_roots_and_flushes_and_once_for_a_multicall) {
    mmuext_op_t operation{};
    operation.cmd = MMUEXT_NEW_BASEPTR;
    operation.arg1.mfn = small.table_mfn(4);
    small.put(data, operation);
    operation.cmd = MMUEXT_TLB_FLUSH_LOCAL;
    small.put(data + sizeof operation, operation);
    ASSERT_EQ(small.hypercall(__HYPERVISOR_mmuext_op, {data, 2, 0, DOMID_SELF}), 0);
    EXPECT_EQ(charged(), (Charged{{Cost::hypercall, 1}, {Cost::cr3_load, 1}, {Cost::flush, 1}}));

    multicall_entry_t entry{};
    entry.op = __HYPERVISOR_update_va_mapping;
    entry.args[0] = page;
    small.put(data, entry);
    small.put(data + sizeof entry, entry);
    ASSERT_EQ(small.hypercall(__HYPERVISOR_multicall, {data, 2}), 0);
    EXPECT_EQ(charged(), (Charged{{Cost::hypercall, 1}, {Cost::table_update, 2}}));
}

TEST_F(Costs, are_of_each_frame_that_is_given) {
    const std::array<std::uint64_t, 2> pfns{70, 71};
    small.put(data + 0x100, pfns);
    xen_memory_reservation_t reservation{};
    reservation.extent_start.p = reinterpret_cast<xen_pfn_t*>(data + 0x100);  // a guest's address
    reservation.nr_extents = pfns.size();
    reservation.domid = DOMID_SELF;
    ASSERT_EQ(small.hypercall_with(__HYPERVISOR_memory_op, XENMEM_populate_physmap, reservation),
              2);
    EXPECT_EQ(charged(), (Charged{{Cost::hypercall, 1}, {Cost::frame, 2}}));
}

TEST_F(Costs, that_took_time_end_a_run_whose_budget_was_reckoned_without_them) {
    vcpu.info().set_upcall_mask(1);
    small.enter_user_mode();
    Exit fault;
    fault.reason = Exit::Reason::exception;
    fault.vector = 6;
    EXPECT_EQ(vcpu.environment().take(small.cpu(), fault), Environment::Taken::on);
    small.hypervisor.takes_time = true;
    EXPECT_EQ(vcpu.environment().take(small.cpu(), fault), Environment::Taken::ended);
}

}  // namespace
}  // namespace ring3
