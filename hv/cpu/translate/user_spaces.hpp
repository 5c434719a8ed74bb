// SPDX-License-Identifier: MIT
// Numbers for the user address spaces that there are: a root's frame is soon another one's root, a
// number is never given again.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>

#include "hv/base/units.hpp"

namespace ring3 {

class UserSpaces {
public:
    std::uint32_t number_of(Mfn root) {
        if (last_number_ != 0 && root == last_root_) return last_number_;
        const auto [known, is_new] = numbers_.try_emplace(root.raw, next_);
        if (is_new) living_.insert(next_++);
        last_root_ = root;
        last_number_ = known->second;
        return last_number_;
    }
    /// DerivedState::root_lost.
    void root_lost(Mfn root) {
        if (root == last_root_) last_number_ = 0;
        const auto known = numbers_.find(root.raw);
        if (known == numbers_.end()) return;
        living_.erase(known->second);
        numbers_.erase(known);
    }
    bool is_living(std::uint32_t number) const { return living_.contains(number); }

private:
    std::uint32_t next_ = 1, last_number_ = 0;
    Mfn last_root_{};
    std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
    std::unordered_set<std::uint32_t> living_;
};

}  // namespace ring3
