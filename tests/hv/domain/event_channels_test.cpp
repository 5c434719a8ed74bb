// SPDX-License-Identifier: MIT
#include "hv/domain/event_channels.hpp"

#include <gmock/gmock.h>

#include "hv/domain/back_end_port.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

class EventChannelsTest : public testing::Test {
protected:
    EventPort ipi(std::uint32_t vcpu = 0) { return port(events.bind_ipi(vcpu)); }
    static EventPort port(int result) {
        EXPECT_GT(result, 0);
        return EventPort{static_cast<std::uint32_t>(result)};
    }
    void set_masked(EventPort which, bool masked) {
        const std::uint64_t word = masked ? std::uint64_t{1} << which.raw % 64 : 0;
        small.frames.write(small.domain.shared_info(),
                           offsetof(shared_info, evtchn_mask) + which.raw / 64 * 8,
                           std::as_bytes(std::span{&word, 1}));
    }

    SmallDomain small{2};
    EventChannels& events = small.domain.events();
    VcpuInfo& info = small.vcpu().info();
};

TEST_F(EventChannelsTest, give_the_lowest_free_port_and_reuse_closed_ones) {
    EXPECT_EQ(events.bind_ipi(0), 3) << "1 and 2 are the store's and the console's";
    EXPECT_EQ(events.bind_ipi(1), 4);
    EXPECT_EQ(events.close(EventPort{3}), 0);
    EXPECT_EQ(events.bind_virq(VIRQ_TIMER, 0), 3);
}

TEST_F(EventChannelsTest, run_out_of_ports_at_the_limit) {
    for (std::uint32_t port = 3; port <= EventChannels::max_port; ++port) {
        ASSERT_EQ(events.bind_ipi(0), static_cast<int>(port));
    }
    EXPECT_EQ(events.bind_ipi(0), -XEN_ENOSPC);
    EXPECT_EQ(events.alloc_unbound(domain0), -XEN_ENOSPC);
    EXPECT_EQ(events.bind_virq(VIRQ_DEBUG, 0), -XEN_ENOSPC);
}

TEST_F(EventChannelsTest, raise_pending_then_selector_then_upcall) {
    const EventPort self = ipi();
    EXPECT_EQ(events.send(self), 0);
    EXPECT_TRUE(events.is_pending(self));
    EXPECT_EQ(info.pending_sel(), 1u);
    EXPECT_EQ(info.upcall_pending(), 1);
}

TEST_F(EventChannelsTest, only_set_the_pending_bit_of_a_masked_port) {
    const EventPort self = ipi();
    set_masked(self, true);
    EXPECT_EQ(events.send(self), 0);
    EXPECT_TRUE(events.is_pending(self));
    EXPECT_EQ(info.pending_sel(), 0u);
    EXPECT_EQ(info.upcall_pending(), 0);

    EXPECT_EQ(events.unmask(self), 0);
    EXPECT_EQ(info.pending_sel(), 1u);
    EXPECT_EQ(info.upcall_pending(), 1) << "unmask delivers what was held back";
}

TEST_F(EventChannelsTest, do_nothing_for_a_port_that_is_pending_already) {
    const EventPort self = ipi();
    events.send(self);
    info.set_upcall_pending(0);
    info.set_pending_sel(0);
    events.send(self);
    EXPECT_EQ(info.upcall_pending(), 0);
}

TEST_F(EventChannelsTest, notify_the_vcpu_of_the_port) {
    const EventPort second = ipi(1);
    events.send(second);
    EXPECT_EQ(info.upcall_pending(), 0);
    EXPECT_EQ(small.vcpu(1).info().upcall_pending(), 1);
}

TEST_F(EventChannelsTest, use_a_selector_bit_per_64_ports) {
    EventPort last{};
    for (int i = 0; i < 70; ++i) last = ipi();
    EXPECT_EQ(last.raw, 72u);
    events.send(last);
    EXPECT_EQ(info.pending_sel(), 2u);
}

TEST_F(EventChannelsTest, drop_a_send_to_a_back_end_that_has_not_come_yet) {
    EXPECT_EQ(events.send(EventPort{2}), 0);
    int heard = 0;
    EXPECT_TRUE(events.bind_back_end(EventPort{2}, [&] { ++heard; }));
    EXPECT_EQ(heard, 0);
}

