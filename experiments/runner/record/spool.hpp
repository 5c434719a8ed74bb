// SPDX-License-Identifier: MIT
// What a run has told so far, on the disk while it goes on: blocks of text with a checksum each,
// appended and synced every few seconds. A run that was killed leaves all but its last blocks.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ring3::record {

class Spool final {
public:
    /// How much of a run may be lost at most.
    static constexpr std::chrono::seconds sync_interval{5};

    /// Begins an empty one. std::system_error if the host fails, as below.
    explicit Spool(const std::filesystem::path& path);
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;
    ~Spool();

    void append(std::string_view block);
    void sync();

private:
    std::filesystem::path path_;
    int file_;
    std::chrono::steady_clock::time_point synced_;
};

/// The blocks of a spool up to the first that is cut or damaged.
std::vector<std::string> read_spool(const std::filesystem::path& path);

}  // namespace ring3::record
