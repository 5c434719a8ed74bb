// SPDX-License-Identifier: MIT
#include "hv/trace/schema.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"

namespace ring3::trace {
namespace {

constexpr std::array class_table{
    ClassInfo{Class::sched, "sched", "who gets a pCPU, for how long, and why it loses it", true},
    ClassInfo{Class::runstate, "runstate", "each change of a vCPU's run state", true},
    ClassInfo{Class::hypercall, "hypercall", "each hypercall with its result"},
    ClassInfo{Class::exception, "exception", "exceptions and software interrupts of guests"},
    ClassInfo{Class::page_table, "page_table", "each page-table entry changed by hypercall"},
    ClassInfo{Class::event_channel, "event_channel", "events sent, raised and delivered", true},
    ClassInfo{Class::ring, "ring", "requests of block and network devices", true},
    ClassInfo{Class::memory, "memory", "memory that domains take and give back", true},
};

constexpr Argument number(std::string_view name) { return {name, Shown::number}; }
constexpr Argument address(std::string_view name) { return {name, Shown::address}; }
constexpr Argument result{"result", Shown::negative};
constexpr Argument device = number("device");

constexpr std::array event_table{
    EventInfo{Event::run, "run", "the vCPU gets the pCPU", {number("slice_ns")}},
    EventInfo{Event::stop,
              "stop",
              "it does not run any more",
              {number("ran_ns"), Argument{"why", Shown::why}, number("retired")}},
    EventInfo{Event::wake, "wake", "it was blocked, and can run", {}},
    EventInfo{Event::idle, "idle", "the pCPU has nobody to run", {}},
    EventInfo{Event::domain_start,
              "domain_start",
              "a domain is built",
              {number("vcpus"), number("frames")}},
    EventInfo{Event::domain_end,
              "domain_end",
              "a domain has shut down",
              {Argument{"reason", Shown::shutdown}}},
    EventInfo{Event::adjust,
              "adjust",
              "its scheduling parameters are changed",
              {number("weight"), number("cap_percent"), address("affinity")}},
    EventInfo{Event::pool,
              "pool",
              "a CPU pool is made, or has other pCPUs or another scheduler",
              {number("pool"), address("pcpus")}},
    EventInfo{
        Event::runstate,
        "runstate",
        "its run state changes",
        {Argument{"from", Shown::run_state}, Argument{"to", Shown::run_state}, number("spent_ns")}},
    EventInfo{Event::hypercall,
              "hypercall",
              "a hypercall is done",
              {Argument{"number", Shown::hypercall}, result, address("first_argument")}},
    EventInfo{Event::multicall_entry,
              "multicall_entry",
              "a hypercall inside of a multicall",
              {Argument{"number", Shown::hypercall}, result, address("first_argument")}},
    EventInfo{Event::hypercall_preempted,
              "hypercall_preempted",
              "a long one is to be made again",
              {Argument{"number", Shown::hypercall}, number("unused"), address("first_argument")}},
    EventInfo{Event::exception,
              "exception",
              "an exception goes to the guest kernel",
              {Argument{"vector", Shown::vector}, address("error_code"), address("address")}},
    EventInfo{Event::interrupt, "interrupt", "INT n of the guest", {number("vector")}},
    EventInfo{Event::nmi, "nmi", "a non-maskable interrupt is delivered", {}},
    EventInfo{Event::table_update,
              "table_update",
              "mmu_update of one entry",
              {address("pointer"), address("value"), result}},
    EventInfo{Event::va_update,
              "va_update",
              "update_va_mapping",
              {address("va"), address("value"), result}},
    EventInfo{Event::table_operation,
              "table_operation",
              "one operation of mmuext_op",
              {Argument{"operation", Shown::table_operation}, address("argument"), result}},
    EventInfo{Event::send,
              "send",
              "the guest sends an event",
              {number("port"), number("remote_domain"), number("remote_port")}},
    EventInfo{Event::raise, "raise", "a port becomes pending", {number("port")}},
    EventInfo{Event::upcall, "upcall", "the guest's event handler is entered", {}},
    EventInfo{Event::block_read,
              "block_read",
              "a read is taken from a block ring",
              {device, number("offset_bytes"), number("length_bytes")}},
    EventInfo{Event::block_write,
              "block_write",
              "a write, or a barrier with data",
              {device, number("offset_bytes"), number("length_bytes")}},
    EventInfo{Event::block_flush, "block_flush", "a flush of the disk's cache", {device}},
    EventInfo{Event::block_discard,
              "block_discard",
              "a discard",
              {device, number("offset_bytes"), number("length_bytes")}},
    EventInfo{Event::block_done,
              "block_done",
              "a block request is answered",
              {device, result, number("took_ns")}},
    EventInfo{Event::net_transmit,
              "net_transmit",
              "a packet leaves the guest",
              {device, number("length_bytes")}},
    EventInfo{Event::net_receive,
              "net_receive",
              "a packet goes to the guest",
              {device, number("length_bytes")}},
    EventInfo{Event::reservation,
              "reservation",
              "the guest changes its reservation",
              {Argument{"operation", Shown::reservation}, number("extents"), number("done")}},
    EventInfo{Event::target, "target", "the balloon's target is set", {number("memory_kib")}},
};

constexpr std::array why_names{"slice_spent", "preempted", "yielded", "blocked"};
constexpr std::array run_state_names{"running", "runnable", "blocked", "offline"};
constexpr std::array reservation_names{
    "increase_reservation", "decrease_reservation", "", "", "", "", "populate_physmap"};
constexpr std::array shutdown_names{"poweroff", "reboot",   "suspend",
                                    "crash",    "watchdog", "soft_reset"};
constexpr std::array table_operation_names{"pin_l1_table",       "pin_l2_table",  "pin_l3_table",
                                           "pin_l4_table",       "unpin_table",   "new_baseptr",
                                           "tlb_flush_local",    "invlpg_local",  "tlb_flush_multi",
                                           "invlpg_multi",       "tlb_flush_all", "invlpg_all",
                                           "flush_cache",        "set_ldt",       "",
                                           "new_user_baseptr",   "clear_page",    "copy_page",
                                           "flush_cache_global", "mark_super",    "unmark_super"};
constexpr std::array vector_names{"divide_error (0)",
                                  "debug (1)",
                                  "nmi (2)",
                                  "breakpoint (3)",
                                  "overflow (4)",
                                  "bound_range (5)",
                                  "invalid_opcode (6)",
                                  "no_device (7)",
                                  "double_fault (8)",
                                  "",
                                  "invalid_tss (10)",
                                  "segment_not_present (11)",
                                  "stack_fault (12)",
                                  "general_protection (13)",
                                  "page_fault (14)",
                                  "",
                                  "x87_error (16)",
                                  "alignment_check (17)",
                                  "machine_check (18)",
                                  "simd_error (19)"};
constexpr std::array hypercall_names{"set_trap_table",
                                     "mmu_update",
                                     "set_gdt",
                                     "stack_switch",
                                     "set_callbacks",
                                     "fpu_taskswitch",
                                     "sched_op_compat",
                                     "platform_op",
                                     "set_debugreg",
                                     "get_debugreg",
                                     "update_descriptor",
                                     "",
                                     "memory_op",
                                     "multicall",
                                     "update_va_mapping",
                                     "set_timer_op",
                                     "event_channel_op_compat",
                                     "xen_version",
                                     "console_io",
                                     "physdev_op_compat",
                                     "grant_table_op",
                                     "vm_assist",
                                     "update_va_mapping_otherdomain",
                                     "iret",
                                     "vcpu_op",
                                     "set_segment_base",
                                     "mmuext_op",
                                     "xsm_op",
                                     "nmi_op",
                                     "sched_op",
                                     "callback_op",
                                     "xenoprof_op",
                                     "event_channel_op",
                                     "physdev_op",
                                     "hvm_op",
                                     "sysctl",
                                     "domctl",
                                     "kexec_op",
                                     "tmem_op",
                                     "argo_op",
                                     "xenpmu_op",
                                     "dm_op",
                                     "hypfs_op"};

template <std::size_t size>
std::string_view name_in(const std::array<const char*, size>& names, std::uint64_t value) {
    return value < size ? names[value] : std::string_view{};
}

}  // namespace

std::span<const ClassInfo> classes() { return class_table; }
std::span<const EventInfo> events() { return event_table; }

const EventInfo* find(Event event) {
    const auto found = std::ranges::find(event_table, event, &EventInfo::event);
    return found == event_table.end() ? nullptr : &*found;
}

std::string_view value_name(Shown shown, std::uint64_t value) {
    switch (shown) {
        case Shown::why:
            return name_in(why_names, value);
        case Shown::run_state:
            return name_in(run_state_names, value);
        case Shown::hypercall:
            return name_in(hypercall_names, value);
        case Shown::vector:
            return name_in(vector_names, value);
        case Shown::reservation:
            return name_in(reservation_names, value);
        case Shown::table_operation:
            return name_in(table_operation_names, value);
        case Shown::shutdown:
            return name_in(shutdown_names, value);
        case Shown::unused:
        case Shown::number:
        case Shown::negative:
        case Shown::address:
            return {};
    }
    return {};
}

std::string to_text(Shown shown, std::uint64_t value) {
    if (const std::string_view name = value_name(shown, value); !name.empty())
        return std::string(name);
    if (shown == Shown::negative) return fmt::format("{}", static_cast<std::int64_t>(value));
    if (shown == Shown::address) return fmt::format("{:#x}", value);
    return fmt::format("{}", value);
}

Classes default_classes() {
    Classes all;
    for (const ClassInfo& info : class_table)
        if (info.is_default) all.add(info.id);
    return all;
}

Classes all_classes() {
    Classes all;
    for (const ClassInfo& info : class_table) all.add(info.id);
    return all;
}

Classes parse_classes(std::string_view text) {
    Classes chosen;
    while (true) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view word = text.substr(0, comma);
        const auto found = std::ranges::find(class_table, word, &ClassInfo::name);
        if (found != class_table.end()) {
            chosen.add(found->id);
        } else if (word == "all" || word == "default") {
            chosen.bits |= (word == "all" ? all_classes() : default_classes()).bits;
        } else {
            std::vector<std::string> names{"all", "default"};
            for (const ClassInfo& info : class_table) names.emplace_back(info.name);
            throw ConfigError{
                fmt::format("there is no class of trace events \"{}\"{}; there are {}", word,
                            nearest_name_hint(std::string(word), names), fmt::join(names, ", "))};
        }
        if (comma == text.size()) return chosen;
        text.remove_prefix(comma + 1);
    }
}

std::string to_string(Classes chosen) {
    std::string text;
    for (const ClassInfo& info : class_table)
        if (chosen.has(info.id)) text += fmt::format("{}{}", text.empty() ? "" : ",", info.name);
    return text;
}

}  // namespace ring3::trace
