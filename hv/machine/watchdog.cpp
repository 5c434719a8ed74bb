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
    if (!timer_.is_set()) timer_.set(now + limit_);
}

void Watchdog::runs(const sched::Vcpu& vcpu, PcpuId pcpu, Time now) {
    if (limit_ == Duration::zero() || has_bitten_) return;
    waits_since_.erase(who(vcpu));
    runs_since_[pcpu] = {who(vcpu), now};
}

void Watchdog::stopped(const sched::Vcpu& vcpu, PcpuId pcpu, bool can_run, Time now) {
    if (limit_ == Duration::zero() || has_bitten_) return;
    if (const auto found = runs_since_.find(pcpu); found != runs_since_.end()) {
        const Time began = std::max(found->second.second, now - limit_);
        Span& span = span_at(now);
        span.from = std::min(span.from, began);
        span.held[pcpu][who(vcpu)].add(now - began);
        runs_since_.erase(found);
    }
    if (can_run) waits(vcpu, now);
}

void Watchdog::forget(DomainId domain) {
    std::erase_if(waits_since_, [&](const auto& each) { return each.first.first == domain; });
}

Watchdog::Span& Watchdog::span_at(Time now) {
    if (spans_.empty() || now - spans_.back().from >= limit_ / 8) spans_.push_back({now, {}});
    while (spans_.size() > 1 && now - spans_[1].from >= limit_) spans_.pop_front();
    return spans_.back();
}

void Watchdog::look(Time now) {
    // Of those that wait equally long, the first by name.
    const auto longest = std::ranges::min_element(
        waits_since_, [](const auto& a, const auto& b) { return a.second < b.second; });
    if (longest == waits_since_.end()) return;
    const auto [starving, since] = *longest;
    if (since + limit_ > now) return timer_.set(since + limit_);
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
    Time from = since;
    std::map<PcpuId, std::map<Who, Held>> held;
    for (const Span& span : spans_) {
        from = std::min(from, span.from);
        for (const auto& [pcpu, of_pcpu] : span.held)
            for (const auto& [who, of_who] : of_pcpu) {
                held[pcpu][who].time += of_who.time;
                held[pcpu][who].turns += of_who.turns;
            }
    }
    for (const auto& [pcpu, run] : runs_since_)
        held[pcpu][run.first].add(now - std::max(run.second, from));
    for (const auto& [pcpu, of_pcpu] : held) {
        text += fmt::format("; pCPU {} was held in the last {:.6f} s by", pcpu.raw,
                            seconds(now - from));
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
