// SPDX-License-Identifier: MIT
// A round robin that does wrong in the way that its parameter `how` names, when it picks for the
// tenth time or at the tenth call of that function.
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "hv/sched/plug_in.hpp"

namespace {

using namespace std::chrono_literals;
using ring3::Duration;
using ring3::Kicks;
using ring3::PcpuId;
using ring3::Time;

class Misbehaves final : public ring3::Scheduler {
public:
    explicit Misbehaves(ring3::Params& params)
        : how_(params.choice("how", "well",
                             {"well", "throws_when_made", "throws_in_wake", "throws_in_stopped",
                              "throws_in_pick", "throws_a_number", "picks_blocked", "picks_running",
                              "picks_stranger", "gives_no_time", "stops_time", "starves"},
                             "what goes wrong")) {
        if (how_ == "throws_when_made") throw std::runtime_error("no wish to live");
    }

    Promises promises() const override { return {}; }

    void wake(Vcpu& vcpu, Time, Kicks&) override {
        if (does("throws_in_wake")) throw std::runtime_error("woken too often");
        std::erase(blocked_, &vcpu);
        queue_.push_back(&vcpu);
    }
    void stopped(Vcpu& vcpu, PcpuId, Duration, Why why, Time) override {
        if (does("throws_in_stopped")) throw std::runtime_error("stopped too often");
        if (running_ == &vcpu) running_ = nullptr;
        if (why == Why::blocked)
            blocked_.push_back(&vcpu);
        else if (how_ == "starves")
            queue_.push_front(&vcpu);
        else
            queue_.push_back(&vcpu);
    }
    void leave(Vcpu& vcpu, Time) override {
        std::erase(queue_, &vcpu);
        std::erase(blocked_, &vcpu);
    }

    Choice pick(PcpuId pcpu, Time) override {
        if (does("throws_in_pick")) throw std::runtime_error("picked too often");
        if (does("throws_a_number")) throw 42;
        if (!blocked_.empty() && does("picks_blocked")) return {blocked_.back(), 1ms};
        if (running_ != nullptr && does("picks_running")) return {running_, 1ms};
        if (does("picks_stranger")) return {&stranger_, 1ms};
        for (auto it = queue_.begin(); it != queue_.end(); ++it) {
            if (!(*it)->affinity.allows(pcpu)) continue;
            running_ = *it;
            queue_.erase(it);
            return {running_, does("gives_no_time") ? 0ms : 1ms};
        }
        return {};
    }
    Time next_event(PcpuId) override { return how_ == "stops_time" ? Time{10ms} : ring3::never; }

private:
    bool does(const char* what) { return how_ == what && ++times_ >= 10; }

    const std::string how_;
    unsigned times_ = 0;
    std::deque<Vcpu*> queue_;
    std::vector<Vcpu*> blocked_;
    Vcpu* running_ = nullptr;
    Vcpu stranger_;
};

}  // namespace

const ring3::sched::PlugIn ring3_scheduler =
    ring3::sched::plug_in<Misbehaves>("does wrong as told");
