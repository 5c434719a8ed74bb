// SPDX-License-Identifier: MIT
// Experiments whose guests are shell scripts: everything but a hypervisor, and no image.
#pragma once

#include <filesystem>
#include <string>

namespace ring3::test {

/// A script that prints what a guest does that runs gzip twice, with this behind "result".
std::string prints_results(const std::string& result = "seconds=0.100000 output=ok");

/// The same with a number that it measures itself, so that all runs give the same one.
std::string prints_value(double value);

/// A platform whose guest is a script, and which says that nothing of the descriptor's guest runs.
std::string script_platform(const std::string& name, const std::string& script);

/// "small": two repetitions, of two seconds at most. `more`: lines of [experiment].
std::string script_experiment(const std::string& platforms, const std::string& more = "");

/// A folder of this test's own, which goes with the object.
class ScratchFolder final {
public:
    ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder();

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    /// Its path.
    std::string written(const std::string& name, const std::string& text) const;

private:
    std::filesystem::path path_;
};

std::string content_of(const std::filesystem::path& path);

}  // namespace ring3::test
