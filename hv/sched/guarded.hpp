// SPDX-License-Identifier: MIT
// A scheduler that is not trusted: each of its answers is checked before the machine sees it, and
// what it throws is kept. With its first fault it is not called any more, and the next pick()
// throws a SchedulerError that says what it did: a moment at which the pCPU runs nobody, so that
// the machine ends in good order.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hv/sched/scheduler.hpp"

namespace ring3::sched {

class Guarded final : public Scheduler {
public:
    /// `name` is for messages; `home` is what must last as long as the scheduler does.
    Guarded(std::unique_ptr<Scheduler> scheduler, std::string name,
            std::shared_ptr<const void> home = nullptr)
        : home_(std::move(home)), scheduler_(std::move(scheduler)), name_(std::move(name)) {}

    Promises promises() const override { return scheduler_->promises(); }
    void add_pcpu(PcpuId pcpu, Time now) override;
    void wake(Vcpu& vcpu, Time now, Kicks& kicks) override;
    void stopped(Vcpu& vcpu, PcpuId pcpu, Duration ran, Why why, Time now) override;
    Choice pick(PcpuId pcpu, Time now) override;
    void join(Vcpu& vcpu, Time now) override;
    void leave(Vcpu& vcpu, Time now) override;
    void adjust(Vcpu& vcpu, const SchedParams& params, Time now) override;
    /// After a fault there is always one, so that a pick() comes soon.
    Time next_event(PcpuId pcpu) override;
    void timer(PcpuId pcpu, Time now, Kicks& kicks) override;

private:
    struct Known {
        const Vcpu* vcpu;
        bool can_run = false, runs = false;
    };
    Known& known(const Vcpu& vcpu);
    void fail(std::string what);
    /// Calls it, unless it has failed; `call` is for the message.
    void attempt(const char* call, const std::function<void()>& action);
    void check(const Choice& choice, PcpuId pcpu);

    std::shared_ptr<const void> home_;
    std::unique_ptr<Scheduler> scheduler_;
    const std::string name_;
    /// In the order of their joining.
    std::vector<Known> known_;
    std::optional<std::string> fault_;
    /// How often in a row timer() left its pCPU's next event where it was due already.
    unsigned overdue_ = 0;
};

}  // namespace ring3::sched
