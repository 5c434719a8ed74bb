// SPDX-License-Identifier: MIT
// Where a text in the syntax of xl.cfg(5) sets which key. Xen's own parser, which gives the values,
// can neither list the keys that it met nor tell their lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ring3 {

struct XlSetting {
    std::string key;
    unsigned line = 0;      // counted from 1
    bool adds = false;      // "+=", which appends to what the key has already
    bool is_empty = false;  // [ ] or ""

    bool operator==(const XlSetting&) const = default;
};

/// The settings in the order of the text. Of a text that Xen's parser refuses, those which can be
/// made out.
std::vector<XlSetting> scan_settings(std::string_view text);

/// What shows that a line belongs to a Python program, as the configs of xm could be (`import os`,
/// a call, a `%`): that word. Empty if nothing does.
std::string python_in(std::string_view line);

}  // namespace ring3
