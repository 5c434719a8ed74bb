// SPDX-License-Identifier: MIT
// Clock and timers: order and errors, no durations.
#include "hv/abi/event_channel.hpp"
#include "hv/abi/sched.hpp"
#include "hv/abi/vcpu.hpp"
#include "hv/abi/version.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/trap.hpp"

namespace guest {
namespace {

std::uint64_t tsc() {
    std::uint32_t low = 0, high = 0;
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return std::uint64_t{high} << 32 | low;
}

/// System time in nanoseconds, by the rule of xen.h.
std::uint64_t now() {
    const volatile vcpu_time_info& time = this_vcpu().time;
    std::uint32_t version;
    std::uint64_t result;
    do {
        version = time.version;
        asm volatile("" ::: "memory");
        std::uint64_t delta = tsc() - time.tsc_timestamp;
        const int shift = time.tsc_shift;
        delta = shift < 0 ? delta >> -shift : delta << shift;
        std::uint64_t scaled = 0, high = 0;
        asm("mulq %3"
            : "=a"(scaled), "=d"(high)
            : "a"(delta), "r"(std::uint64_t{time.tsc_to_system_mul}));
        result = time.system_time + (high << 32 | scaled >> 32);
        asm volatile("" ::: "memory");
    } while ((version & 1) != 0 || version != time.version);
    return result;
}

long singleshot(std::uint64_t when, unsigned flags = 0) {
    vcpu_set_singleshot_timer timer{when, flags};
    return hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer);
}

constexpr std::uint64_t millisecond = 1'000'000;

/// Blocks until an event, for a second at most; the upcall is left masked.
void wait(evtchn_port_t port) {
    sched_poll poll{};
    poll.ports.p = &port;
    poll.nr_ports = 1;
    poll.timeout = now() + 1000 * millisecond;
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
}
bool is_pending(evtchn_port_t port) {
    volatile xen_ulong_t& word = shared().evtchn_pending[port / 64];
    return (word >> port % 64 & 1) != 0;
}
void clear(evtchn_port_t port) {
    volatile xen_ulong_t& word = shared().evtchn_pending[port / 64];
    word = word & ~(1ul << port % 64);
    this_vcpu().evtchn_upcall_pending = 0;
    this_vcpu().evtchn_pending_sel = 0;
}

void check_clock() {
    const std::uint64_t first = now();
    std::uint64_t last = first;
    bool is_monotonic = true;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t next = now();
        if (next < last) is_monotonic = false;
        last = next;
    }
    report_bool("clock.is_monotonic", is_monotonic);
    report_bool("clock.advances", last > first);
    report_bool("wall_clock.is_set", shared().wc_sec != 0);
    report_bool("wall_clock.version_is_even", (shared().wc_version & 1) == 0);
}

void check_timers() {
    evtchn_bind_virq bind{VIRQ_TIMER, 0, 0};
    report("bind", hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &bind));
    const evtchn_port_t port = bind.port;
    report("stop_periodic",
           hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, nullptr));
    clear(port);

    report("singleshot.past_must_be_future", singleshot(1, VCPU_SSHOTTMR_future));
    wait(port);
    report_bool("singleshot.past_must_be_future_pending", is_pending(port));
    clear(port);
    const std::uint64_t deadline = now() + 5 * millisecond;
    report("singleshot.future", singleshot(deadline));
    report_bool("singleshot.pending_at_once", is_pending(port));
    wait(port);
    report_bool("singleshot.pending_later", is_pending(port));
    report_bool("singleshot.not_early", now() >= deadline);
    clear(port);
    report("singleshot.past", singleshot(1));
    wait(port);
    report_bool("singleshot.past_pending", is_pending(port));
    clear(port);
    report("singleshot.stopped", singleshot(now() + 5 * millisecond));
    report("stop_singleshot",
           hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, 0, nullptr));
    const std::uint64_t later = now() + 10 * millisecond;
    while (now() < later) hypercall(__HYPERVISOR_xen_version, XENVER_version, 0);
    report_bool("stop_singleshot.pending_later", is_pending(port));
    // The second deadline replaces the first.
    singleshot(now() + 5 * millisecond);
    const std::uint64_t second = now() + 15 * millisecond;
    singleshot(second);
    wait(port);
    report_bool("singleshot.replaced", now() >= second);
    clear(port);

    vcpu_set_periodic_timer periodic{1000};
    report("periodic.too_fast",
           hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, &periodic));
    periodic.period_ns = 5 * millisecond;
    report("periodic.good",
           hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, &periodic));
    for (const char* name : {"periodic.first", "periodic.second"}) {
        wait(port);
        report_bool(name, is_pending(port));
        clear(port);
    }
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, nullptr);

    const std::uint64_t timer_op = now() + 5 * millisecond;
    report("set_timer_op", hypercall(__HYPERVISOR_set_timer_op, timer_op));
    wait(port);
    report_bool("set_timer_op.fired", is_pending(port) && now() >= timer_op);
    clear(port);
    report("set_timer_op.none", hypercall(__HYPERVISOR_set_timer_op, 0));
    report("singleshot.other_vcpu",
           hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 1, &periodic));
    evtchn_close close{port};
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &close);
}

}  // namespace

void check_time() {
    check_clock();
    check_timers();
}

}  // namespace guest
