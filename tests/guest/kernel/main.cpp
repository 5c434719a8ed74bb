// SPDX-License-Identifier: MIT
// Runs the groups of checks that the command line names ("groups=mmu,traps"; without: all that are
// not hostile), and powers off.
#include "hv/abi/sched.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/trap.hpp"

namespace guest {
namespace {

bool starts_with(const char* text, const char* prefix) {
    while (*prefix != '\0') {
        if (*text++ != *prefix++) return false;
    }
    return true;
}

/// The list behind "groups=" on the command line, or null.
const char* wanted_groups() {
    const auto* text = reinterpret_cast<const char*>(start()->cmd_line);
    for (; *text != '\0'; ++text) {
        if (starts_with(text, "groups=")) return text + 7;
    }
    return nullptr;
}

bool is_wanted(const Group& group, const char* list) {
    if (list == nullptr) return !group.is_hostile;
    while (*list != '\0' && *list != ' ') {
        const char* end = list;
        while (*end != '\0' && *end != ' ' && *end != ',') ++end;
        const char* name = group.name;
        const char* item = list;
        while (item != end && *name == *item) ++name, ++item;
        if (item == end && *name == '\0') return true;
        list = *end == ',' ? end + 1 : end;
    }
    return false;
}

}  // namespace
}  // namespace guest

extern "C" [[noreturn]] void guest_main(const start_info* info) {
    using namespace guest;
    remember_start(info);
    start_domain();
    start_console();
    start_traps();
    const char* list = wanted_groups();
    for (const Group& group : all_groups) {
        if (!is_wanted(group, list)) continue;
        set_group(group.name);
        group.run();
    }
    set_group("guest");
    report_bool("done", true);
    // A domain 0 takes the machine along: a reboot ends an emulator that was told so, a halt does
    // not.
    shut_down(is_dom0() ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}
