// SPDX-License-Identifier: MIT
// What the tables of a record hold, column by column: the writer and the reader build their HDF5
// types from these lists, so that they cannot differ. docs/results.md says the same to users.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace ring3::record {

inline constexpr const char* run_format = "ring3-run";
inline constexpr const char* campaign_format = "ring3-campaign";
inline constexpr const char* host_format = "ring3-host";
inline constexpr std::uint32_t format_version = 1;

/// How a column lies in the file, little-endian.
enum class Kind : std::uint8_t { text, u8, u16, u32, u64, i64, f64, flag, status, better, event };

struct Column {
    const char* name;
    Kind kind;
    std::size_t offset, size;
    /// Came to a format that was in use: where a file has none, it is zero, or empty.
    bool is_later = false;
};

/// UTF-8, ended by a NUL; what does not fit is cut.
template <std::size_t size>
struct Text {
    std::array<char, size> bytes{};

    Text() = default;
    template <std::convertible_to<std::string_view> From>
    Text(const From& from) {
        const std::string_view text = from;
        std::memcpy(bytes.data(), text.data(), std::min(text.size(), size - 1));
    }
    std::string_view view() const { return bytes.data(); }
};

enum class Status : std::uint8_t { ok, failed, dnr, skipped, timeout, interrupted };
inline constexpr std::array status_names{"ok",      "failed",  "dnr",
                                         "skipped", "timeout", "interrupted"};
enum class Better : std::uint8_t { lower, higher };
inline constexpr std::array better_names{"lower", "higher"};

