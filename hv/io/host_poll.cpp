// SPDX-License-Identifier: MIT
#include "hv/io/host_poll.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "hv/base/check.hpp"

namespace ring3 {

void HostPoll::add(Pollable& pollable) { pollables_.push_back(&pollable); }

void HostPoll::remove(Pollable& pollable) {
    const auto found = std::ranges::find(pollables_, &pollable);
    HV_CHECK(found != pollables_.end(), "somebody leaves the poll who is not in it");
    if (polling_)
        *found = nullptr;
    else
        pollables_.erase(found);
}

std::vector<std::size_t> HostPoll::look(Duration at_most) {
    HV_CHECK(!polling_, "a poll inside of a poll");
    descriptors_.clear();
    std::vector<std::size_t> ends;
    for (Pollable* const pollable : pollables_) {
        pollable->prepare(descriptors_, at_most);
        ends.push_back(descriptors_.size());
    }
    using namespace std::chrono_literals;
    // What never comes is looked for again after an hour: a timespec cannot hold every Duration.
    const Duration rest = std::clamp(at_most, Duration::zero(), Duration{1h});
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rest);
    const timespec timeout{seconds.count(), (rest - seconds).count()};
    if (::ppoll(descriptors_.data(), descriptors_.size(), &timeout, nullptr) < 0) {
        for (pollfd& descriptor : descriptors_) descriptor.revents = 0;  // a signal came
    }
    return ends;
}

bool HostPoll::is_calling() {
    if (pollables_.empty()) return false;
    descriptors_.clear();
    Duration at_most = Duration::max();
    for (Pollable* const pollable : pollables_) pollable->prepare(descriptors_, at_most);
    if (at_most <= Duration::zero()) return true;
    return !descriptors_.empty() && ::poll(descriptors_.data(), descriptors_.size(), 0) > 0;
}

void HostPoll::poll(Duration at_most) {
    const std::vector<std::size_t> ends = look(at_most);
    polling_ = true;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        if (pollables_[i] == nullptr) continue;
        const std::size_t begin = i == 0 ? 0 : ends[i - 1];
        pollables_[i]->dispatch(std::span{descriptors_}.subspan(begin, ends[i] - begin));
    }
    polling_ = false;
    std::erase(pollables_, nullptr);
}

}  // namespace ring3
