// SPDX-License-Identifier: MIT
// A child process whose standard output is read here. Recipes use the system's own tools (apt,
// dpkg) through it, and nothing else.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

#include "hv/base/errors.hpp"
#include "workloads/images/file_descriptor.hpp"

namespace ring3 {

/// A command ended with another code than 0.
class CommandError : public EnvironmentError {
public:
    CommandError(const std::string& message, std::string complaint)
        : EnvironmentError{message}, complaint_{std::move(complaint)} {}

    /// What the command itself said.
    const std::string& complaint() const { return complaint_; }

private:
    std::string complaint_;
};

class Process final {
public:
    /// Starts `command` in `directory`, with nothing to read, in the C locale. The program is its
    /// first word, looked up in PATH, or the file `program`. EnvironmentError if there is none.
    /// `variables` ("NAME=value") are added to its environment.
    Process(std::vector<std::string> command, const std::filesystem::path& directory,
            const std::filesystem::path& program = {},
            const std::vector<std::string>& variables = {});
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    /// Ends the child if nobody waited for it.
    ~Process();

    /// Where the child's standard output arrives.
    int output() const { return output_.raw(); }

    /// Waits for the end. CommandError with what the child said unless it ended with code 0.
    void wait();

    /// What it wrote to its standard error: only what stopped it, if it marks that.
    std::string complaint() const;

private:
    std::vector<std::string> command_;
    FileDescriptor output_;
    FileDescriptor errors_;
    pid_t pid_ = -1;
};

/// Runs `command` to its end and gives what it wrote to its standard output.
std::string output_of(std::vector<std::string> command, const std::filesystem::path& directory,
                      const std::filesystem::path& program = {});

}  // namespace ring3
