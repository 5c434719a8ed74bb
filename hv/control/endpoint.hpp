// SPDX-License-Identifier: MIT
// Where the files of a machine in the background are: its socket, the lock that says it lives, and
// its log. Machines have names, so that one user can have several.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ring3 {

class Endpoint final {
public:
    static constexpr const char* default_machine = "default";

    /// Makes the folder when there is none. ConfigError for a name that a machine cannot have,
    /// EnvironmentError for a folder that is not this user's alone.
    explicit Endpoint(std::string machine);

    const std::string& machine() const { return machine_; }
    std::filesystem::path socket() const { return file(".sock"); }
    std::filesystem::path lock() const { return file(".lock"); }
    /// Its folder exists.
    std::filesystem::path log() const;

    /// The names of all machines whose socket is there, dead ones included.
    static std::vector<std::string> machines();

private:
    std::filesystem::path file(const char* extension) const;

    std::string machine_;
    std::filesystem::path folder_;
};

}  // namespace ring3
