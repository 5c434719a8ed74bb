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
void check_mmu();
void check_pin();
void check_table_writes();
void check_traps();
void check_user();
void check_events();
void check_time();
void check_debug();
void check_fpu();
void check_descriptors();
void check_memory_op();
void check_multicall();
void check_grants();
void check_vcpu();

constexpr Group all_groups[] = {
    {"start", check_start},
    {"hypercalls", check_hypercalls},
    {"mmu", check_mmu},
    {"pin", check_pin},
    {"table_writes", check_table_writes},
    {"traps", check_traps},
    {"user", check_user},
    {"events", check_events},
    {"time", check_time},
    {"debug", check_debug},
    {"fpu", check_fpu},
    {"descriptors", check_descriptors},
    {"memory_op", check_memory_op},
    {"multicall", check_multicall},
    {"grants", check_grants},
    {"vcpu", check_vcpu},
};

}  // namespace guest
