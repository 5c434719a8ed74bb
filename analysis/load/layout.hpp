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
inline constexpr std::array value_columns{
    RING3_COLUMN(Value, domain, text),   RING3_COLUMN(Value, program, text),
    RING3_COLUMN(Value, metric, text),   RING3_COLUMN(Value, unit, text),
    RING3_COLUMN(Value, better, better), RING3_COLUMN(Value, warm, flag),
    RING3_COLUMN(Value, ok, flag),       RING3_COLUMN(Value, iteration, u32),
    RING3_COLUMN(Value, value, f64),     RING3_COLUMN(Value, guest_value, f64),
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
    RING3_COLUMN(Claim, name, text),         RING3_COLUMN(Claim, text, text),
    RING3_COLUMN(Claim, workload, text),     RING3_COLUMN(Claim, program, text),
    RING3_COLUMN(Claim, metric, text),       RING3_COLUMN(Claim, platform, text),
    RING3_COLUMN(Claim, than, text),         RING3_COLUMN(Claim, factors, text),
    RING3_COLUMN(Claim, than_factors, text), RING3_COLUMN(Claim, at_least, f64),
    RING3_COLUMN(Claim, at_most, f64),       RING3_COLUMN(Claim, domain, text),
    RING3_COLUMN(Claim, than_domain, text),  RING3_COLUMN(Claim, fact, text),
    RING3_COLUMN(Claim, differs, flag),
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

}  // namespace ring3::record
