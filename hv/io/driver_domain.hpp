// SPDX-License-Identifier: MIT
// Domain-0 as its native back ends see it. Their work is done in Tasks, which run when the
// scheduler gives Domain-0's vCPU the CPU, and it is charged to that vCPU: back ends compete with
// guests for pCPUs, as in a real driver domain. Implemented by hv/machine (and by a fake in tests).
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "hv/base/timer_queue.hpp"
#include "hv/base/units.hpp"
#include "hv/io/outside_input.hpp"

namespace ring3 {

class HostPoll;

/// What a back end did, in the units that a cost model knows.
struct IoWork {
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0;
};

class DriverDomain {
public:
    /// One thing to do, again and again. Must be gone before the driver domain is.
    class Task {
    public:
        Task(DriverDomain& domain, std::function<void()> action)
            : domain_(domain), action_(std::move(action)) {}
        ~Task() { cancel(); }
        Task(const Task&) = delete;
        Task& operator=(const Task&) = delete;

        /// Runs once, when Domain-0 has the CPU; asked several times before that, still once. What
        /// is due later is a TimerQueue::Timer whose action schedules a task.
        void schedule();
        void cancel();
        bool is_scheduled() const { return scheduled_; }

    private:
        friend class DriverDomain;
        DriverDomain& domain_;
        std::function<void()> action_;
        bool scheduled_ = false;
    };

    explicit DriverDomain(TimerQueue& timers) : timers_(timers) {}
    virtual ~DriverDomain() = default;
    DriverDomain(const DriverDomain&) = delete;
    DriverDomain& operator=(const DriverDomain&) = delete;

    virtual Time now() = 0;
    /// Called from inside a task: so much was done. Under virtual time the clock moves on at once
    /// by what the cost model says, so what the task does next happens that much later.
    virtual void charge(IoWork work) = 0;
    /// Descriptors of the host. Null where nothing of the host may come in.
    virtual HostPoll* host() = 0;
    /// How long a device takes is its model's to say, and the host does what it is asked at once.
    /// So it is in a recorded world too, which its replay could not repeat otherwise.
    virtual bool has_modelled_devices() { return host() == nullptr; }
    /// Whether there is an outside: always, but in a closed world that is not even a replay.
    virtual bool has_outside() { return false; }
    /// A door for inputs of the host, with a name that repeats; null where there is no outside.
    virtual std::unique_ptr<OutsideInput> outside_input(std::string, OutsideInput::Take) {
        return nullptr;
    }
    TimerQueue& timers() { return timers_; }

    bool has_work() const { return !tasks_.empty(); }
    /// Runs the task that waits longest.
    void run_next();

protected:
    /// There was no work, now there is: Domain-0's vCPU can run.
    virtual void work_came() = 0;

private:
    TimerQueue& timers_;
    std::list<Task*> tasks_;
};

}  // namespace ring3
