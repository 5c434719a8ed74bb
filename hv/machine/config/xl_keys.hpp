// SPDX-License-Identifier: MIT
// The keys of domain configs: those of xl.cfg(5) in Xen 4.17, and those that only the older xm had.
#pragma once

#include <span>
#include <string_view>

namespace ring3 {

struct XlKey {
    enum class Use {
        used,
        without_effect,  // about things that ring3's domains do not have, or that do not matter
                         // here
        not_built_yet,   // about things that ring3's domains should have
    };
    std::string_view name;
    Use use;
};

std::span<const XlKey> xl_keys();

}  // namespace ring3
