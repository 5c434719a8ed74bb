// SPDX-License-Identifier: MIT
// The groups of checks. To add one: a file that defines its function, a declaration and a row here.
#pragma once

namespace guest {

struct Group {
    const char* name;
    void (*run)();
    /// Does harm to its own domain; runs only when it is named.
    bool is_hostile = false;
};

void check_start();
void check_hypercalls();

constexpr Group all_groups[] = {
    {"start", check_start},
    {"hypercalls", check_hypercalls},
};

}  // namespace guest
