// SPDX-License-Identifier: MIT
#include "hv/io/store/native_watch.hpp"

#include "hv/io/store/store.hpp"

namespace ring3::store {

NativeWatch::NativeWatch(Store& store, std::string path, Callback callback)
    : store_(store),
      path_(std::move(path)),
      number_(store.add_native_watch(path_, std::move(callback))) {}

NativeWatch::~NativeWatch() { store_.remove_native_watch(path_, number_); }

std::uint64_t NativeEvents::add(NativeWatch::Callback callback) {
    callbacks_.emplace(++last_number_,
                       std::make_shared<const NativeWatch::Callback>(std::move(callback)));
    return last_number_;
}

void NativeEvents::remove(std::uint64_t number) {
    callbacks_.erase(number);
    std::erase_if(waiting_, [&](const Event& event) { return event.first == number; });
    std::erase_if(known_, [&](const Event& event) { return event.first == number; });
}

void NativeEvents::queue(std::uint64_t number, const std::string& changed_path) {
    if (known_.emplace(number, changed_path).second) waiting_.emplace_back(number, changed_path);
}

void NativeEvents::deliver() {
    // Asked by a callback: the loop that called it goes on with what is new.
    if (delivering_) return;
    delivering_ = true;
    while (!waiting_.empty()) {
        const Event event = std::move(waiting_.front());
        waiting_.pop_front();
        known_.erase(event);
        const auto callback = callbacks_.at(event.first);
        (*callback)(event.second);
    }
    delivering_ = false;
}

}  // namespace ring3::store
