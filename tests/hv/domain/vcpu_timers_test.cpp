// SPDX-License-Identifier: MIT
// Timers, sleeping, and what a guest is told of time.
#include <gmock/gmock.h>

#include "hv/abi/sched.hpp"
#include "hv/abi/vcpu.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class Timers : public testing::Test {
protected:
    Timers() { timer_port.raw = static_cast<std::uint32_t>(events.bind_virq(VIRQ_TIMER, 0)); }
    Time at(Duration since_start) { return Time{} + since_start; }
    void pass_to(Time time) {
        hypervisor.time = time;
        if (hypervisor.timer && *hypervisor.timer <= time) {
            hypervisor.timer.reset();
            vcpu.timer_expired(time);
        }
    }
    bool rang() {
        const bool pending = events.is_pending(timer_port);
        const std::uint64_t none = 0;
        small.frames.write(small.domain.shared_info(), offsetof(shared_info, evtchn_pending),
                           std::as_bytes(std::span{&none, 1}));
        vcpu.info().set_pending_sel(0);
        vcpu.info().set_upcall_pending(0);
        return pending;
    }
    std::int64_t set_singleshot(Duration deadline, std::uint32_t flags = 0) {
        return small.hypercall_vcpu(
            VCPUOP_set_singleshot_timer, 0,
            vcpu_set_singleshot_timer{static_cast<std::uint64_t>(deadline.count()), flags});
    }
    std::int64_t watchdog(std::uint32_t id, std::uint32_t seconds) {
        return small.hypercall_with(__HYPERVISOR_sched_op, SCHEDOP_watchdog,
                                    sched_watchdog{id, seconds});
    }

    SmallDomain small;
    FakeHypervisor& hypervisor = small.hypervisor;
    EventChannels& events = small.domain.events();
    Vcpu& vcpu = small.vcpu();
    EventPort timer_port{};
};

TEST_F(Timers, a_single_shot_fires_once_at_its_time) {
    EXPECT_EQ(set_singleshot(5ms), 0);
    EXPECT_EQ(hypervisor.timer, at(5ms));
    pass_to(at(4999999ns));
    EXPECT_FALSE(rang());
    pass_to(at(5ms));
    EXPECT_TRUE(rang());
    EXPECT_EQ(hypervisor.timer, std::nullopt);
}

TEST_F(Timers, a_deadline_gone_by_fires_at_once) {
    EXPECT_EQ(set_singleshot(1us), 0);
    EXPECT_TRUE(rang());
    EXPECT_EQ(hypervisor.timer, std::nullopt);
    EXPECT_EQ(set_singleshot(1us, VCPU_SSHOTTMR_future), 0) << "the flag is ignored";
    EXPECT_TRUE(rang());
}

TEST_F(Timers, a_new_deadline_replaces_the_old_one_and_none_stops_it) {
    set_singleshot(5ms);
    set_singleshot(9ms);
    EXPECT_EQ(hypervisor.timer, at(9ms));
    EXPECT_EQ(small.hypercall(__HYPERVISOR_vcpu_op, {VCPUOP_stop_singleshot_timer, 0, 0}), 0);
    EXPECT_EQ(hypervisor.timer, std::nullopt);
}

TEST_F(Timers, a_deadline_beyond_time_never_comes) {
    EXPECT_EQ(set_singleshot(Duration{-1}), 0);
    EXPECT_EQ(hypervisor.timer, never);
}

TEST_F(Timers, a_periodic_timer_goes_on_from_when_it_fired) {
    EXPECT_EQ(
        small.hypercall_vcpu(VCPUOP_set_periodic_timer, 0, vcpu_set_periodic_timer{10'000'000}), 0);
    EXPECT_EQ(hypervisor.timer, at(11ms));
    pass_to(at(31ms));
    EXPECT_TRUE(rang());
    EXPECT_EQ(hypervisor.timer, at(41ms));
    EXPECT_EQ(small.hypercall(__HYPERVISOR_vcpu_op, {VCPUOP_stop_periodic_timer, 0, 0}), 0);
    EXPECT_EQ(hypervisor.timer, std::nullopt);
}

