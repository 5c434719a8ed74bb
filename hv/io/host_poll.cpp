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

void HostPoll::poll(Duration at_most) {
    HV_CHECK(!polling_, "a poll inside of a poll");
    descriptors_.clear();
    const std::size_t count = pollables_.size();
    std::vector<std::size_t> ends(count);
    for (std::size_t i = 0; i < count; ++i) {
        pollables_[i]->prepare(descriptors_, at_most);
        ends[i] = descriptors_.size();
    }

    using namespace std::chrono_literals;
    // What never comes is looked for again after an hour: a timespec cannot hold every Duration.
    const Duration rest = std::clamp(at_most, Duration::zero(), Duration{1h});
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rest);
    const timespec timeout{seconds.count(), (rest - seconds).count()};
    if (::ppoll(descriptors_.data(), descriptors_.size(), &timeout, nullptr) < 0) {
        for (pollfd& descriptor : descriptors_) descriptor.revents = 0;  // a signal came
    }

    polling_ = true;
    for (std::size_t i = 0; i < count; ++i) {
        if (pollables_[i] == nullptr) continue;
        const std::size_t begin = i == 0 ? 0 : ends[i - 1];
        pollables_[i]->dispatch(std::span{descriptors_}.subspan(begin, ends[i] - begin));
    }
    polling_ = false;
    std::erase(pollables_, nullptr);
}

}  // namespace ring3
