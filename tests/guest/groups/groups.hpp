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

void hostile_fault_without_handler();
void hostile_spin_masked();
void hostile_flood_console();
void hostile_corrupt_console();
void hostile_unmap_itself();
void hostile_jump_nowhere();
void hostile_lose_stack();
void hostile_iret_without_frame();
void hostile_iret_nowhere();
void hostile_fault_in_handler();
void hostile_garbage_hypercalls();

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
    // Last of all: moves vcpu_info.
    {"vcpu", check_vcpu},
    {"hostile_fault_without_handler", hostile_fault_without_handler, true},
    {"hostile_spin_masked", hostile_spin_masked, true},
    {"hostile_flood_console", hostile_flood_console, true},
    {"hostile_corrupt_console", hostile_corrupt_console, true},
    {"hostile_unmap_itself", hostile_unmap_itself, true},
    {"hostile_jump_nowhere", hostile_jump_nowhere, true},
    {"hostile_lose_stack", hostile_lose_stack, true},
    {"hostile_iret_without_frame", hostile_iret_without_frame, true},
    {"hostile_iret_nowhere", hostile_iret_nowhere, true},
    {"hostile_fault_in_handler", hostile_fault_in_handler, true},
    {"hostile_garbage_hypercalls", hostile_garbage_hypercalls, true},
};

}  // namespace guest
