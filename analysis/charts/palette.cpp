// SPDX-License-Identifier: MIT
#include "analysis/charts/palette.hpp"

#include <algorithm>
#include <array>

namespace ring3::analysis {
namespace {

struct OfKind {
    const char* kind;
    Look look;
};

const std::array<OfKind, 6> own{{
    {"native", {"#777777", 7}},
    {"ring3", {"#0072B2", 5}},
    {"uml", {"#E69F00", 9}},
    {"qemu-tcg", {"#009E73", 11}},
    {"qemu-kvm", {"#CC79A7", 13}},
    {"command", {"#D55E00", 15}},
}};
const std::array<Look, 8> others{{
    {"#56B4E9", 4},
    {"#D55E00", 15},
    {"#CC79A7", 13},
    {"#009E73", 11},
    {"#E69F00", 9},
    {"#0072B2", 5},
    {"#999933", 6},
    {"#882255", 8},
}};

}  // namespace

Look Palette::look(const std::string& name, const std::string& kind) {
    if (const auto found = given_.find(name); found != given_.end()) return found->second;
    const auto is_free = [&](const Look& look) {
        return std::ranges::none_of(
            given_, [&](const auto& given) { return given.second.colour == look.colour; });
    };
    for (const OfKind& one : own)
        if (kind == one.kind && is_free(one.look)) return given_[name] = one.look;
    for (const Look& look : others)
        if (is_free(look)) return given_[name] = look;
    return given_[name] = others[given_.size() % others.size()];
}

}  // namespace ring3::analysis
