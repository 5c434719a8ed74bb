// SPDX-License-Identifier: MIT
#include "experiments/platforms/child.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/errors.hpp"

namespace ring3::experiment {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

/// For a guest that has said all it has to say to power off.
constexpr auto grace = 15s;

[[noreturn]] void host_failed(const char* what) {
    throw std::system_error{errno, std::generic_category(), what};
}

/// Text cut into lines as it arrives.
class Lines {
public:
    explicit Lines(const std::function<bool(nanoseconds, std::string)>& take) : take_(take) {}

    /// Whether one of them was the last that is wanted.
    bool add(nanoseconds at, std::string_view bytes) {
        bool is_last = false;
        for (const char c : bytes) {
            if (c == '\r') continue;
            if (c != '\n') {
                line_ += c;
                continue;
            }
            is_last |= take_(at, std::move(line_));
            line_.clear();
        }
        return is_last;
    }
    void end(nanoseconds at) {
        if (!line_.empty()) take_(at, std::move(line_));
    }

private:
    const std::function<bool(nanoseconds, std::string)>& take_;
    std::string line_;
};

}  // namespace

void Child::start(const std::function<void(int output, int errors)>& body) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) host_failed("pipe2");
    errors_ = ::memfd_create("errors", MFD_CLOEXEC);
    if (errors_ < 0) host_failed("memfd_create");
    started_ = steady_clock::now();
    pid_ = ::fork();
    if (pid_ < 0) host_failed("fork");
    if (pid_ == 0) {
        // A group of its own: some platforms are many processes. It dies with us, however we do.
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1})
            ::signal(signal, SIG_DFL);
        const int nothing = ::open("/dev/null", O_RDONLY);
        ::dup2(nothing, STDIN_FILENO);
        body(ends[1], errors_);
        ::_exit(127);
    }
    ::setpgid(pid_, pid_);
    ::close(ends[1]);
    output_ = ends[0];
}

Child::Child(const std::vector<std::string>& command, const std::filesystem::path& directory) {
    if (!has_program(command.at(0)))
        throw EnvironmentError{fmt::format("there is no program \"{}\"", command[0])};
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    start([&](int output, int errors) {
        ::dup2(output, STDOUT_FILENO);
        ::dup2(errors, STDERR_FILENO);
        if (::chdir(directory.c_str()) == 0) ::execvp(words[0], words.data());
    });
}

Child::Child(const std::function<int(int)>& body) {
    start([&](int output, int errors) {
        ::dup2(errors, STDERR_FILENO);
        ::dup2(errors, STDOUT_FILENO);
        ::_exit(body(output));
    });
}

Child::~Child() {
    if (pid_ > 0) {
        ::kill(-pid_, SIGKILL);
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    ::close(output_);
    ::close(errors_);
}

std::string Child::last_errors() const {
    std::string text(4096, '\0');
    const off_t size = ::lseek(errors_, 0, SEEK_END);
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(text.size()));
    const ssize_t count = ::pread(errors_, text.data(), text.size(), from);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    std::istringstream lines(text);
    std::vector<std::string> last;
    for (std::string line; std::getline(lines, line);) {
        if (line.empty()) continue;
        last.push_back(line);
        if (last.size() > 3) last.erase(last.begin());
    }
    return fmt::format("{}", fmt::join(last, "; "));
}

bool Child::has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
}

void Child::end_group() {
    ::kill(-pid_, SIGTERM);
    for (int i = 0; i < 20 && !has_ended(); ++i) std::this_thread::sleep_for(10ms);
    ::kill(-pid_, SIGKILL);
}

