// SPDX-License-Identifier: MIT
// Pages of kernels' code that are the same, byte for byte, at the same address in several domains:
// the blocks of one frame, the original, serve for all of them, for as long as none is written.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3 {

class SharedCode {
public:
    /// The frame whose blocks serve for this one: itself, unless it shares another one's.
    Mfn original_of(Mfn frame) const {
        const auto found = original_.find(frame.raw);
        return found == original_.end() ? frame : found->second;
    }
    bool is_shared(Mfn frame) const { return original_.contains(frame.raw); }
    void share(Mfn frame, Mfn original) {
        original_[frame.raw] = original;
        sharers_[original.raw].push_back(frame);
    }
    void leave(Mfn frame) {
        const auto found = original_.find(frame.raw);
        std::erase(sharers_[found->second.raw], frame);
        original_.erase(found);
    }
    std::vector<Mfn> sharers_of(Mfn original) const {
        const auto found = sharers_.find(original.raw);
        return found == sharers_.end() ? std::vector<Mfn>{} : found->second;
    }
    /// All that share.
    template <class Act>
    void for_each_sharer(Act act) const {
        for (const auto& [frame, original] : original_) act(Mfn{frame});
    }

    /// Frames with blocks of their own for this address, the latest first.
    const std::vector<Mfn>& at(Vaddr page) { return at_[page.raw]; }
    /// It is like none of them, until it is written.
    void stay_alone(Mfn frame, Vaddr page) {
        constexpr std::size_t most = 8;
        auto& there = at_[page.raw];
        std::erase(there, frame);
        there.insert(there.begin(), frame);
        if (there.size() > most) there.pop_back();
        alone_.insert(frame.raw);
    }
    bool is_alone(Mfn frame) const { return alone_.contains(frame.raw); }
    void written(Mfn frame) { alone_.erase(frame.raw); }

    void clear() {
        original_.clear();
        sharers_.clear();
        at_.clear();
        alone_.clear();
    }

private:
    std::unordered_map<std::uint64_t, Mfn> original_;
    std::unordered_map<std::uint64_t, std::vector<Mfn>> sharers_;
    std::unordered_map<std::uint64_t, std::vector<Mfn>> at_;
    std::unordered_set<std::uint64_t> alone_;
};

}  // namespace ring3