/// /result/values of a run: one row per program, metric and iteration.
struct Value {
    Text<16> domain;  ///< empty where the platform runs one guest
    Text<32> program, metric;
    Text<16> unit;
    Better better{};
    std::uint8_t warm{};  ///< not the first iteration of this boot
    std::uint8_t ok{};    ///< the program's output was right; else `value` is NaN
    std::uint32_t iteration{};
    double value{};
    double guest_value{};  ///< the same by the guest's own clock; NaN where there is none
};
#define RING3_COLUMN(Row, name, kind) \
    Column { #name, Kind::kind, offsetof(Row, name), sizeof(Row::name) }
#define RING3_LATER_COLUMN(Row, name, kind) \
    Column { #name, Kind::kind, offsetof(Row, name), sizeof(Row::name), true }
inline constexpr std::array value_columns{
    RING3_COLUMN(Value, domain, text),   RING3_COLUMN(Value, program, text),
    RING3_COLUMN(Value, metric, text),   RING3_COLUMN(Value, unit, text),
    RING3_COLUMN(Value, better, better), RING3_COLUMN(Value, warm, flag),
    RING3_COLUMN(Value, ok, flag),       RING3_COLUMN(Value, iteration, u32),
    RING3_COLUMN(Value, value, f64),     RING3_COLUMN(Value, guest_value, f64),
};

/// /result/steady of a run whose descriptor has a rule for it: where the iterations of a domain's
/// program became steady. What came before is in /result/values and does not count.
struct Steady {
    Text<16> domain;
    Text<32> program, metric;
    std::uint8_t reached{};
    std::uint32_t first_iteration{};  ///< that counts; not reached: the number of iterations
    std::uint32_t window{};           ///< of the rule, in iterations
    /// Of that window; not reached: of the last one. Standard deviation, and what the least-squares
    /// line rises or falls, both over the mean.
    double variation{}, drift{};
};
inline constexpr std::array steady_columns{
    RING3_COLUMN(Steady, domain, text),         RING3_COLUMN(Steady, program, text),
    RING3_COLUMN(Steady, metric, text),         RING3_COLUMN(Steady, reached, flag),
    RING3_COLUMN(Steady, first_iteration, u32), RING3_COLUMN(Steady, window, u32),
    RING3_COLUMN(Steady, variation, f64),       RING3_COLUMN(Steady, drift, f64),
};

/// /series/memory of a run on a ring3 machine: one row per sample and domain.
struct MemorySample {
    std::uint64_t time_ns{};                          ///< of the machine
    Text<16> domain;                                  ///< as in Value
    std::uint64_t populated_pages{}, target_pages{};  ///< of 4 KiB; the second is the balloon's
};
inline constexpr std::array memory_sample_columns{
    RING3_COLUMN(MemorySample, time_ns, u64),
    RING3_COLUMN(MemorySample, domain, text),
    RING3_COLUMN(MemorySample, populated_pages, u64),
    RING3_COLUMN(MemorySample, target_pages, u64),
};

/// /series/runstates: one row per sample and vCPU, the time in each state since its domain began.
struct RunStateSample {
    std::uint64_t time_ns{};
    Text<16> domain;
    std::uint32_t vcpu{};
    std::uint64_t running_ns{}, runnable_ns{}, blocked_ns{}, offline_ns{};
};
inline constexpr std::array run_state_sample_columns{
    RING3_COLUMN(RunStateSample, time_ns, u64),     RING3_COLUMN(RunStateSample, domain, text),
    RING3_COLUMN(RunStateSample, vcpu, u32),        RING3_COLUMN(RunStateSample, running_ns, u64),
    RING3_COLUMN(RunStateSample, runnable_ns, u64), RING3_COLUMN(RunStateSample, blocked_ns, u64),
    RING3_COLUMN(RunStateSample, offline_ns, u64),
};

/// /series/rings: one row per sample and ring; in entries, of a console in bytes.
struct RingSample {
    std::uint64_t time_ns{};
    Text<16> domain, device;    ///< "vbd-51712", "vif-0", "console"
    Text<16> ring;              ///< "q0", "q0-tx", "out"
    std::uint32_t waiting{};    ///< not taken by the back end
    std::uint32_t in_flight{};  ///< taken, and not answered
    std::uint32_t size{};
};
inline constexpr std::array ring_sample_columns{
    RING3_COLUMN(RingSample, time_ns, u64), RING3_COLUMN(RingSample, domain, text),
    RING3_COLUMN(RingSample, device, text), RING3_COLUMN(RingSample, ring, text),
    RING3_COLUMN(RingSample, waiting, u32), RING3_COLUMN(RingSample, in_flight, u32),
    RING3_COLUMN(RingSample, size, u32),
};

/// /trace/dictionary of a run: what the events of this version are, so that a file explains itself.
struct EventKind {
    std::uint16_t code{};
    Text<32> name;
    Text<96> meaning;
    Text<24> first, second, third;
};
inline constexpr std::array event_kind_columns{
    RING3_COLUMN(EventKind, code, u16),     RING3_COLUMN(EventKind, name, text),
    RING3_COLUMN(EventKind, meaning, text), RING3_COLUMN(EventKind, first, text),
    RING3_COLUMN(EventKind, second, text),  RING3_COLUMN(EventKind, third, text),
};

/// /trace/events.
struct TraceEvent {
    std::uint64_t time_ns{};
    std::uint16_t pcpu{}, domain{}, vcpu{}, event{};
    std::uint64_t first{}, second{}, third{};
};
inline constexpr std::array trace_event_columns{
    RING3_COLUMN(TraceEvent, time_ns, u64), RING3_COLUMN(TraceEvent, pcpu, u16),
    RING3_COLUMN(TraceEvent, domain, u16),  RING3_COLUMN(TraceEvent, vcpu, u16),
    RING3_COLUMN(TraceEvent, event, event), RING3_COLUMN(TraceEvent, first, u64),
    RING3_COLUMN(TraceEvent, second, u64),  RING3_COLUMN(TraceEvent, third, u64),
};

/// /cells of a campaign: what is measured, one row per point.
struct Cell {
    std::uint32_t cell{};
    Text<32> platform;       ///< its name in the descriptor
    Text<16> platform_kind;  ///< ring3, native, uml, qemu-tcg, qemu-kvm, published, command
    Text<32> workload;
    Text<16> size;
    Text<16> clock;  ///< virtual or wall
    std::uint64_t seed{};
    Text<256> factors;  ///< what a sweep varies: "scheduler.name=bvt;scheduler.slice_ns=5ms"
};
inline constexpr std::array cell_columns{
    RING3_COLUMN(Cell, cell, u32),           RING3_COLUMN(Cell, platform, text),
    RING3_COLUMN(Cell, platform_kind, text), RING3_COLUMN(Cell, workload, text),
    RING3_COLUMN(Cell, size, text),          RING3_COLUMN(Cell, clock, text),
    RING3_COLUMN(Cell, seed, u64),           RING3_COLUMN(Cell, factors, text),
};

/// /runs of a campaign: one row per run of a cell, in the order of running.
struct Run {
    std::uint32_t run{}, cell{}, repetition{};
    Status status{};
    std::uint8_t noisy{};  ///< the noise gate found the host busy
    Text<64> file;         ///< beside index.h5; empty where there is none
    Text<256> reason;      ///< why it is not ok; empty otherwise
};
inline constexpr std::array run_columns{
    RING3_COLUMN(Run, run, u32),        RING3_COLUMN(Run, cell, u32),
    RING3_COLUMN(Run, repetition, u32), RING3_COLUMN(Run, status, status),
    RING3_COLUMN(Run, noisy, flag),     RING3_COLUMN(Run, file, text),
    RING3_COLUMN(Run, reason, text),
};

/// /claims of a campaign. The speed of a platform at a point against that of another one, direction
/// taken into account (2: twice as fast), as the geometric mean over what both have measured; or,
/// where it names a fact, whether that is the same at both.
struct Claim {
    Text<64> name;
    Text<256> text;
    Text<32> workload, program, metric;  ///< empty: all
    Text<32> platform, than;
    Text<256> factors, than_factors;  ///< as in Cell; empty: any
    double at_least{}, at_most{};     ///< NaN: no bound
    Text<32> domain, than_domain;     ///< whose values; empty: any, and the same one
    Text<64> fact;                    ///< an attribute of /meta; empty: the claim is of values
    std::uint8_t differs{};           ///< the fact differs; else it is the same
};
inline constexpr std::array claim_columns{
    RING3_COLUMN(Claim, name, text),
    RING3_COLUMN(Claim, text, text),
    RING3_COLUMN(Claim, workload, text),
    RING3_COLUMN(Claim, program, text),
    RING3_COLUMN(Claim, metric, text),
    RING3_COLUMN(Claim, platform, text),
    RING3_COLUMN(Claim, than, text),
    RING3_COLUMN(Claim, factors, text),
    RING3_COLUMN(Claim, than_factors, text),
    RING3_COLUMN(Claim, at_least, f64),
    RING3_COLUMN(Claim, at_most, f64),
    RING3_LATER_COLUMN(Claim, domain, text),
    RING3_LATER_COLUMN(Claim, than_domain, text),
    RING3_LATER_COLUMN(Claim, fact, text),
    RING3_LATER_COLUMN(Claim, differs, flag),
};

/// /differences of a campaign: in what a platform differs from the baseline beside itself.
struct Difference {
    Text<32> platform, what;  ///< kernel, file-system, memory...
    Text<256> text;
    std::uint8_t declared{};  ///< by the descriptor, and not by the platform's nature
};
inline constexpr std::array difference_columns{
    RING3_COLUMN(Difference, platform, text),
    RING3_COLUMN(Difference, what, text),
    RING3_COLUMN(Difference, text, text),
    RING3_COLUMN(Difference, declared, flag),
};

/// /host/runs of host.h5: what differs from host to host and run to run, and nothing else does.
struct HostRun {
    std::uint32_t run{};
    std::uint64_t started_utc_ns{}, wall_ns{}, cpu_ns{}, peak_rss_bytes{};
    double load_before{}, load_after{};
    double spin_jitter{};  ///< (p95 - median) / median of a calibrated spin loop before the run
    double steal{};        ///< share of time that the host's own host took, 0..1
};
inline constexpr std::array host_run_columns{
    RING3_COLUMN(HostRun, run, u32),
    RING3_COLUMN(HostRun, started_utc_ns, u64),
    RING3_COLUMN(HostRun, wall_ns, u64),
    RING3_COLUMN(HostRun, cpu_ns, u64),
    RING3_COLUMN(HostRun, peak_rss_bytes, u64),
    RING3_COLUMN(HostRun, load_before, f64),
    RING3_COLUMN(HostRun, load_after, f64),
    RING3_COLUMN(HostRun, spin_jitter, f64),
    RING3_COLUMN(HostRun, steal, f64),
};
#undef RING3_COLUMN
#undef RING3_LATER_COLUMN

}  // namespace ring3::record
