// SPDX-License-Identifier: MIT
// A trace in a file: a head, then blocks of records, each with a checksum, then a block that says
// how many there were. All numbers little-endian. A run that was killed leaves a file whose whole
// blocks are good.
//
//   head    "ring3trc", u32 version, u32 bytes per record, u32 classes, u32 virtual time (1) or
//           wall time (0), u64 checksum
//   block   u32 'B','L','K','1' or 'E','N','D','1', u32 records, u64 records before, u64 checksum,
//           records
//
// A checksum is the first 8 bytes of the SHA-256 of all that it stands behind in its head or block
// head, and of the block's records.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "hv/trace/recorder.hpp"

namespace ring3::trace {

inline constexpr std::uint32_t file_version = 1;

class FileWriter final : public Sink {
public:
    /// Replaces a file that is there. Throws EnvironmentError.
    FileWriter(std::filesystem::path path, Classes classes, bool is_virtual);
    ~FileWriter() override;
    FileWriter(const FileWriter&) = delete;
    FileWriter& operator=(const FileWriter&) = delete;

    void take(std::span<const Record> records) override;
    /// The end of the run. Throws EnvironmentError for what could not be written, then or before.
    void finish();

private:
    void put_block(std::uint32_t mark, std::span<const Record> records);
    void put(std::span<const std::byte> bytes);

    const std::filesystem::path path_;
    int file_ = -1;
    /// errno of the first write that failed; nothing is written after it.
    int error_ = 0;
    std::uint64_t written_ = 0;
};

struct File {
    Classes classes;
    bool is_virtual = false;
    /// In order of time; at equal times in order of pCPUs.
    std::vector<Record> records;
    /// The run's end is in it. Else `cut` says why not.
    bool is_complete = false;
    std::string cut;
};

/// Throws ConfigError for what is no trace, or one of another version; EnvironmentError.
File read_file(const std::filesystem::path& path);

}  // namespace ring3::trace
