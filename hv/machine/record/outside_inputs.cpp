// SPDX-License-Identifier: MIT
#include "hv/machine/record/outside_inputs.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// A recorded input comes so much after it was offered: the run can stop exactly there.
constexpr Duration ahead = 1ns;
/// What a guest had no room for is offered again after so long.
constexpr Duration retry = 1ms;

}  // namespace

OutsideInputs::Source::Source(OutsideInputs& inputs, std::string name, Take take)
    : inputs_(inputs), name_(std::move(name)), take_(std::move(take)) {
    const bool is_new = inputs_.sources_.emplace(name_, this).second;
    HV_CHECK(is_new, "two sources of one name");
}

OutsideInputs::Source::~Source() {
    inputs_.sources_.erase(name_);
    std::erase_if(inputs_.due_, [this](const auto& entry) { return entry.second == this; });
}

std::size_t OutsideInputs::Source::offer(std::span<const std::byte> bytes) {
    switch (inputs_.mode_) {
        case Mode::open:
            return take_(bytes);
        case Mode::closed:
        case Mode::replayed:
            return bytes.size();
        case Mode::recorded:
            break;
    }
    if (bytes.empty() || !waiting_.empty()) return 0;
    waiting_.assign(bytes.begin(), bytes.end());
    inputs_.due_.emplace(std::pair{inputs_.now_() + ahead, name_}, this);
    return bytes.size();
}

void OutsideInputs::read_from(RecordReader record) {
    to_replay_ = std::move(record.inputs);
    end_ = record.end;
}

Time OutsideInputs::next() const {
    Time next = end_.value_or(never);
    if (!due_.empty()) next = std::min(next, due_.begin()->first.first);
    if (!to_replay_.empty()) next = std::min(next, to_replay_.front().time);
    return next;
}

void OutsideInputs::deliver_due(Time now) {
    while (!due_.empty() && due_.begin()->first.first <= now) {
        Source& source = *due_.begin()->second;
        due_.erase(due_.begin());
        deliver(source, now);
    }
    while (!to_replay_.empty() && to_replay_.front().time <= now) {
        const RecordedInput input = std::move(to_replay_.front());
        to_replay_.pop_front();
        replay(input);
    }
}

void OutsideInputs::deliver(Source& source, Time now) {
    const std::size_t taken = source.take_(source.waiting_);
    const auto end = source.waiting_.begin() + static_cast<std::ptrdiff_t>(taken);
    // Even when nothing was taken: the guest was stopped here, so it is to be again.
    if (writer_) writer_->add({now, source.name_, {source.waiting_.begin(), end}});
    source.waiting_.erase(source.waiting_.begin(), end);
    if (!source.waiting_.empty()) due_.emplace(std::pair{now + retry, source.name_}, &source);
}

void OutsideInputs::replay(const RecordedInput& input) {
    const auto found = sources_.find(input.source);
    const bool is_taken =
        found != sources_.end() && found->second->take_(input.bytes) == input.bytes.size();
    if (!is_taken)
        throw DeterminismError{
            fmt::format("the replay has left the record at {} ns: {} does not take what it took",
                        input.time.time_since_epoch().count(), input.source)};
}

void OutsideInputs::ask_for_end() {
    if (mode_ != Mode::recorded || end_) return;
    end_ = now_() + ahead;
    if (writer_) writer_->end(*end_);
}

}  // namespace ring3
