// SPDX-License-Identifier: MIT
// The errors that end a command, and the exit code of each. What a guest does wrong is never one of
// these: it is a value (a fault, an Exit, a negative Xen errno).
#pragma once

#include <stdexcept>
#include <string>

namespace ring3 {

/// What the process answers to its caller. The numbers are part of the command line's contract.
enum class ExitCode : int {
    ok = 0,
    claim_failed = 1,
    usage = 2,
    skipped = 3,
    environment = 4,
    workload_failed = 5,
    crash = 6,
    not_deterministic = 7,
    timeout = 124,
    interrupted = 130,
    terminated = 143,
};

/// The user asked for something impossible: an unknown name, a malformed file, a value out of
/// range. The message says what is wrong, where (file, line, key), and what would be allowed. Exit
/// code 2.
class ConfigError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The host lacks something: a package, a file, memory, a permission. The message says what, and
/// what to do next. Exit code 4.
class EnvironmentError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Two runs that must be the same are not. Exit code 7.
class DeterminismError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace ring3
