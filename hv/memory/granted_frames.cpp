// SPDX-License-Identifier: MIT
#include "hv/memory/granted_frames.hpp"

#include <algorithm>

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

constexpr std::size_t index_of(GrantAccess access) { return static_cast<std::size_t>(access); }

bool is_between(const GrantedFrames::Share& share, DomainId owner, DomainId user) {
    return share.owner == owner && share.user == user;
}

}  // namespace

std::span<const GrantedFrames::Share> GrantedFrames::shares_of(Mfn mfn) const {
    if (shares_.empty()) return {};
    const auto found = shares_.find(mfn.raw);
    return found == shares_.end() ? std::span<const Share>{} : found->second;
}

GrantedFrames::Share& GrantedFrames::share(Mfn mfn, DomainId owner, DomainId user) {
    std::vector<Share>& all = shares_[mfn.raw];
    for (Share& each : all) {
        if (is_between(each, owner, user)) return each;
    }
    return all.emplace_back(Share{.user = user, .owner = owner});
}

void GrantedFrames::tidy(Mfn mfn) {
    std::vector<Share>& all = shares_.at(mfn.raw);
    std::erase_if(all, [](const Share& each) {
        return each.allowed[0] + each.allowed[1] + each.held[0] + each.held[1] == 0;
    });
    if (all.empty()) shares_.erase(mfn.raw);
}

void GrantedFrames::allow(Mfn mfn, DomainId owner, DomainId user, GrantAccess access) {
    ++share(mfn, owner, user).allowed[index_of(access)];
}

void GrantedFrames::revoke(Mfn mfn, DomainId owner, DomainId user, GrantAccess access) {
    std::uint32_t& count = share(mfn, owner, user).allowed[index_of(access)];
    HV_CHECK(count > 0, "a grant ends that was not in use");
    --count;
    tidy(mfn);
}

bool GrantedFrames::is_allowed(Mfn mfn, DomainId owner, DomainId user, GrantAccess access) const {
    return std::ranges::any_of(shares_of(mfn), [&](const Share& each) {
        return is_between(each, owner, user) &&
               (each.allowed[index_of(GrantAccess::write)] != 0 ||
                (access == GrantAccess::read && each.allowed[index_of(GrantAccess::read)] != 0));
    });
}

void GrantedFrames::hold(Mfn mfn, DomainId owner, DomainId user, GrantAccess access) {
    ++share(mfn, owner, user).held[index_of(access)];
    ++held_by_[user.raw];
}

void GrantedFrames::drop(Mfn mfn, DomainId owner, DomainId user, GrantAccess access) {
    std::uint32_t& count = share(mfn, owner, user).held[index_of(access)];
    HV_CHECK(count > 0, "a reference on a granted frame is dropped that nobody holds");
    --count;
    tidy(mfn);
    if (--held_by_.at(user.raw) == 0) held_by_.erase(user.raw);
}

bool GrantedFrames::are_held_of(DomainId owner) const {
    return std::ranges::any_of(shares_, [owner](const auto& frame) {
        return std::ranges::any_of(frame.second,
                                   [owner](const Share& share) { return share.owner == owner; });
    });
}

bool GrantedFrames::holds_any(DomainId user) const { return held_by_.contains(user.raw); }

}  // namespace ring3