TEST_F(Timers, the_machine_hears_of_the_earliest) {
    small.hypercall_vcpu(VCPUOP_set_periodic_timer, 0, vcpu_set_periodic_timer{10'000'000});
    set_singleshot(3ms);
    EXPECT_EQ(hypervisor.timer, at(3ms));
    pass_to(at(3ms));
    EXPECT_EQ(hypervisor.timer, at(11ms));
}

TEST_F(Timers, set_timer_op_is_the_single_shot_too) {
    EXPECT_EQ(small.hypercall(__HYPERVISOR_set_timer_op, {5'000'000}), 0);
    EXPECT_EQ(hypervisor.timer, at(5ms));
    EXPECT_EQ(small.hypercall(__HYPERVISOR_set_timer_op, {0}), 0);
    EXPECT_EQ(hypervisor.timer, std::nullopt);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_set_timer_op, {~std::uint64_t{0}}), 0);
    EXPECT_EQ(hypervisor.timer, at(101ms)) << "an absurd deadline is looked at again soon";
}

TEST_F(Timers, a_watchdog_shuts_the_domain_down_unless_it_is_fed) {
    EXPECT_EQ(watchdog(0, 2), 1);
    EXPECT_EQ(watchdog(0, 3), 2);
    EXPECT_EQ(watchdog(0, 3), -XEN_ENOSPC);
    EXPECT_EQ(watchdog(0, 0), -XEN_EINVAL);
    EXPECT_EQ(watchdog(3, 1), -XEN_EINVAL);
    pass_to(at(1s));
    EXPECT_EQ(watchdog(1, 5), 0);
    EXPECT_EQ(watchdog(2, 0), 0);
    EXPECT_EQ(watchdog(2, 4), -XEN_EINVAL) << "it is free now";
    pass_to(at(5s));
    EXPECT_EQ(small.domain.shutdown_reason(), std::nullopt);
    pass_to(at(6s));
    EXPECT_EQ(small.domain.shutdown_reason(), std::uint32_t{SHUTDOWN_watchdog});
    EXPECT_EQ(hypervisor.timer, std::nullopt);
}

// Sleeping ---------------------------------------------------------------------------------------

TEST_F(Timers, block_opens_the_events_and_sleeps_until_one_comes) {
    vcpu.info().set_upcall_mask(1);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_sched_op, {SCHEDOP_block}), 0);
    EXPECT_EQ(small.last, Domain::Next::block);
    EXPECT_EQ(vcpu.info().upcall_mask(), 0);
    EXPECT_FALSE(vcpu.is_runnable());
    set_singleshot(5ms);  // by the fake only: a sleeping vCPU makes no calls
    pass_to(at(5ms));
    EXPECT_TRUE(vcpu.is_runnable());
}

TEST_F(Timers, block_with_an_event_pending_does_not_sleep) {
    vcpu.info().set_upcall_pending(1);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_sched_op, {SCHEDOP_block}), 0);
    EXPECT_EQ(small.last, Domain::Next::run);
}

TEST_F(Timers, yield_is_told_to_the_machine_once) {
    EXPECT_EQ(small.hypercall(__HYPERVISOR_sched_op, {SCHEDOP_yield}), 0);
    EXPECT_EQ(small.last, Domain::Next::yield);
    small.hypercall(__HYPERVISOR_xen_version, {0});
    EXPECT_EQ(small.last, Domain::Next::run);
}

class Polls : public Timers {
protected:
    std::int64_t poll(std::vector<std::uint32_t> ports, std::uint64_t timeout_ns) {
        for (std::size_t i = 0; i < ports.size(); ++i) {
            small.put(SmallDomain::data_va + 0x100 + i * 4, ports[i]);
        }
        sched_poll request{};
        request.ports.p = reinterpret_cast<evtchn_port_t*>(SmallDomain::data_va + 0x100);
        request.nr_ports = static_cast<unsigned>(ports.size());
        request.timeout = timeout_ns;
        return small.hypercall_with(__HYPERVISOR_sched_op, SCHEDOP_poll, request);
    }
};

