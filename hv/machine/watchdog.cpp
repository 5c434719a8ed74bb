// SPDX-License-Identifier: MIT
#include "hv/machine/watchdog.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace ring3 {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double seconds(Time time) { return seconds(time.time_since_epoch()); }

}  // namespace

Watchdog::Watchdog(TimerQueue& timers, Duration limit, std::function<void(const Bite&)> bite)
    : limit_(limit), bite_(std::move(bite)), timer_(timers, "", [this](Time now) { look(now); }) {}

void Watchdog::waits(const sched::Vcpu& vcpu, Time now) {
    if (limit_ == Duration::zero() || has_bitten_) return;
    waits_since_.try_emplace(who(vcpu), now);
    if (!timer_.is_set()) look_again_at(now + limit_, now);
}

void Watchdog::runs(const sched::Vcpu& vcpu, PcpuId pcpu, Time now) {
    if (limit_ == Duration::zero() || has_bitten_) return;
    waits_since_.erase(who(vcpu));
    runs_since_[pcpu] = {who(vcpu), now};
}

void Watchdog::stopped(const sched::Vcpu& vcpu, PcpuId pcpu, bool can_run, Time now) {
    if (limit_ == Duration::zero() || has_bitten_) return;
    if (const auto found = runs_since_.find(pcpu); found != runs_since_.end()) {
        Held& held = held_[pcpu][who(vcpu)];
        held.time += now - std::max(found->second.second, held_from_);
        ++held.turns;
        runs_since_.erase(found);
    }
    if (can_run) waits(vcpu, now);
}

void Watchdog::forget(DomainId domain) {
    std::erase_if(waits_since_, [&](const auto& each) { return each.first.first == domain; });
}

void Watchdog::look_again_at(Time when, Time now) {
    held_.clear();
    held_from_ = now;
    timer_.set(when);
}

void Watchdog::look(Time now) {
    // Of those that wait equally long, the first by name.
    const auto longest = std::ranges::min_element(
        waits_since_, [](const auto& a, const auto& b) { return a.second < b.second; });
    if (longest == waits_since_.end()) return;
    const auto [starving, since] = *longest;
    if (since + limit_ > now) return look_again_at(since + limit_, now);
    has_bitten_ = true;
    bite_({fmt::format("d{}v{}", starving.first.raw, starving.second.raw), now,
           dump(starving, since, now)});
}

std::string Watchdog::dump(Who starving, Time since, Time now) const {
    std::string text = fmt::format(
        "d{}v{} can run since {:.6f} s, and at {:.6f} s has not got a pCPU yet (machine."
        "watchdog_ms = {})",
        starving.first.raw, starving.second.raw, seconds(since), seconds(now),
        std::chrono::duration_cast<std::chrono::milliseconds>(limit_).count());
    auto held = held_;
    for (const auto& [pcpu, run] : runs_since_) {
        Held& present = held[pcpu][run.first];
        present.time += now - std::max(run.second, held_from_);
        ++present.turns;
    }
    for (const auto& [pcpu, of_pcpu] : held) {
        text += fmt::format("; pCPU {} was held in the last {:.6f} s by", pcpu.raw,
                            seconds(now - held_from_));
        std::vector<std::pair<Duration, Who>> by_time;
        for (const auto& [who, of_who] : of_pcpu) by_time.emplace_back(-of_who.time, who);
        std::ranges::sort(by_time);
        constexpr std::size_t most = 4;
        for (std::size_t i = 0; i < std::min(most, by_time.size()); ++i) {
            const Who& who = by_time[i].second;
            text +=
                fmt::format("{} d{}v{} ({:.6f} s in {} turns)", i == 0 ? "" : ",", who.first.raw,
                            who.second.raw, seconds(-by_time[i].first), of_pcpu.at(who).turns);
        }
        if (by_time.size() > most) text += fmt::format(" and {} others", by_time.size() - most);
    }
    return text;
}

}  // namespace ring3
