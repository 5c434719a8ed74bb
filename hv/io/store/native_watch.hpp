// SPDX-License-Identifier: MIT
// A watch of Domain-0's own back ends, which live in this process: a callback instead of a message.
//
// A callback never runs inside of somebody else's call: changes are queued, and
// Store::deliver_native() hands them out in the order in which they happened, when no request is
// half done. So a callback may write to the store, and make and destroy watches, its own included.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace ring3::store {

class Store;

/// Watches `path` (absolute, or a special name with '@') and all below it while this object lives.
/// As every watch it fires once for its registration, with its own path: at the next
/// deliver_native(), never within the constructor. Changes of one path that wait to be delivered
/// are told once. The store outlives this object.
class NativeWatch final {
public:
    using Callback = std::function<void(const std::string& changed_path)>;

    NativeWatch(Store& store, std::string path, Callback callback);
    ~NativeWatch();
    NativeWatch(const NativeWatch&) = delete;
    NativeWatch& operator=(const NativeWatch&) = delete;

private:
    Store& store_;
    const std::string path_;
    std::uint64_t number_;
};

/// The store's part of it: callbacks by number, and what they have not been told yet.
class NativeEvents final {
public:
    std::uint64_t add(NativeWatch::Callback callback);
    /// What it was not told yet is dropped.
    void remove(std::uint64_t number);
    void queue(std::uint64_t number, const std::string& changed_path);
    bool are_waiting() const { return !waiting_.empty(); }
    /// Until none is left, those that callbacks cause included.
    void deliver();

private:
    using Event = std::pair<std::uint64_t, std::string>;

    /// Shared with the call that is running: a callback may destroy its own watch.
    std::map<std::uint64_t, std::shared_ptr<const NativeWatch::Callback>> callbacks_;
    std::deque<Event> waiting_;
    /// The same events, to know those that wait already.
    std::set<Event> known_;
    std::uint64_t last_number_ = 0;
    bool delivering_ = false;
};

}  // namespace ring3::store
