// SPDX-License-Identifier: MIT
// Replay: gives each pCPU to the vCPUs that a recorded trace names, in its order, for as long as
// they had it there. With the machine and the guests of the trace it is the same run; with another
// cost model or other devices it shows what the same schedule does there. While the next one cannot
// run, its pCPU waits for it. After the end of the trace: equal turns.
#include <algorithm>
#include <deque>
#include <list>
#include <map>

#include "hv/base/errors.hpp"
#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"
#include "hv/trace/file.hpp"
#include "hv/trace/timeline.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class Replay final : public Scheduler {
public:
    explicit Replay(Params& params)
        : path_(params.text("file", "", "the trace of a run, with events of the class sched")),
          slice_(params.duration("slice_us", 10ms, "turn after the end of the trace", 1us)) {
        if (!path_.empty()) read();
    }

    /// Whoever is to be next is waited for.
    Promises promises() const override {
        return {.conserves_work = false, .is_even_handed = false};
    }

    void add_pcpu(PcpuId, Time) override {
        if (path_.empty())
            throw ConfigError{"scheduler \"replay\" needs a trace: file = \"...\" in [scheduler]"};
    }

    void wake(Vcpu& vcpu, Time, Kicks&) override { waiting_.push_back(&vcpu); }

    void stopped(Vcpu& vcpu, PcpuId, Duration, Why why, Time) override {
        if (why != Why::blocked) waiting_.push_back(&vcpu);
    }

    Choice pick(PcpuId pcpu, Time) override {
        std::deque<Turn>& turns = turns_[pcpu];
        const auto next = std::ranges::find_if(waiting_, [&](const Vcpu* each) {
            return each->affinity.allows(pcpu) &&
                   (turns.empty() ||
                    (each->domain == turns.front().domain && each->id == turns.front().vcpu));
        });
        if (next == waiting_.end()) return {};
        Vcpu* const vcpu = *next;
        waiting_.erase(next);
        if (turns.empty()) return {vcpu, slice_};
        const Duration slice = turns.front().slice;
        turns.pop_front();
        return {vcpu, slice};
    }

    /// Turns of a vCPU that is gone come never.
    void leave(Vcpu& vcpu, Time) override {
        waiting_.remove(&vcpu);
        for (auto& [pcpu, turns] : turns_)
            std::erase_if(turns, [&](const Turn& turn) {
                return turn.domain == vcpu.domain && turn.vcpu == vcpu.id;
            });
    }

private:
    struct Turn {
        DomainId domain;
        VcpuId vcpu;
        Duration slice;
    };

    void read() {
        const trace::File file = trace::read_file(path_);
        if (!file.classes.has(trace::Class::sched))
            throw ConfigError{path_ +
                              ": a trace without events of the class sched: nothing to "
                              "replay"};
        constexpr std::uint64_t yielded = 2, blocked = 3;
        for (const trace::Slice& slice : trace::slices(file.records)) {
            // Who gave the CPU back does so again; who lost it loses it when it did.
            const bool gave_back = !slice.why || *slice.why == yielded || *slice.why == blocked;
            const std::uint64_t ns = gave_back ? slice.slice_ns : slice.to_ns - slice.from_ns;
            if (ns == 0) continue;
            turns_[PcpuId{slice.pcpu}].push_back({DomainId{slice.who.domain},
                                                  VcpuId{slice.who.vcpu},
                                                  Duration{static_cast<std::int64_t>(ns)}});
        }
    }

    const std::string path_;
    const Duration slice_;
    std::map<PcpuId, std::deque<Turn>> turns_;
    std::list<Vcpu*> waiting_;
};

const Registered<Scheduler, Replay> entry{"replay", "repeats the schedule of a recorded trace"};

}  // namespace
}  // namespace ring3