TEST_F(EventChannelsTest, connect_a_back_end) {
    const EventPort console{2};
    EXPECT_FALSE(events.raise_from_back_end(console));
    int heard = 0;
    EXPECT_TRUE(events.bind_back_end(console, [&] { ++heard; }));
    EXPECT_FALSE(events.bind_back_end(console, [] {})) << "once";
    EXPECT_EQ(events.send(console), 0);
    EXPECT_EQ(heard, 1);
    EXPECT_FALSE(events.is_pending(console));
    EXPECT_TRUE(events.raise_from_back_end(console));
    EXPECT_TRUE(events.is_pending(console));
    EXPECT_EQ(events.close(console), 0);
    EXPECT_FALSE(events.is_pending(console)) << "a closed port forgets";
    EXPECT_FALSE(events.raise_from_back_end(console));
}

TEST_F(EventChannelsTest, wait_for_another_back_end_when_one_has_gone) {
    const EventPort console{2};
    int heard = 0;
    {
        BackEndPort end(small.domain, console, [&] { ++heard; });
        ASSERT_TRUE(end.is_bound());
        EXPECT_EQ(events.send(console), 0);
    }
    EXPECT_EQ(events.send(console), 0);
    EXPECT_EQ(heard, 1);
    BackEndPort next(small.domain, console, [&] { ++heard; });
    EXPECT_TRUE(next.is_bound());
    EXPECT_EQ(events.send(console), 0);
    EXPECT_EQ(heard, 2);
}

TEST_F(EventChannelsTest, connect_a_domain_with_itself) {
    const EventPort near = port(events.alloc_unbound(abi::domid_self));
    const EventPort far = port(events.bind_interdomain(abi::domid_self, near));
    EXPECT_TRUE(events.is_pending(far)) << "binding raises the local end";
    EXPECT_EQ(events.find(near)->remote_port, far);
    EXPECT_EQ(events.send(far), 0);
    EXPECT_TRUE(events.is_pending(near));
    EXPECT_EQ(events.close(far), 0);
    EXPECT_EQ(events.find(near)->state, EventChannel::State::unbound);
    EXPECT_EQ(events.close(near), 0);
}

TEST_F(EventChannelsTest, connect_two_domains) {
    SmallDomain other{1, DomainId{2}};
    small.hypervisor.others[2] = &other.domain;
    other.hypervisor.others[1] = &small.domain;
    const EventPort offered = port(events.alloc_unbound(DomainId{2}));
    EXPECT_EQ(other.domain.events().bind_interdomain(DomainId{1}, EventPort{1}), -XEN_EINVAL)
        << "that one is for Domain-0";
    const EventPort theirs = port(other.domain.events().bind_interdomain(DomainId{1}, offered));
    EXPECT_EQ(other.domain.events().send(theirs), 0);
    EXPECT_TRUE(events.is_pending(offered));
    EXPECT_EQ(events.close(offered), 0);
    EXPECT_EQ(other.domain.events().find(theirs)->state, EventChannel::State::unbound);
    EXPECT_EQ(other.domain.events().send(theirs), 0);
    EXPECT_EQ(events.bind_interdomain(DomainId{3}, EventPort{1}), -XEN_ESRCH);
    EXPECT_EQ(events.bind_interdomain(domain0, EventPort{1}), -XEN_EINVAL);
}

TEST_F(EventChannelsTest, tell_the_other_end_when_a_domain_goes_away) {
    EventPort theirs{};
    {
        SmallDomain other{1, DomainId{2}};
        small.hypervisor.others[2] = &other.domain;
        other.hypervisor.others[1] = &small.domain;
        theirs = port(other.domain.events().alloc_unbound(DomainId{1}));
        const EventPort ours = port(events.bind_interdomain(DomainId{2}, theirs));
        EXPECT_EQ(ours.raw, 3u);
        other.domain.release_memory();
        small.hypervisor.others.clear();
    }
    EXPECT_EQ(events.find(EventPort{3})->state, EventChannel::State::unbound);
    EXPECT_EQ(events.send(EventPort{3}), 0) << "and what is sent there is dropped";
}

