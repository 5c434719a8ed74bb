// SPDX-License-Identifier: MIT
#include "experiments/runner/campaign_lock.hpp"

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3::experiment {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 3000ms, step = 50ms;

std::filesystem::path lock_file(const std::filesystem::path& folder) { return folder / "running"; }

/// A record lock, and no flock(): the machines' processes, made by fork, must not keep it.
struct flock whole_file() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

}  // namespace

CampaignLock::CampaignLock(const std::filesystem::path& folder)
    : path_(lock_file(folder)), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (file_ < 0)
        throw std::system_error{errno, std::generic_category(), "cannot write " + path_.string()};
    int error = 0;
    // One that was killed may take a while to go.
    for (auto waited = 0ms; waited < patience; waited += step) {
        struct flock lock = whole_file();
        if (::fcntl(file_, F_SETLK, &lock) == 0) return;
        error = errno;
        if (error != EACCES && error != EAGAIN) break;
        std::this_thread::sleep_for(step);
    }
    ::close(file_);
    if (error != EACCES && error != EAGAIN)
        throw std::system_error{error, std::generic_category(), "cannot lock " + path_.string()};
    throw EnvironmentError{
        fmt::format("the process {} is at work in {}; `ring3 status {}` shows how far it is",
                    holder(folder).value_or(0), folder.string(), folder.string())};
}

CampaignLock::~CampaignLock() {
    ::unlink(path_.c_str());
    ::close(file_);
}

std::optional<pid_t> CampaignLock::holder(const std::filesystem::path& folder) {
    const int file = ::open(lock_file(folder).c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return std::nullopt;
    struct flock lock = whole_file();
    const bool is_held = ::fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    ::close(file);
    return is_held ? std::optional{lock.l_pid} : std::nullopt;
}

bool CampaignLock::was_killed(const std::filesystem::path& folder) {
    return std::filesystem::exists(lock_file(folder)) && !holder(folder);
}

}  // namespace ring3::experiment