TEST_F(Polls, sleep_until_one_of_the_ports_is_pending_though_masked) {
    const std::uint64_t all = ~std::uint64_t{0};
    small.frames.write(small.domain.shared_info(), offsetof(shared_info, evtchn_mask),
                       std::as_bytes(std::span{&all, 1}));
    const auto other = static_cast<std::uint32_t>(events.bind_ipi(0));
    EXPECT_EQ(poll({timer_port.raw}, 0), 0);
    EXPECT_EQ(small.last, Domain::Next::block);
    events.send(EventPort{other});
    EXPECT_FALSE(vcpu.is_runnable()) << "that port is not polled";
    events.raise_virq(vcpu, VIRQ_TIMER);
    EXPECT_TRUE(vcpu.is_runnable());
    EXPECT_EQ(poll({timer_port.raw}, 0), 0);
    EXPECT_EQ(small.last, Domain::Next::run) << "pending already";
}

TEST_F(Polls, end_at_their_deadline) {
    EXPECT_EQ(poll({timer_port.raw}, 4'000'000), 0);
    EXPECT_EQ(hypervisor.timer, at(4ms));
    pass_to(at(4ms));
    EXPECT_TRUE(vcpu.is_runnable());
    EXPECT_FALSE(rang());
}

TEST_F(Polls, with_a_deadline_gone_by_do_not_sleep) {
    EXPECT_EQ(poll({timer_port.raw}, 1), 0);
    EXPECT_EQ(small.last, Domain::Next::run);
}

TEST_F(Polls, refuse_bad_arguments) {
    EXPECT_EQ(poll({5000}, 0), -XEN_EINVAL);
    sched_poll request{};
    request.nr_ports = 129;
    EXPECT_EQ(small.hypercall_with(__HYPERVISOR_sched_op, SCHEDOP_poll, request), -XEN_EINVAL);
    request.nr_ports = 1;
    EXPECT_EQ(small.hypercall_with(__HYPERVISOR_sched_op, SCHEDOP_poll, request), -XEN_EFAULT);
    EXPECT_TRUE(vcpu.is_runnable());
}

// What the guest reads ---------------------------------------------------------------------------

TEST_F(Timers, the_time_parameters_turn_a_tsc_into_the_same_number_of_nanoseconds) {
    const vcpu_time_info time = vcpu.info().copy().time;
    EXPECT_EQ(time.version, 2u);
    EXPECT_EQ(time.flags, XEN_PVCLOCK_TSC_STABLE_BIT);
    for (const std::uint64_t tsc :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{12345678901}, std::uint64_t{1} << 62}) {
        const auto shifted = static_cast<unsigned __int128>(tsc - time.tsc_timestamp)
                             << time.tsc_shift;
        const auto ns = static_cast<std::uint64_t>(shifted * time.tsc_to_system_mul >> 32);
        EXPECT_EQ(time.system_time + ns, tsc);
    }
    EXPECT_EQ(((std::uint64_t{1'000'000} << 32) / time.tsc_to_system_mul) >> time.tsc_shift,
              1'000'000u)
        << "kHz";
}

TEST_F(Timers, the_wall_clock_is_in_shared_info) {
    const std::byte* page = small.frames.at(small.domain.shared_info()).host;
    shared_info shared;
    std::memcpy(&shared, page, sizeof shared);
    EXPECT_EQ(shared.wc_version, 2u);
    EXPECT_EQ(shared.wc_sec, 5u);
    EXPECT_EQ(shared.wc_sec_hi, 1u);
    EXPECT_EQ(shared.wc_nsec, 7u);
}

TEST_F(Timers, the_run_states_add_up_to_the_time_that_passed) {
    vcpu.set_run_state(RunState::runnable, at(10ms));
    vcpu.set_run_state(RunState::running, at(13ms));
    vcpu.set_run_state(RunState::blocked, at(20ms));
    vcpu.set_run_state(RunState::running, at(30ms));
    hypervisor.time = at(31ms);
    const vcpu_runstate_info info = vcpu.run_state_info(at(31ms));
    EXPECT_EQ(info.state, RUNSTATE_running);
    EXPECT_EQ(info.state_entry_time, 30'000'000u);
    EXPECT_EQ(info.time[RUNSTATE_offline], 10'000'000u);
    EXPECT_EQ(info.time[RUNSTATE_runnable], 3'000'000u);
    EXPECT_EQ(info.time[RUNSTATE_running], 8'000'000u);
    EXPECT_EQ(info.time[RUNSTATE_blocked], 10'000'000u);
}