/// Two guests, connected: port `near` of domain 1 and port `far` of domain 2.
class ConnectedDomains : public testing::Test {
protected:
    ConnectedDomains() {
        near = EventPort{static_cast<std::uint32_t>(a.domain.events().alloc_unbound(DomainId{2}))};
        far = EventPort{
            static_cast<std::uint32_t>(b.domain.events().bind_interdomain(DomainId{1}, near))};
    }
    static bool take(SmallDomain& domain, EventPort port) {
        const bool was_pending = domain.domain.events().is_pending(port);
        const std::uint64_t none = 0;
        domain.frames.write(domain.domain.shared_info(),
                            offsetof(shared_info, evtchn_pending) + port.raw / 64 * 8,
                            std::as_bytes(std::span{&none, 1}));
        domain.vcpu().info().set_pending_sel(0);
        domain.vcpu().info().set_upcall_pending(0);
        return was_pending;
    }
    static evtchn_status_t status(SmallDomain& domain, EventPort port) {
        evtchn_status_t request{};
        request.dom = DOMID_SELF;
        request.port = port.raw;
        EXPECT_EQ(domain.hypercall_with(__HYPERVISOR_event_channel_op, EVTCHNOP_status, request),
                  0);
        return domain.argument<evtchn_status_t>();
    }

    SmallMachine machine;
    SmallDomain a{machine, DomainId{1}}, b{machine, DomainId{2}, 2};
    EventPort near, far;
};

TEST_F(ConnectedDomains, send_both_ways) {
    EXPECT_TRUE(take(b, far)) << "the one that binds looks once";
    EXPECT_EQ(a.domain.events().send(near), 0);
    EXPECT_TRUE(take(b, far));
    EXPECT_EQ(b.vcpu().info().upcall_pending(), 0);
    EXPECT_FALSE(take(a, near));
    EXPECT_EQ(b.domain.events().send(far), 0);
    EXPECT_TRUE(take(a, near));
    EXPECT_FALSE(take(b, far));
    EXPECT_EQ(b.domain.events().bind_vcpu(far, 1), 0);
    EXPECT_EQ(a.domain.events().send(near), 0);
    EXPECT_EQ(b.vcpu(1).info().upcall_pending(), 1);
}

TEST_F(ConnectedDomains, wake_each_other) {
    take(b, far);
    b.vcpu().info().set_upcall_mask(0);
    b.vcpu().block();
    ASSERT_TRUE(b.vcpu().is_blocked());
    EXPECT_EQ(a.domain.events().send(near), 0);
    EXPECT_FALSE(b.vcpu().is_blocked());
}

