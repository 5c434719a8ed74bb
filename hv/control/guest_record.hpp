// SPDX-License-Identifier: MIT
// What a machine in the background keeps of each guest beside the guest itself, and a little longer
// than it: the last of what its console showed, and how it ended. It hangs on the guest's console
// (GuestSpec::show), so it stays through reboots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "hv/machine/guest.hpp"

namespace ring3 {

class GuestRecord final {
public:
    /// How much of the console's output is kept.
    static constexpr std::size_t history_bytes = std::size_t{64} << 10;

    void add_output(std::span<const std::byte> bytes);
    /// All that the console has ever shown is counted.
    std::uint64_t shown() const { return shown_; }
    /// What is kept from this place on, at most so much. `from` becomes the place of its first byte
    /// when what stood before is not kept any more.
    std::string output(std::uint64_t& from, std::size_t at_most) const;

    /// SHUTDOWN_...; nothing when it was destroyed from outside, or lives.
    std::optional<std::uint32_t> end_reason;

private:
    std::string history_;
    std::uint64_t shown_ = 0;
};

/// Gives a guest that is to be made a record.
std::shared_ptr<GuestRecord> add_record(GuestSpec& spec);
/// Null for a guest that was made without.
std::shared_ptr<GuestRecord> record_of(const Guest& guest);

}  // namespace ring3
