// SPDX-License-Identifier: MIT
#include "analysis/measures/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "analysis/stats/statistics.hpp"

namespace ring3::analysis {
namespace {

constexpr double lag_window_ns = 10e6;
constexpr double why_blocked = 3;  // the last of Scheduler::Why, as the trace has it

const Column* find(const Columns& table, const std::string& name) {
    const auto found = std::ranges::find(table, name, &Column::name);
    return found == table.end() ? nullptr : &*found;
}

double number_in(const Column* column, std::size_t row) {
    if (column == nullptr) return 0;
    return column->texts.empty() ? column->numbers[row]
                                 : std::strtod(column->texts[row].c_str(), nullptr);
}

/// A history as it grows.
struct Growing {
    VcpuHistory history;
    std::optional<double> runs_since, wants_since, woke_at;

    void begin_to_want(double at) {
        if (!wants_since) wants_since = at;
    }
    void stop_wanting(double at) {
        if (wants_since) history.wanted.push_back({*wants_since, at});
        wants_since.reset();
        woke_at.reset();
    }
    void run(double at) {
        begin_to_want(at);
        runs_since = at;
        if (woke_at) history.wake_to_run_ns.push_back(at - *woke_at);
        woke_at.reset();
    }
    void stop(double at) {
        if (runs_since && at > *runs_since) history.ran.push_back({*runs_since, at});
        runs_since.reset();
    }
};

/// How much of the window the spans cover; they are asked for in the order of time.
class Coverage {
public:
    explicit Coverage(const std::vector<Span>& spans) : spans_(spans) {}

