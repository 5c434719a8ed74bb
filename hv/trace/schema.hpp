// SPDX-License-Identifier: MIT
// What may be recorded of a run: one fixed record for every event, classes that are switched on and
// off, and as data the names of events and arguments, so that every reader prints them alike. The
// name of an argument ends in its unit where it has one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace ring3::trace {

enum class Class : std::uint8_t {
    sched,
    runstate,
    hypercall,
    exception,
    page_table,
    event_channel,
    ring,
    memory,
};

/// The high byte is the class.
enum class Event : std::uint16_t {
    run = 0x0000,
    stop,
    wake,
    idle,
    domain_start,
    domain_end,
    adjust,
    pool,
    runstate = 0x0100,
    hypercall = 0x0200,
    multicall_entry,
    hypercall_preempted,
    exception = 0x0300,
    interrupt,
    nmi,
    table_update = 0x0400,
    va_update,
    table_operation,
    send = 0x0500,
    raise,
    upcall,
    block_read = 0x0600,
    block_write,
    block_flush,
    block_discard,
    block_done,
    net_transmit,
    net_receive,
    reservation = 0x0700,
    target,
};

constexpr Class class_of(Event event) {
    return static_cast<Class>(static_cast<std::uint16_t>(event) >> 8);
}

/// One event. Little-endian in files, as in memory.
struct Record {
    std::uint64_t time_ns = 0;
    std::uint16_t pcpu = 0;
    std::uint16_t domain = 0;
    std::uint16_t vcpu = 0;
    Event event{};
    std::array<std::uint64_t, 3> arguments{};

    friend bool operator==(const Record&, const Record&) = default;
};
static_assert(sizeof(Record) == 40 && std::is_trivially_copyable_v<Record>);

/// In place of a domain: a pCPU that runs nobody (DOMID_IDLE). In place of a vCPU: none of them.
inline constexpr std::uint16_t idle_domain = 0x7fff;
inline constexpr std::uint16_t no_vcpu = 0xffff;

/// How a value reads; names for numbers are in value_name().
enum class Shown : std::uint8_t {
    unused,
    number,
    negative,  ///< two's complement: a result or a negative errno
    address,   ///< in hexadecimal
    why,
    run_state,
    hypercall,
    vector,
    reservation,
    table_operation,
    shutdown,
};

struct Argument {
    std::string_view name;
    Shown shown = Shown::unused;
};

struct EventInfo {
    Event event{};
    std::string_view name, meaning;
    std::array<Argument, 3> arguments{};
};

struct ClassInfo {
    Class id{};
    std::string_view name, meaning;
    bool is_default = false;
};

std::span<const ClassInfo> classes();
std::span<const EventInfo> events();
/// Null: a number that this version does not know.
const EventInfo* find(Event event);
/// Empty: the number has no name.
std::string_view value_name(Shown shown, std::uint64_t value);
/// As people read it: a name where there is one, else in the argument's own notation.
std::string to_text(Shown shown, std::uint64_t value);

/// A set of classes.
struct Classes {
    std::uint32_t bits = 0;

    constexpr bool has(Class one) const { return (bits >> static_cast<unsigned>(one) & 1) != 0; }
    constexpr void add(Class one) { bits |= 1u << static_cast<unsigned>(one); }
    friend bool operator==(const Classes&, const Classes&) = default;
};
Classes default_classes();
Classes all_classes();
/// "sched,runstate", "all" or "default". Throws ConfigError, with the nearest name.
Classes parse_classes(std::string_view text);
std::string to_string(Classes classes);

}  // namespace ring3::trace