void Child::reap(Outcome& outcome) {
    int status = 0;
    rusage usage{};
    while (::wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    ::kill(-pid_, SIGKILL);  // what it has left behind
    pid_ = -1;
    outcome.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    outcome.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    outcome.peak_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

Outcome Child::listen(const std::function<bool(nanoseconds at, std::string text)>& take,
                      nanoseconds limit, const Platform::WantsStop& wants_stop) {
    Outcome outcome;
    Lines lines(take);
    auto deadline = started_ + limit;
    bool has_said_all = false, is_open = true, killed = false;
    const auto elapsed = [&] { return nanoseconds(steady_clock::now() - started_); };
    const auto read_some = [&] {
        char bytes[16384];
        const ssize_t count = ::read(output_, bytes, sizeof bytes);
        const nanoseconds at = elapsed();
        if (count < 0 && errno != EINTR && errno != EAGAIN) host_failed("read");
        if (count == 0) is_open = false;
        if (count <= 0 || !lines.add(at, {bytes, static_cast<std::size_t>(count)})) return;
        if (!has_said_all) deadline = std::min(deadline, steady_clock::now() + grace);
        has_said_all = true;
    };
    while (true) {
        pollfd ready{output_, POLLIN, 0};
        if (is_open)
            ::poll(&ready, 1, 100);
        else
            std::this_thread::sleep_for(10ms);
        if (is_open && ready.revents != 0)
            read_some();
        else if (has_ended())  // whatever outlives it may keep the pipe: nobody waits for that
            break;
        if (killed || !(steady_clock::now() > deadline || wants_stop())) continue;
        killed = true;
        if (!has_said_all)
            outcome.end = wants_stop() ? Outcome::End::interrupted : Outcome::End::never_ended;
        end_group();
    }
    lines.end(elapsed());
    reap(outcome);
    if (outcome.end == Outcome::End::never_ended) outcome.reason = "time was up";
    if (!killed && outcome.exit_code != 0 && !has_said_all) {
        outcome.end = Outcome::End::crashed;
        outcome.reason =
            outcome.exit_code > 128
                ? fmt::format("the process was ended by signal {}", outcome.exit_code - 128)
                : fmt::format("the process failed with code {}", outcome.exit_code);
    }
    if (const std::string said = last_errors(); !said.empty() && !outcome.reason.empty())
        outcome.reason += ": " + said;
    return outcome;
}

LastLine::LastLine(const std::vector<Boot::Domain>& domains) {
    for (const Boot::Domain& domain : domains)
        if (!domain.background) to_end_.insert(domain.name);
}

bool LastLine::is(const Line& line) {
    if (!line.text.starts_with(end_line)) return false;
    return to_end_.erase(line.domain) > 0 && to_end_.empty();
}

Outcome run_program(const std::vector<std::string>& command, const Boot& boot,
                    const Platform::Sink& sink, const Platform::WantsStop& wants_stop) {
    Child child(command, boot.scratch);
    const auto limit = std::chrono::duration_cast<nanoseconds>(
        std::chrono::duration<double>(boot.descriptor.timeout_s));
    Outcome outcome = child.listen(
        [&](nanoseconds at, std::string text) {
            const bool is_last = text.starts_with(end_line);
            sink({at, "", std::move(text)});
            return is_last;
        },
        limit, wants_stop);
    outcome.command = fmt::format("{}", fmt::join(command, " "));
    return outcome;
}

bool has_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0;
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');)
        if (::access((folder + "/" + name).c_str(), X_OK) == 0) return true;
    return false;
}

std::string wants_package(const std::string& program, const std::string& package) {
    if (has_program(program)) return "";
    return fmt::format("needs the package {0}: sudo apt-get install --no-install-recommends {0}",
                       package);
}

std::unique_ptr<Platform> make_platform(const PlatformChoice& choice) {
    Params none("platforms");
    return Registry<Platform>::create(choice.kind, none, choice);
}

std::string why_skipped(Platform& platform, const Cell& cell) {
    std::string reason = platform.unavailable();
    if (reason.empty() && cell.has_several_guests()) reason = platform.unavailable_for_several();
    return reason;
}

}  // namespace ring3::experiment
