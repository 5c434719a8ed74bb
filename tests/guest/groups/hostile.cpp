// SPDX-License-Identifier: MIT
// Guests that ruin themselves, or try to ruin others: each ends or goes on as the ABI says, and
// never takes the hypervisor along. A line "hostile...survived" says that the guest came back.
#include "hv/abi/event_channel.hpp"
#include "hv/abi/sched.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"
#include "tests/guest/kernel/trap.hpp"

extern "C" {
void hostile_spin();
void hostile_no_stack();
void hostile_jump_not_canonical();
void hostile_iret_no_stack();
void hostile_iret_not_canonical();
}

namespace guest {
namespace {

void forget_traps() { hypercall(__HYPERVISOR_set_trap_table, nullptr); }

}  // namespace

/// A fault without a handler: what a triple fault is to hardware.
void hostile_fault_without_handler() {
    forget_traps();
    asm volatile("ud2");
}

void hostile_spin_masked() {
    this_vcpu().evtchn_upcall_mask = 1;
    hostile_spin();
}

/// More than the ring holds, many times over, and no yield.
void hostile_flood_console() {
    for (int i = 0; i < 2000; ++i)
        Line("line").number(i).text(" ......................................");
    print("hostile_flood_console/survived: yes\n");
}

/// Garbage in the console's indices.
void hostile_corrupt_console() {
    if (is_dom0()) return;
    auto* ring = static_cast<volatile std::uint32_t*>(page_of_mfn(start()->console.domU.mfn));
    for (std::uint32_t i = 0; i < 64; ++i) {
        ring[0xc00 / 4 + i % 4] = i * 0x9e37'79b9;
        evtchn_send send{start()->console.domU.evtchn};
        hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, nullptr);
    }
    shut_down(SHUTDOWN_poweroff);
}

/// Unmaps the code that runs, then the stack.
void hostile_unmap_itself() {
    for (std::uint64_t va = virt_base; va < virt_base + 0x40'0000; va += 4096) {
        hypercall(__HYPERVISOR_update_va_mapping, va, 0, UVMF_TLB_FLUSH);
    }
}

void hostile_jump_nowhere() {
    forget_traps();
    hostile_jump_not_canonical();
}
void hostile_lose_stack() { hostile_no_stack(); }
void hostile_iret_without_frame() { hostile_iret_no_stack(); }
void hostile_iret_nowhere() {
    forget_traps();
    hostile_iret_not_canonical();
}

/// Faults in the handler of a fault, until the stack is used up.
void hostile_fault_in_handler() {
    set_trap_hook([](TrapFrame&) { asm volatile("ud2"); });
    asm volatile("ud2");
}

/// An unreasonable number of hypercalls with unreasonable arguments, the same in every run.
void hostile_garbage_hypercalls() {
    std::uint64_t seed = 1;
    const auto random = [&] {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        return seed >> 33 | seed << 31;
    };
    auto* page = static_cast<std::uint64_t*>(take_page());
    const auto argument_of_some_kind = [&]() -> std::uint64_t {
        switch (random() % 10) {
            case 0:
                return random();
            case 1:
                return random() % 64;
            case 2:
                return unmapped + random() % 4096;
            case 3:
                return not_canonical;
            case 4:
                return inside_xen + random() % 4096;
            case 5:
                return 0;
            case 6:
                return ~std::uint64_t{0};
            case 7:
                return DOMID_SELF;
            case 8:
                return spare_address() + random() % 4096;
            default:
                return argument(page) + random() % 4096;
        }
    };
    unsigned answered = 0;
    for (int i = 0; i < 20000; ++i) {
        for (unsigned n = 0; n < 512; ++n) {
            // Small numbers, machine addresses of our own, and noise.
            const std::uint64_t r = random();
            page[n] = n % 3 == 0 ? r % 32 : n % 3 == 1 ? mfn_of(page) << (r % 2 * 12) : r >> r % 64;
        }
        const std::uint64_t number = random() % 64;
        // Those that would end or stop the guest by right, send its next trap elsewhere, or take
        // its own pages away.
        if (number == __HYPERVISOR_sched_op || number == __HYPERVISOR_sched_op_compat ||
            number == __HYPERVISOR_iret || number == __HYPERVISOR_stack_switch ||
            number == __HYPERVISOR_set_trap_table || number == __HYPERVISOR_callback_op ||
            number == __HYPERVISOR_set_callbacks || number == __HYPERVISOR_multicall ||
            number == __HYPERVISOR_update_va_mapping ||
            number == __HYPERVISOR_update_va_mapping_otherdomain ||
            number == __HYPERVISOR_console_io) {
            continue;
        }
        hypercall(number, argument_of_some_kind(), argument_of_some_kind(), argument_of_some_kind(),
                  argument_of_some_kind(), argument_of_some_kind());
        ++answered;
    }
    report_bool("survived", answered > 10000);
}

}  // namespace guest