TEST_F(Timers, a_registered_area_follows_each_change) {
    constexpr std::uint64_t area = SmallDomain::data_va + 0xff0;  // across two pages
    vcpu_register_runstate_memory_area request;
    request.addr.p = area;
    EXPECT_EQ(small.hypercall_vcpu(VCPUOP_register_runstate_memory_area, 0, request), 0);
    vcpu.set_run_state(RunState::blocked, at(20ms));
    EXPECT_EQ(small.get<vcpu_runstate_info>(area).state, RUNSTATE_blocked);
    vcpu.set_run_state(RunState::running, at(25ms));
    EXPECT_EQ(small.get<vcpu_runstate_info>(area).time[RUNSTATE_blocked], 5'000'000u);

    // The mapping goes away: updates are lost, nothing else happens.
    EXPECT_EQ(small.hypercall(__HYPERVISOR_update_va_mapping, {SmallDomain::data_va, 0, 0}), 0);
    vcpu.set_run_state(RunState::blocked, at(30ms));
    const auto registered = [&](std::uint64_t address) {
        request.addr.p = address;
        small.put(SmallDomain::data_va + 0x2000, request);
        return small.hypercall(__HYPERVISOR_vcpu_op, {VCPUOP_register_runstate_memory_area, 0,
                                                      SmallDomain::data_va + 0x2000});
    };
    EXPECT_EQ(registered(SmallDomain::unmapped_va), 0) << "it may be mapped later";
    EXPECT_EQ(registered(MACH2PHYS_VIRT_START), -XEN_EFAULT);
    EXPECT_EQ(registered(0x0000'8000'0000'0000), -XEN_EFAULT);
    EXPECT_EQ(registered(0), 0) << "no area";
    vcpu.set_run_state(RunState::running, at(35ms));
}

TEST_F(Timers, vcpu_info_moves_with_its_contents_and_asks_for_a_look_at_every_port) {
    vcpu.info().set_upcall_mask(1);
    vcpu.info().set_cr2(0x77);
    const auto registered = [&](std::uint64_t mfn, std::uint32_t offset) {
        return small.hypercall_vcpu(VCPUOP_register_vcpu_info, 0,
                                    vcpu_register_vcpu_info{mfn, offset, 0});
    };
    EXPECT_EQ(registered(small.p2m[5].raw, page_size - 63), -XEN_ENXIO);
    EXPECT_EQ(registered(small.p2m[5].raw, 4), -XEN_ENXIO);
    EXPECT_EQ(registered(small.table_mfn(1), 0), -XEN_EINVAL);
    EXPECT_EQ(registered(3, 0), -XEN_EINVAL);
    EXPECT_EQ(registered(small.p2m[5].raw, 0x100), 0);
    EXPECT_EQ(registered(small.p2m[6].raw, 0x100), -XEN_EINVAL) << "once";

    const auto moved = small.get<vcpu_info>(SmallDomain::data_va + 0x5100);
    EXPECT_EQ(moved.evtchn_upcall_pending, 1);
    EXPECT_EQ(moved.evtchn_upcall_mask, 1);
    EXPECT_EQ(moved.evtchn_pending_sel, ~xen_ulong_t{0});
    EXPECT_EQ(moved.arch.cr2, 0x77u);
    EXPECT_EQ(moved.time.tsc_to_system_mul, 0x8000'0000u);
    vcpu.info().set_upcall_mask(0);
    EXPECT_EQ(small.get<vcpu_info>(SmallDomain::data_va + 0x5100).evtchn_upcall_mask, 0);
}

TEST_F(Timers, a_second_copy_of_the_time_parameters_can_be_had) {
    vcpu_register_time_memory_area request;
    request.addr.p = SmallDomain::data_va + 0x800;
    EXPECT_EQ(small.hypercall_vcpu(VCPUOP_register_vcpu_time_memory_area, 0, request), 0);
    EXPECT_EQ(small.get<vcpu_time_info>(SmallDomain::data_va + 0x800).version, 2u);
    for (const std::uint64_t unused : {std::uint64_t{0}, SmallDomain::table_va}) {
        request.addr.p = unused;
        EXPECT_EQ(small.hypercall_vcpu(VCPUOP_register_vcpu_time_memory_area, 0, request), 0);
    }
    request.addr.p = MACH2PHYS_VIRT_START;
    EXPECT_EQ(small.hypercall_vcpu(VCPUOP_register_vcpu_time_memory_area, 0, request), -XEN_EFAULT);
}

}  // namespace
}  // namespace ring3
