// SPDX-License-Identifier: MIT
// Plain stores to page tables that are mapped read-only: with vm_assist(writable_pagetables) Xen
// makes them, of any size and kind, as mmu_update would; what that would refuse is a page fault.
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"
#include "tests/guest/kernel/trap.hpp"

namespace guest {
namespace {

volatile std::uint64_t* target;
std::uint64_t value;

std::uint64_t flags() { return *target & ~entry::frame; }
void store() { *target = value; }
void exchange() { asm volatile("xchg %0, %1" : "+r"(value), "+m"(*target)); }
void and_byte() { asm volatile("lock andb %1, %0" : "+m"(*target) : "i"(0xfd)); }
void and_long() { asm volatile("lock andl %1, %0" : "+m"(*target) : "i"(~0x40)); }
void or_word() { asm volatile("orw %1, %0" : "+m"(*target) : "i"(0x40)); }
void compare_exchange() {
    std::uint64_t expected = *target;
    asm volatile("lock cmpxchg %2, %1" : "+a"(expected), "+m"(*target) : "r"(value));
}
void store_halves() {
    auto* halves = reinterpret_cast<volatile std::uint32_t*>(target);
    halves[0] = static_cast<std::uint32_t>(value);
    halves[1] = static_cast<std::uint32_t>(value >> 32);
}
void store_across() {
    *reinterpret_cast<volatile std::uint64_t*>(reinterpret_cast<std::uint64_t>(target) + 4) = 0;
}

void try_write(const char* name, void (*write)()) {
    clear_traps();
    run_guarded(write);
    Line line(name);
    if (trap_count() != 0) {
        line.text(" vector").number(static_cast<long>(trap().frame.vector)).text(" error");
        line.hex(trap().frame.error_code)
            .text(trap().cr2 == argument(target) ? " cr2 entry" : " cr2 other");
    }
    line.text(" flags").hex(flags());
}

}  // namespace

void check_table_writes() {
    const void* page = take_page();
    target = entry_of(spare_address(), 1);

    value = entry_for(page, entry::read_only);
    try_write("without_assist", store);
    report("assist.enable",
           hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables));
    try_write("store", store);
    value = entry_for(page, entry::read_write);
    try_write("exchange", exchange);
    report_hex("exchange.old", value & ~entry::frame);
    try_write("and_byte", and_byte);
    try_write("and_long", and_long);
    try_write("or_word", or_word);
    value = entry_for(page, entry::present);
    try_write("compare_exchange", compare_exchange);
    value = entry_for(page, entry::read_write);
    try_write("store_halves", store_halves);
    value = 0;
    try_write("store_absent", store);
    value = 0x1000;
    try_write("store_not_present", store);
    value = mfn_of(reinterpret_cast<const void*>(start()->pt_base)) << 12 | entry::read_write;
    try_write("map_table_writable", store);
    value = 0xf'ffff'ffffull << 12 | entry::read_write;
    try_write("map_mfn_not_there", store);
    value = entry_for(page, entry::read_write | entry::pse);
    try_write("map_with_pse_bit", store);
    value = 0;
    try_write("clear", store);
    try_write("store_across_entries", store_across);

    target = entry_of(spare_address(), 2);
    value = *target;
    try_write("store_to_l2", store);
    auto* plain = static_cast<volatile std::uint64_t*>(take_page());
    make_read_only(plain);
    target = plain;
    value = 5;
    try_write("store_to_read_only_page", store);
    make_writable(plain);

    report("assist.disable",
           hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_writable_pagetables));
    target = entry_of(spare_address(), 1);
    value = 0;
    try_write("without_assist_again", store);
}

}  // namespace guest