TEST_F(ConnectedDomains, tell_what_they_are_connected_to) {
    const evtchn_status_t ours = status(a, near), theirs = status(b, far);
    EXPECT_EQ(ours.status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(ours.u.interdomain.dom, 2);
    EXPECT_EQ(ours.u.interdomain.port, far.raw);
    EXPECT_EQ(theirs.status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(theirs.u.interdomain.dom, 1);
    EXPECT_EQ(theirs.u.interdomain.port, near.raw);
    evtchn_status_t foreign{};
    foreign.dom = 2;
    foreign.port = far.raw;
    EXPECT_EQ(a.hypercall_with(__HYPERVISOR_event_channel_op, EVTCHNOP_status, foreign),
              -XEN_EPERM);
}

TEST_F(ConnectedDomains, connect_once) {
    EXPECT_EQ(b.domain.events().bind_interdomain(DomainId{1}, near), -XEN_EINVAL);
    SmallDomain c{machine, DomainId{3}};
    const int offered = a.domain.events().alloc_unbound(DomainId{2});
    EXPECT_EQ(c.domain.events().bind_interdomain(DomainId{1},
                                                 EventPort{static_cast<std::uint32_t>(offered)}),
              -XEN_EINVAL)
        << "offered to somebody else";
    machine.hypervisor.others.erase(3);
}

TEST_F(ConnectedDomains, close_on_either_side) {
    EXPECT_EQ(b.domain.events().close(far), 0);
    evtchn_status_t left = status(a, near);
    EXPECT_EQ(left.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(left.u.unbound.dom, 2);
    EXPECT_EQ(a.domain.events().send(near), 0) << "dropped";
    EXPECT_EQ(b.domain.events().send(far), -XEN_EINVAL);
    // The same end can be bound again.
    far = EventPort{
        static_cast<std::uint32_t>(b.domain.events().bind_interdomain(DomainId{1}, near))};
    take(b, far);
    EXPECT_EQ(a.domain.events().send(near), 0);
    EXPECT_TRUE(take(b, far));
    EXPECT_EQ(a.domain.events().close(near), 0);
    left = status(b, far);
    EXPECT_EQ(left.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(left.u.unbound.dom, 1);
    EXPECT_EQ(b.domain.events().close(far), 0);
    EXPECT_EQ(status(a, near).status, EVTCHNSTAT_closed);
}

TEST_F(ConnectedDomains, reset_closes_one_side_alone) {
    a.domain.events().reset();
    EXPECT_EQ(status(a, near).status, EVTCHNSTAT_closed);
    EXPECT_EQ(status(b, far).status, EVTCHNSTAT_unbound);
    EXPECT_EQ(b.domain.events().send(far), 0);
    EXPECT_FALSE(a.domain.events().is_pending(near));
}

TEST_F(ConnectedDomains, lose_the_other_side_when_it_dies) {
    a.domain.release_memory();
    machine.hypervisor.others.erase(1);
    const evtchn_status_t left = status(b, far);
    EXPECT_EQ(left.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(left.u.unbound.dom, 1);
    EXPECT_EQ(b.domain.events().send(far), 0);
    EXPECT_EQ(b.domain.events().close(far), 0);
    EXPECT_EQ(b.domain.events().bind_interdomain(DomainId{1}, near), -XEN_ESRCH);
}

TEST_F(EventChannelsTest, bind_virtual_interrupts_once_per_vcpu) {
    const EventPort timer = port(events.bind_virq(VIRQ_TIMER, 1));
    EXPECT_EQ(events.bind_virq(VIRQ_TIMER, 1), -XEN_EEXIST);
    EXPECT_GT(events.bind_virq(VIRQ_TIMER, 0), 0);
    EXPECT_EQ(events.bind_virq(VIRQ_TIMER, 2), -XEN_ENOENT);
    EXPECT_EQ(events.bind_virq(NR_VIRQS, 0), -XEN_EINVAL);
    EXPECT_EQ(events.bind_virq(VIRQ_DOM_EXC, 1), -XEN_EINVAL) << "a global one begins on vCPU 0";
    EXPECT_EQ(events.bind_vcpu(timer, 0), -XEN_EINVAL) << "and one per vCPU stays where it is";
    events.raise_virq(small.vcpu(1), VIRQ_TIMER);
    EXPECT_TRUE(events.is_pending(timer));
    EXPECT_EQ(events.send(timer), -XEN_EINVAL);
    EXPECT_EQ(events.close(timer), 0);
    EXPECT_GT(events.bind_virq(VIRQ_TIMER, 1), 0);
}

TEST_F(EventChannelsTest, move_only_what_may_move) {
    const EventPort global = port(events.bind_virq(VIRQ_DOM_EXC, 0));
    EXPECT_EQ(events.bind_vcpu(global, 1), 0);
    EXPECT_EQ(events.bind_vcpu(EventPort{1}, 1), 0);
    EXPECT_EQ(events.bind_vcpu(EventPort{1}, 2), -XEN_ENOENT);
    EXPECT_EQ(events.bind_vcpu(ipi(), 1), -XEN_EINVAL);
    EXPECT_EQ(events.bind_vcpu(EventPort{99}, 1), -XEN_EINVAL);
}

TEST_F(EventChannelsTest, refuse_ports_that_are_not_there) {
    for (const std::uint32_t raw : {0u, 900u, 1024u, 4096u, ~0u}) {
        const EventPort nowhere{raw};
        EXPECT_EQ(events.send(nowhere), -XEN_EINVAL) << raw;
        EXPECT_EQ(events.close(nowhere), -XEN_EINVAL) << raw;
        EXPECT_EQ(events.bind_interdomain(abi::domid_self, nowhere), -XEN_EINVAL) << raw;
        EXPECT_FALSE(events.bind_back_end(nowhere, [] {})) << raw;
        EXPECT_FALSE(events.raise_from_back_end(nowhere)) << raw;
    }
    EXPECT_EQ(events.unmask(EventPort{1024}), -XEN_EINVAL);
}

TEST_F(EventChannelsTest, reset_closes_everything) {
    small.domain.events().bind_virq(VIRQ_TIMER, 0);
    events.reset();
    for (std::uint32_t raw = 1; raw < EventChannels::ports_per_group; ++raw) {
        EXPECT_EQ(events.find(EventPort{raw})->state, EventChannel::State::closed);
    }
    EXPECT_EQ(events.bind_virq(VIRQ_TIMER, 0), 1);
}

TEST_F(EventChannelsTest, wake_a_blocked_vcpu_once) {
    const EventPort self = ipi(), again = ipi();
    small.vcpu().block();
    ASSERT_TRUE(small.vcpu().is_blocked());
    const int wakes = small.hypervisor.wakes;
    events.send(self);
    events.send(again);
    EXPECT_FALSE(small.vcpu().is_blocked());
    EXPECT_EQ(small.hypervisor.wakes, wakes + 1);
}

}  // namespace
}  // namespace ring3
