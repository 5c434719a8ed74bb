// SPDX-License-Identifier: MIT
// A machine without guests: pCPUs, and vCPUs that compute and sleep by plan, under a scheduler. It
// calls the scheduler as the real machine does, and checks at each step what every scheduler owes.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3::sched {

/// One turn on a pCPU.
struct Turn {
    std::uint32_t pcpu = 0;
    std::uint16_t domain = 0;
    std::uint32_t vcpu = 0;
    Duration from{}, to{};

    friend bool operator==(const Turn&, const Turn&) = default;
};

class Simulation {
public:
    static constexpr Duration for_ever = std::chrono::hours{1'000'000};

    /// How long it computes before it sleeps, and how long it sleeps then. Asked each time anew.
    struct Plan {
        std::function<Duration()> computes = [] { return for_ever; };
        std::function<Duration()> sleeps = [] { return Duration{}; };
    };
    struct Member {
        sched::Vcpu view;
        Plan plan;
        Duration used{}, longest_wait{};
        std::uint64_t wakes = 0;
        // The rest is the simulation's.
        bool can_run = false, has_left = false;
        std::optional<std::uint32_t> pcpu;
        Duration left{};
        Duration can_run_since{};
        std::optional<Duration> wakes_at;
    };

    Simulation(const std::string& name, std::uint32_t pcpus, Params params = Params{"scheduler"});
    ~Simulation();
    Simulation(const Simulation&) = delete;
    Simulation& operator=(const Simulation&) = delete;

    /// Joins, and can run from `starts` on.
    Member& add(std::uint16_t domain, const SchedParams& given, Plan plan,
                Duration starts = Duration{});
    Member& add(std::uint16_t domain, const SchedParams& given = {}) {
        return add(domain, given, Plan{});
    }
    void remove(Member& member);
    void set_params(Member& member, const SchedParams& next);
    void set_affinity(Member& member, Affinity next);
    void yield(Member& member) { yields_ = &member; }
    void run_until(Duration end);

    Duration now() const { return now_; }
    /// How often the scheduler was called, next_event() not counted.
    std::uint64_t calls() const { return calls_; }
    const Scheduler& scheduler() const { return *scheduler_; }
    std::deque<Member>& members() { return members_; }
    /// What the scheduler did that none may do; empty: nothing.
    const std::vector<std::string>& wrongs() const { return wrongs_; }

    std::vector<Turn> turns;
    /// How long a pCPU idled while somebody waited who might have run on it.
    Duration wasted{};

private:
    struct Pcpu {
        Member* running = nullptr;
        Duration since{}, slice_ends{};
    };

    Time time() const { return Time{now_}; }
    Scheduler& call() {
        ++calls_;
        return *scheduler_;
    }
    void wake_due();
    void call_timers();
    void stop_those_who_must();
    void stop(std::uint32_t pcpu, Scheduler::Why why);
    void fill();
    Duration next_time();
    bool somebody_waits_for(std::uint32_t pcpu) const;
    void wrong(std::string what) { wrongs_.push_back(std::move(what)); }

    Params params_;
    std::unique_ptr<Scheduler> scheduler_;
    std::vector<Pcpu> pcpus_;
    std::deque<Member> members_;
    Kicks kicks_;
    Duration now_{};
    std::uint64_t calls_ = 0;
    const Member* yields_ = nullptr;
    unsigned at_once_ = 0;
    std::vector<std::string> wrongs_;
};

}  // namespace ring3::sched
