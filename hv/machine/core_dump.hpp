// SPDX-License-Identifier: MIT
// A domain as an ELF core file, which gdb opens beside the guest's kernel: registers of each vCPU
// as those of a thread, memory at the addresses at which the guest's kernel sees it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "hv/domain/domain.hpp"

namespace ring3 {

struct CoreDump {
    /// Apart from what is zero, which takes no room on the disk.
    std::uint64_t file_bytes = 0;
    std::size_t ranges = 0;
    /// False for a guest whose page tables map more than any kernel's (CoreLayout).
    bool has_all_ranges = true;
};

/// Writes it, readable for its owner alone, and replaces what is there. The file appears when all
/// of it is written, never in part. The domain must not run meanwhile; it may have shut down, but
/// has its memory still. Throws EnvironmentError with the path when the host does not let us.
CoreDump write_core(Domain& domain, const std::filesystem::path& path);

/// "2024-0131-2359.58-web.7.core", as xm names the core of a domain that crashed. The time is UTC.
std::string core_file_name(std::string_view domain_name, DomainId id,
                           std::chrono::nanoseconds since_epoch);

}  // namespace ring3
