// SPDX-License-Identifier: MIT
// Simple earliest deadline first: each vCPU has a slice in each period, guaranteed, and whoever has
// the nearest deadline (its period's end) is next. What is left goes in small quanta to those with
// extra time, by weight; without `work_conserving` nobody gets more than its slice. (Xen 3.0's
// sched_sedf.c, as compared in Cherkasova, Gupta and Vahdat, "Comparison of the Three CPU
// Schedulers in Xen", 2007; defaults as its tree had them: 15 ms in 20 ms for Domain-0, extra time
// alone for others.) One queue serves all pCPUs, where Xen had one for each.
#include <algorithm>
#include <vector>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

struct Reserved final : sched::PolicyData {
    Duration period{}, slice{};
    bool has_extra_time = false;
    Time deadline{};
    /// Of this period's slice.
    Duration left{};
    /// Extra time taken, times the usual weight, by weight.
    std::int64_t extra_score = 0;
    bool runs_on_extra_time = false;
};

class Sedf final : public Scheduler {
public:
    explicit Sedf(Params& params)
        : extra_quantum_(params.duration("extra_quantum_us", 500us,
                                         "turn of who runs on extra time", 1us, 1s)),
          conserves_work_(params.boolean("work_conserving", true,
                                         "whether idle time is given to those with extra time")) {}

    Promises promises() const override {
        if (!conserves_work_) return {.conserves_work = false, .is_even_handed = false};
        return {.follows_weights = true, .wait_per_other = Time{extra_quantum_ * 2}};
    }

    void join(Vcpu& vcpu, Time now) override {
        auto data = std::make_unique<Reserved>();
        read(vcpu, vcpu.params, *data);
        data->deadline = now;
        vcpu.data = std::move(data);
    }

    void wake(Vcpu& vcpu, Time now, Kicks& kicks) override {
        Reserved& own = vcpu.own<Reserved>();
        // Who slept over its deadline begins a period now; else the rest of its slice is still its.
        if (now >= own.deadline) begin_period(own, now);
        own.extra_score = std::max(own.extra_score, least_extra_score());
        waiting_.push_back(&vcpu);
        kick_for(vcpu, now, kicks);
    }

    void stopped(Vcpu& vcpu, PcpuId pcpu, Duration ran, Why why, Time) override {
        Reserved& own = vcpu.own<Reserved>();
        if (own.runs_on_extra_time)
            // A turn is far below 2^40 ns: no overflow.
            own.extra_score += ran.count() * 256 / vcpu.params.weight;
        else
            own.left = std::max(own.left - ran, Duration::zero());
        std::erase_if(running_, [&](const Running& each) { return each.pcpu == pcpu; });
        if (why != Why::blocked) waiting_.push_back(&vcpu);
    }

    Choice pick(PcpuId pcpu, Time now) override {
        for (Vcpu* const vcpu : waiting_) begin_due_period(*vcpu, now);
        Vcpu* best = nullptr;
        for (Vcpu* const vcpu : waiting_)
            if (may_run(*vcpu, pcpu, now) &&
                (best == nullptr || is_before(vcpu->own<Reserved>(), best->own<Reserved>())))
                best = vcpu;
        if (best == nullptr) return {};
        std::erase(waiting_, best);
        Reserved& own = best->own<Reserved>();
        own.runs_on_extra_time = own.left == 0ns;
        running_.push_back({pcpu, best});
        return {best, own.runs_on_extra_time ? extra_quantum_ : own.left};
    }

    void leave(Vcpu& vcpu, Time) override { std::erase(waiting_, &vcpu); }

    void adjust(Vcpu& vcpu, const SchedParams& next, Time) override {
        Reserved& own = vcpu.own<Reserved>();
        read(vcpu, next, own);
        own.left = std::min(own.left, own.slice);
    }

    /// The next begin of a period of somebody who waits for his slice.
    Time next_event(PcpuId) override {
        Time next = never;
        for (Vcpu* const vcpu : waiting_) {
            const Reserved& own = vcpu->own<Reserved>();
            if (own.slice > 0ns && own.left == 0ns) next = std::min(next, own.deadline);
        }
        return next;
    }
    void timer(PcpuId, Time now, Kicks& kicks) override {
        for (Vcpu* const vcpu : waiting_)
            if (begin_due_period(*vcpu, now)) kick_for(*vcpu, now, kicks);
    }

private:
    struct Running {
        PcpuId pcpu;
        Vcpu* vcpu;
    };

    static void read(const Vcpu& vcpu, const SchedParams& params, Reserved& own) {
        const bool is_domain0 = vcpu.domain.raw == 0;
        own.period = params.period.value_or(is_domain0 ? 20ms : 100ms);
        own.slice = params.budget.value_or(is_domain0 ? 15ms : 0ms);
        own.has_extra_time = params.extra_time.value_or(true);
    }
    static void begin_period(Reserved& own, Time begin) {
        own.deadline = begin + own.period;
        own.left = own.slice;
    }
    /// Periods follow each other without gaps while it can run.
    static bool begin_due_period(Vcpu& vcpu, Time now) {
        Reserved& own = vcpu.own<Reserved>();
        if (now < own.deadline) return false;
        begin_period(own, own.deadline + (now - own.deadline) / own.period * own.period);
        return true;
    }
    bool may_run(const Vcpu& vcpu, PcpuId pcpu, Time) const {
        const Reserved& own = const_cast<Vcpu&>(vcpu).own<Reserved>();
        return vcpu.affinity.allows(pcpu) &&
               (own.left > 0ns || (conserves_work_ && own.has_extra_time));
    }
    /// Slices come before extra time; then the deadline, or the least extra time so far.
    static bool is_before(const Reserved& a, const Reserved& b) {
        if ((a.left > 0ns) != (b.left > 0ns)) return a.left > 0ns;
        return a.left > 0ns ? a.deadline < b.deadline : a.extra_score < b.extra_score;
    }
    std::int64_t least_extra_score() const {
        std::int64_t least = std::numeric_limits<std::int64_t>::max();
        for (Vcpu* const vcpu : waiting_)
            least = std::min(least, vcpu->own<Reserved>().extra_score);
        for (const Running& each : running_)
            least = std::min(least, each.vcpu->own<Reserved>().extra_score);
        return least == std::numeric_limits<std::int64_t>::max() ? 0 : least;
    }
    /// A slice preempts extra time, and slices of later deadlines.
    void kick_for(Vcpu& vcpu, Time, Kicks& kicks) {
        const Reserved& own = vcpu.own<Reserved>();
        if (own.left == 0ns) return;
        const Running* latest = nullptr;
        for (const Running& each : running_) {
            if (!vcpu.affinity.allows(each.pcpu) || kicks.asked(each.pcpu)) continue;
            const Reserved& other = each.vcpu->own<Reserved>();
            if (!other.runs_on_extra_time && other.deadline <= own.deadline) continue;
            const bool is_later = latest == nullptr || other.runs_on_extra_time ||
                                  (!latest->vcpu->own<Reserved>().runs_on_extra_time &&
                                   other.deadline > latest->vcpu->own<Reserved>().deadline);
            if (is_later) latest = &each;
        }
        if (latest != nullptr) kicks.kick(latest->pcpu);
    }

    const Duration extra_quantum_;
    const bool conserves_work_;
    std::vector<Vcpu*> waiting_;
    std::vector<Running> running_;
};

const Registered<Scheduler, Sedf> entry{"sedf", "earliest deadline first, with extra time"};

}  // namespace
}  // namespace ring3
