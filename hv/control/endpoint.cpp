// SPDX-License-Identifier: MIT
#include "hv/control/endpoint.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

constexpr std::size_t longest_name = 32;

/// Unset and empty are the same, as the XDG Base Directory Specification has it.
std::string_view variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string_view{} : value;
}

void check_name(std::string_view name) {
    const auto is_letter = [](unsigned char c) {
        return std::isalnum(c) != 0 || std::strchr("_-.", c) != nullptr;
    };
    if (name.empty() || name.size() > longest_name || name.front() == '.' || name.front() == '-' ||
        !std::ranges::all_of(name, is_letter))
        throw ConfigError{
            fmt::format("a machine's name takes 1 to {} letters, digits and _ - . , not \"{}\"",
                        longest_name, name)};
}

std::filesystem::path runtime_folder() {
    if (const auto base = variable("XDG_RUNTIME_DIR"); !base.empty())
        return std::filesystem::path(base) / "ring3";
    return fmt::format("/tmp/ring3-{}", ::geteuid());
}

/// /tmp is everybody's, and so may be what XDG_RUNTIME_DIR names after a change of user.
void make_private(const std::filesystem::path& folder) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        throw EnvironmentError{fmt::format(
            "cannot make {} for the sockets of machines: {}; XDG_RUNTIME_DIR says where",
            folder.string(), std::strerror(errno))};
    struct stat status {};
    if (::lstat(folder.c_str(), &status) != 0)
        throw std::system_error{errno, std::generic_category(), folder.string()};
    if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
        throw EnvironmentError{fmt::format(
            "{} must be a folder of this user, with mode 0700: machines are controlled through it",
            folder.string())};
}

}  // namespace

Endpoint::Endpoint(std::string machine) : machine_(std::move(machine)), folder_(runtime_folder()) {
    check_name(machine_);
    make_private(folder_);
}

std::filesystem::path Endpoint::file(const char* extension) const {
    return folder_ / (machine_ + extension);
}

std::filesystem::path Endpoint::log() const {
    std::filesystem::path state{variable("XDG_STATE_HOME")};
    if (state.empty() && !variable("HOME").empty())
        state = std::filesystem::path{variable("HOME")} / ".local/state";
    if (state.empty()) return file(".log");
    const std::filesystem::path folder = state / "ring3";
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    return error ? file(".log") : folder / (machine_ + ".log");
}

std::vector<std::string> Endpoint::machines() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(runtime_folder(), error))
        if (entry.path().extension() == ".sock") names.push_back(entry.path().stem().string());
    std::ranges::sort(names);
    return names;
}

}  // namespace ring3
