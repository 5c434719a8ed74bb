// SPDX-License-Identifier: MIT
// Domain-0 with a clock that the test moves, whose work is done when the test says so.
#pragma once

#include <algorithm>

#include "hv/base/check.hpp"
#include "hv/io/driver_domain.hpp"

namespace ring3 {

/// Apart from FakeDriverDomain, so that it is there before the base that refers to it.
struct TimersOfTest {
    TimerQueue timer_queue;
};

class FakeDriverDomain final : private TimersOfTest, public DriverDomain {
public:
    FakeDriverDomain() : DriverDomain(timer_queue) {}

    Time now() override { return time; }
    void charge(IoWork work) override {
        charged.requests += work.requests;
        charged.bytes += work.bytes;
    }
    HostPoll* host() override { return poll; }
    bool has_outside() override { return poll != nullptr; }
    std::unique_ptr<OutsideInput> outside_input(std::string, OutsideInput::Take take) override {
        struct Open final : OutsideInput {
            std::size_t offer(std::span<const std::byte> bytes) override { return take(bytes); }
            Take take;
        };
        auto open = std::make_unique<Open>();
        open->take = std::move(take);
        return open;
    }

    /// Does what there is to do; it must come to an end.
    void work() {
        for (int tasks = 0; has_work(); ++tasks) {
            HV_CHECK(tasks < 100'000, "Domain-0's work has no end");
            run_next();
        }
    }
    /// Lets time pass, with what is due at its own time.
    void pass(Duration duration) {
        const Time end = time + duration;
        work();
        while (timers().next() <= end) {
            time = std::max(time, timers().next());
            timers().run_due(time);
            work();
        }
        time = end;
    }

    Time time{std::chrono::seconds{1}};
    IoWork charged;
    HostPoll* poll = nullptr;

private:
    void work_came() override {}
};

}  // namespace ring3
