// SPDX-License-Identifier: MIT
// Event channels: their operations with good and bad arguments, and when the upcall comes.
#include "hv/abi/event_channel.hpp"
#include "hv/abi/sched.hpp"
#include "hv/abi/version.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/trap.hpp"

namespace guest {
namespace {

template <class T>
long op(unsigned command, T& argument) {
    return hypercall(__HYPERVISOR_event_channel_op, command, &argument);
}

long bind_virq(unsigned virq, unsigned vcpu, evtchn_port_t& port) {
    evtchn_bind_virq bind{virq, vcpu, 0};
    const long result = op(EVTCHNOP_bind_virq, bind);
    port = bind.port;
    return result;
}
long bind_ipi(unsigned vcpu, evtchn_port_t& port) {
    evtchn_bind_ipi bind{vcpu, 0};
    const long result = op(EVTCHNOP_bind_ipi, bind);
    port = bind.port;
    return result;
}
long alloc_unbound(domid_t domain, domid_t remote, evtchn_port_t& port) {
    evtchn_alloc_unbound alloc{domain, remote, 0};
    const long result = op(EVTCHNOP_alloc_unbound, alloc);
    port = alloc.port;
    return result;
}
long send(evtchn_port_t port) {
    evtchn_send send{port};
    return op(EVTCHNOP_send, send);
}
long close(evtchn_port_t port) {
    evtchn_close close{port};
    return op(EVTCHNOP_close, close);
}
long unmask(evtchn_port_t port) {
    evtchn_unmask unmask{port};
    return op(EVTCHNOP_unmask, unmask);
}
/// The port's state (EVTCHNSTAT_*), or the error.
long status(evtchn_port_t port) {
    evtchn_status status{};
    status.dom = DOMID_SELF;
    status.port = port;
    const long result = op(EVTCHNOP_status, status);
    return result != 0 ? result : static_cast<long>(status.status);
}

volatile xen_ulong_t& pending_word(evtchn_port_t port) {
    return shared().evtchn_pending[port / 64];
}
volatile xen_ulong_t& mask_word(evtchn_port_t port) { return shared().evtchn_mask[port / 64]; }
bool is_pending(evtchn_port_t port) { return (pending_word(port) >> port % 64 & 1) != 0; }
void mask_port(evtchn_port_t port) { mask_word(port) = mask_word(port) | 1ul << port % 64; }
void unmask_port(evtchn_port_t port) { mask_word(port) = mask_word(port) & ~(1ul << port % 64); }
void clear_all() {
    for (auto& word : shared().evtchn_pending) word = 0;
    this_vcpu().evtchn_pending_sel = 0;
    this_vcpu().evtchn_upcall_pending = 0;
}
volatile std::uint8_t& upcall_mask() { return this_vcpu().evtchn_upcall_mask; }
volatile std::uint8_t& upcall_pending() { return this_vcpu().evtchn_upcall_pending; }

constexpr evtchn_port_t high_port = 4095, past_end = 4096, never = 1'000'000;

void check_binding(evtchn_port_t& port) {
    evtchn_port_t other = 0;
    report("bind_ipi", bind_ipi(0, port));
    report("bind_ipi.no_vcpu", bind_ipi(1, other));
    report("bind_ipi.far_vcpu", bind_ipi(10000, other));
    report("status.ipi", status(port));
    report("status.free", status(port + 100));
    report("status.port_0", status(0));
    report("status.high_port", status(high_port));
    report("status.past_end", status(past_end));
    report("status.never", status(never));

    evtchn_port_t virq = 0;
    report("bind_virq", bind_virq(VIRQ_DEBUG, 0, virq));
    report("bind_virq.twice", bind_virq(VIRQ_DEBUG, 0, other));
    report("bind_virq.unknown", bind_virq(24, 0, other));
    report("bind_virq.no_vcpu", bind_virq(VIRQ_TIMER, 1, other));
    report("bind_virq.far_vcpu", bind_virq(VIRQ_TIMER, 10000, other));
    report("status.virq", status(virq));
    report("close.virq", close(virq));
    report("status.closed", status(virq));
    report("close.twice", close(virq));
    report("close.port_0", close(0));
    report("close.never", close(never));
    report("bind_virq.after_close", bind_virq(VIRQ_DEBUG, 0, other));
    report_bool("bind_virq.takes_lowest_port", other == virq);
    close(other);

    evtchn_port_t unbound = 0;
    report("alloc_unbound.self", alloc_unbound(DOMID_SELF, DOMID_SELF, unbound));
    report("status.unbound", status(unbound));
    report("send.unbound", send(unbound));
    report("alloc_unbound.no_domain", alloc_unbound(0x1234, DOMID_SELF, other));
    evtchn_bind_interdomain bind{DOMID_SELF, unbound, 0};
    report("bind_interdomain.self", op(EVTCHNOP_bind_interdomain, bind));
    report("status.interdomain", status(bind.local_port));
    const evtchn_port_t local = bind.local_port;
    report("send.interdomain", send(local));
    report_bool("send.other_end_is_pending", is_pending(unbound));
    // Connecting, too, tells the connecting end.
    report_bool("send.own_end_is_pending", is_pending(local));
    bind = {DOMID_SELF, unbound, 0};
    report("bind_interdomain.taken", op(EVTCHNOP_bind_interdomain, bind));
    bind = {0x1234, 1, 0};
    report("bind_interdomain.no_domain", op(EVTCHNOP_bind_interdomain, bind));
    bind = {DOMID_SELF, never, 0};
    report("bind_interdomain.never", op(EVTCHNOP_bind_interdomain, bind));
    report("close.interdomain", close(local));
    report("status.other_end", status(unbound));
    close(unbound);

    evtchn_bind_vcpu bind_vcpu{port, 0};
    report("bind_vcpu.ipi", op(EVTCHNOP_bind_vcpu, bind_vcpu));
    bind_vcpu = {0, 0};
    report("bind_vcpu.port_0", op(EVTCHNOP_bind_vcpu, bind_vcpu));
    bind_vcpu = {port, 7};
    report("bind_vcpu.no_vcpu", op(EVTCHNOP_bind_vcpu, bind_vcpu));
    report("unmask.port_0", unmask(0));
    report("unmask.never", unmask(never));
    report("send.port_0", send(0));
    report("send.free", send(port + 100));
    report("send.never", send(never));
    evtchn_reset reset{0x1234};
    report("reset.no_domain", op(EVTCHNOP_reset, reset));
    evtchn_expand_array expand{0};
    report("expand_array.without_fifo", op(EVTCHNOP_expand_array, expand));
    evtchn_set_priority priority{port, 7};
    report("set_priority.without_fifo", op(EVTCHNOP_set_priority, priority));
    clear_all();
}

void report_state(const char* name, evtchn_port_t port) {
    Line(name)
        .text(" upcalls")
        .number(trap_count())
        .text(" pending")
        .number(is_pending(port))
        .number(upcall_pending())
        .number(static_cast<long>(this_vcpu().evtchn_pending_sel >> port / 64 & 1))
        .text(" mask")
        .number(upcall_mask());
}

void check_delivery(evtchn_port_t port) {
    upcall_mask() = 1;
    clear_traps();
    report("deliver.send_masked", send(port));
    report_state("deliver.after_send", port);
    upcall_mask() = 0;
    report_state("deliver.after_plain_unmask", port);
    hypercall(__HYPERVISOR_xen_version, XENVER_version, 0);
    report_state("deliver.after_hypercall", port);
    report_recorded("deliver.frame", 0);
    report_hex("deliver.mask_in_handler", trap().upcall_mask);

    clear_traps();
    clear_all();
    send(port);
    report_state("deliver.send_unmasked", port);
    send(port);
    report_state("deliver.send_again_while_pending", port);

    clear_traps();
    clear_all();
    mask_port(port);
    send(port);
    report_state("deliver.port_masked", port);
    unmask(port);
    report_state("deliver.port_unmasked", port);

    clear_traps();
    clear_all();
    upcall_mask() = 1;
    upcall_pending() = 1;
    asm volatile("int3");
    report_state("deliver.masked_through_trap", port);
    clear_traps();
    upcall_mask() = 0;
    asm volatile("int3");
    report_state("deliver.on_return_from_trap", port);
    report_hex("deliver.first_vector", trap(0).frame.vector);
    report_hex("deliver.second_vector", trap(1).frame.vector);
    upcall_mask() = 1;
    clear_all();
}

void check_sched(evtchn_port_t port) {
    report("sched.yield", hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, nullptr));
    // With an event pending, block returns at once, and unmasks.
    upcall_mask() = 1;
    send(port);
    clear_traps();
    report("sched.block", hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, nullptr));
    report_state("sched.after_block", port);
    upcall_mask() = 1;

    evtchn_port_t ports[130] = {port};
    sched_poll poll{};
    poll.ports.p = ports;
    poll.nr_ports = 1;
    poll.timeout = 1;
    report("poll.pending", hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll));
    clear_all();
    report("poll.timeout", hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll));
    poll.nr_ports = 0;
    report("poll.no_port", hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll));
    poll.nr_ports = 130;
    report("poll.too_many", hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll));
    poll.nr_ports = 1;
    ports[0] = never;
    report("poll.never", hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll));
    poll.ports.p = reinterpret_cast<evtchn_port_t*>(unmapped);
    report("poll.ports_unmapped", hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll));
    sched_remote_shutdown remote{0x1234, 0};
    report("remote_shutdown", hypercall(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &remote));
    clear_all();
}

}  // namespace

void check_events() {
    evtchn_port_t port = 0;
    check_binding(port);
    unmask_port(port);
    check_delivery(port);
    check_sched(port);
    close(port);
}

}  // namespace guest
