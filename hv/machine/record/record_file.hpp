// SPDX-License-Identifier: MIT
// The file of a recorded run: one JSON document per line. The first says which run it is of, each
// following one is an input, in order; the last may say when the run was ended from outside.
//
//     {"ring3_record": 1, "identity": "SHA-256 of the machine and its guests"}
//     {"ns": 1200345, "source": "console/web", "bytes": "6c730a"}
//     {"ns": 9000000, "end": true}
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3 {

struct RecordedInput {
    Time time{};
    std::string source;
    std::vector<std::byte> bytes;
};

/// Each line is in the file when the call returns, so a run that is killed leaves a good record.
class RecordWriter final {
public:
    /// Throws std::system_error; an existing file is replaced.
    RecordWriter(std::filesystem::path path, const std::string& identity);
    ~RecordWriter();
    RecordWriter(const RecordWriter&) = delete;
    RecordWriter& operator=(const RecordWriter&) = delete;

    void add(const RecordedInput& input);
    void end(Time time);

private:
    void put(std::string line);

    const std::filesystem::path path_;
    int file_;
};

struct RecordReader {
    /// Throws ConfigError, with the line, for what is no record, and EnvironmentError. A last line
    /// that was cut short counts as not written.
    explicit RecordReader(const std::filesystem::path& path);

    std::string identity;
    std::deque<RecordedInput> inputs;
    std::optional<Time> end;
};

}  // namespace ring3