    double in(double from, double to) {
        while (next_ < spans_.size() && spans_[next_].to_ns <= from) ++next_;
        double covered = 0;
        for (std::size_t i = next_; i < spans_.size() && spans_[i].from_ns < to; ++i)
            covered += std::min(to, spans_[i].to_ns) - std::max(from, spans_[i].from_ns);
        return covered;
    }

private:
    const std::vector<Span>& spans_;
    std::size_t next_ = 0;
};

struct Competitor {
    std::size_t index = 0;
    double weight = 0, got = 0, due = 0;
};

/// Shares `total` by weight, and gives nobody more than `most`: what such a one leaves goes to the
/// others.
void share_out(std::vector<Competitor>& all, double total, double most) {
    std::vector<Competitor*> open;
    for (Competitor& each : all) open.push_back(&each);
    while (!open.empty()) {
        double weights = 0;
        for (const Competitor* each : open) weights += each->weight;
        const double per_weight = total / weights;
        const auto is_full = [&](const Competitor* each) {
            return each->weight * per_weight > most;
        };
        if (std::ranges::none_of(open, is_full)) {
            for (Competitor* each : open) each->due = each->weight * per_weight;
            return;
        }
        for (Competitor* each : open)
            if (is_full(each)) {
                each->due = most;
                total -= most;
            }
        std::erase_if(open, [&](const Competitor* each) { return each->due == most; });
    }
}

/// Calls `look` with the competitors of each whole window, none where there are fewer than two.
template <class Look>
void for_each_window(std::span<const VcpuHistory> histories, double width, Look look) {
    double begin = INFINITY, end = 0;
    for (const VcpuHistory& history : histories) {
        if (history.wanted.empty()) continue;
        begin = std::min(begin, history.wanted.front().from_ns);
        end = std::max(end, history.wanted.back().to_ns);
    }
    std::vector<Coverage> wanted, ran;
    for (const VcpuHistory& history : histories) {
        wanted.emplace_back(history.wanted);
        ran.emplace_back(history.ran);
    }
    std::vector<Competitor> competitors;
    for (double from = std::ceil(begin / width) * width; from + width <= end; from += width) {
        competitors.clear();
        double total = 0;
        for (std::size_t i = 0; i < histories.size(); ++i) {
            // Less a nanosecond: the sums are of floating point.
            if (wanted[i].in(from, from + width) < width - 1) continue;
            const double got = ran[i].in(from, from + width);
            competitors.push_back({i, histories[i].weight_at(from), got, 0});
            total += got;
        }
        if (competitors.size() < 2 || total == 0) competitors.clear();
        share_out(competitors, total, width);
        look(competitors);
    }
}

}  // namespace

double VcpuHistory::weight_at(double ns) const {
    double weight = usual_weight;
    for (const auto& [from, value] : weights)
        if (from <= ns) weight = value;
    return weight;
}

std::vector<VcpuHistory> histories_of(const Columns& events) {
    const Column *const time = find(events, "time_ns"), *const domain = find(events, "domain"),
                        *const vcpu = find(events, "vcpu"), *const event = find(events, "event"),
                        *const first = find(events, "first"),
                        *const second = find(events, "second");
    if (time == nullptr || domain == nullptr || vcpu == nullptr || event == nullptr) return {};
    std::map<std::pair<double, double>, Growing> all;
    double last = 0;
    for (std::size_t row = 0; row < time->numbers.size(); ++row) {
        const std::string& what = event->texts[row];
        const double at = time->numbers[row], of_domain = number_in(domain, row);
        last = std::max(last, at);
        if (of_domain == 0) continue;
        if (what != "run" && what != "stop" && what != "wake" && what != "adjust") continue;
        const std::pair key{of_domain, number_in(vcpu, row)};
        Growing& growing = all[key];
        if (what == "adjust") growing.history.weights.emplace_back(at, number_in(first, row));
        if (what == "run") growing.run(at);
        if (what == "stop") {
            growing.stop(at);
            if (number_in(second, row) == why_blocked) growing.stop_wanting(at);
        }
        if (what == "wake") {
            growing.begin_to_want(at);
            growing.woke_at = at;
        }
    }
    std::vector<VcpuHistory> histories;
    for (auto& [key, growing] : all) {
        growing.stop(last);
        growing.stop_wanting(last);
        growing.history.domain = fmt::format("{:g}", key.first);
        growing.history.who = fmt::format("d{:g}v{:g}", key.first, key.second);
        histories.push_back(std::move(growing.history));
    }
    return histories;
}

AllocationError allocation_error(std::span<const VcpuHistory> histories, double window_ns) {
    AllocationError error{window_ns};
    double sum = 0;
    std::size_t count = 0;
    for_each_window(histories, window_ns, [&](const std::vector<Competitor>& competitors) {
        error.windows += !competitors.empty();
        for (const Competitor& each : competitors) {
            const double relative = std::abs(each.got - each.due) / each.due;
            sum += relative;
            ++count;
            error.greatest = std::max(error.greatest, relative);
        }
    });
    if (count != 0) error.mean = sum / static_cast<double>(count);
    return error;
}

std::vector<Competition> competition(std::span<const VcpuHistory> histories) {
    std::vector<Competition> all(histories.size());
    std::vector<double> lag(histories.size());
    for_each_window(histories, lag_window_ns, [&](const std::vector<Competitor>& competitors) {
        std::vector<double> now(histories.size());
        for (const Competitor& each : competitors) {
            Competition& of = all[each.index];
            of.got_ns += each.got;
            of.due_ns += each.due;
            now[each.index] = lag[each.index] + each.due - each.got;
            of.greatest_lag_ns = std::max(of.greatest_lag_ns, now[each.index]);
            of.greatest_lead_ns = std::max(of.greatest_lead_ns, -now[each.index]);
        }
        lag = std::move(now);
    });
    return all;
}

double fairness(std::span<const Competition> all) {
    std::vector<double> ratios;
    for (const Competition& each : all)
        if (each.due_ns > 0) ratios.push_back(each.got_ns / each.due_ns);
    return ratios.empty() ? 1 : jain_index(ratios);
}

}  // namespace ring3::analysis
