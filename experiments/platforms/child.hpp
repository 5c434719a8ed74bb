// SPDX-License-Identifier: MIT
// A platform that is a process of its own: started, listened to, and ended with all its children.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "experiments/platforms/platform.hpp"

namespace ring3::experiment {

class Child final {
public:
    /// Starts a program: its first word is looked up in PATH. EnvironmentError if there is none.
    Child(const std::vector<std::string>& command, const std::filesystem::path& directory);
    /// The same for a function, in a copy of this process, whose result is its exit code. It gets
    /// where to write lines.
    explicit Child(const std::function<int(int output)>& body);
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    /// Kills it if it still runs.
    ~Child();

    /// Gives each line, without its end, to `take` until the process has ended or `take` said
    /// true: then it has a few seconds to end by itself. How the end came about is the answer; what
    /// it wrote to its standard error is part of the reason.
    Outcome listen(const std::function<bool(std::chrono::nanoseconds at, std::string text)>& take,
                   std::chrono::nanoseconds limit, const Platform::WantsStop& wants_stop);

private:
    void start(const std::function<void(int output, int errors)>& body);
    bool has_ended() const;
    /// Ends the whole group, politely at first.
    void end_group();
    void reap(Outcome& outcome);
    std::string last_errors() const;

    pid_t pid_ = -1;
    int output_ = -1;
    int errors_ = -1;
    std::chrono::steady_clock::time_point started_;
};

/// Of several guests: which line is the last one that is waited for.
class LastLine final {
public:
    explicit LastLine(const std::vector<Boot::Domain>& domains);
    bool is(const Line& line);

private:
    std::set<std::string> to_end_;
};

/// The common case: a program whose standard output is the guest's console.
Outcome run_program(const std::vector<std::string>& command, const Boot& boot,
                    const Platform::Sink& sink, const Platform::WantsStop& wants_stop);

/// Is there a program of this name in PATH?
bool has_program(const std::string& name);
/// What to say where there is none.
std::string wants_package(const std::string& program, const std::string& package);

}  // namespace ring3::experiment
