// SPDX-License-Identifier: MIT
// From lines of consoles to values. What workloads/guest/run prints for each iteration of a
// program:
//   start WORKLOAD PROGRAM SIZE
//   end WORKLOAD PROGRAM SIZE
//   value WORKLOAD PROGRAM SIZE NAME UNIT 0.123     where it measures itself
//   result WORKLOAD PROGRAM SIZE seconds=1.234567 output=ok
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>

#include <fmt/format.h>

#include "experiments/runner/record/run_record.hpp"

namespace ring3::record {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The lines of one domain.
class Reader {
public:
    Reader(const RunRecord& record, std::vector<Value>& values)
        : record_(record), values_(values) {}

    void read(const ConsoleLine& line) {
        std::istringstream in(line.text);
        std::string what, workload;
        if (!(in >> what >> workload)) return;
        std::string program, size;
        in >> program >> size;
        if (what == "start") begun_ns_ = line.at_ns;
        if (what == "end") ended_ns_ = line.at_ns;
        if (what == "value") read_value(line, program, in);
        if (what == "result") read_result(line, program, in);
    }

private:
    Value fresh(const ConsoleLine& line, const std::string& program) const {
        Value value;
        value.domain = line.domain;
        value.program = program;
        value.metric = "time";
        value.unit = "s";
        const auto count = iterations_.find(program);
        value.iteration = count == iterations_.end() ? 0 : count->second;
        value.warm = value.iteration > 0;
        value.value = value.guest_value = none;
        return value;
    }
    void read_value(const ConsoleLine& line, const std::string& program, std::istream& in) {
        std::string name, unit, number;
        if (!(in >> name >> unit >> number)) return;
        Value value = fresh(line, program);
        value.metric = name;
        value.unit = unit;
        value.ok = 1;
        value.value = value.guest_value = std::strtod(number.c_str(), nullptr);
        if (std::ranges::find(record_.higher_is_better, program) != record_.higher_is_better.end())
            value.better = Better::higher;
        values_.push_back(value);
        has_values_ = true;
    }
    void read_result(const ConsoleLine& line, const std::string& program, std::istream& in) {
        Value value = fresh(line, program);
        for (std::string word; in >> word;) {
            if (word == "output=ok") value.ok = 1;
            if (word.starts_with("seconds="))
                value.guest_value = std::strtod(word.c_str() + 8, nullptr);
        }
        // By a clock outside of the guest, whose own may lie.
        if (value.ok != 0 && !std::isnan(value.guest_value))
            value.value = static_cast<double>(ended_ns_ - begun_ns_) / 1e9;
        if (!has_values_ || value.ok == 0) values_.push_back(value);
        has_values_ = false;
        ++iterations_[program];
    }

    const RunRecord& record_;
    std::vector<Value>& values_;
    std::int64_t begun_ns_ = 0, ended_ns_ = 0;
    std::map<std::string, std::uint32_t> iterations_;
    bool has_values_ = false;
};

/// Of what was in the background: how often each program came to its right end.
void add_rounds(const RunRecord& record, const std::string& domain,
                const std::vector<Value>& values, std::vector<Value>& all) {
    for (const std::string& program : record.programs.at(domain)) {
        Value rounds;
        rounds.domain = domain;
        rounds.program = program;
        rounds.metric = "rounds";
        rounds.unit = "rounds";
        rounds.better = Better::higher;
        rounds.ok = 1;
        rounds.value = static_cast<double>(std::ranges::count_if(values, [&](const Value& value) {
            return value.program.view() == program && value.ok != 0 &&
                   value.metric.view() == "time";
        }));
        rounds.guest_value = none;
        all.push_back(rounds);
    }
}

}  // namespace

std::vector<Value> values_of(const RunRecord& record) {
    std::vector<Value> values;
    std::map<std::string, std::vector<Value>> in_background;
    for (const std::string& domain : record.background) in_background[domain];
    std::map<std::string, Reader> readers;
    for (const ConsoleLine& line : record.console) {
        if (!record.programs.contains(line.domain)) continue;
        const auto background = in_background.find(line.domain);
        auto& its = background == in_background.end() ? values : background->second;
        readers.try_emplace(line.domain, record, its).first->second.read(line);
    }
    for (const auto& [domain, its] : in_background) add_rounds(record, domain, its, values);
    return values;
}

void judge(RunRecord& record, const std::vector<Value>& values) {
    if (record.status == Status::ok || record.status == Status::dnr) {
        for (const Value& value : values) {
            if (value.ok != 0) continue;
            record.status = Status::failed;
            record.reason =
                fmt::format("wrong output of {}{}{}", value.domain.view(),
                            value.domain.view().empty() ? "" : "/", value.program.view());
            return;
        }
    }
    if (record.status != Status::ok) return;
    for (const auto& [domain, programs] : record.programs) {
        if (record.background.contains(domain)) continue;
        for (const std::string& program : programs) {
            const auto is_last = [&, &of = domain](const Value& value) {
                return value.domain.view() == of && value.program.view() == program &&
                       value.iteration + 1 == record.iterations.at(of);
            };
            if (std::ranges::any_of(values, is_last)) continue;
            record.status = Status::dnr;
            record.reason = fmt::format("the guest ended without a result of {}", program);
            return;
        }
    }
}

}  // namespace ring3::record
