// SPDX-License-Identifier: MIT
#include "cli/daemon.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/verb.hpp"
#include "hv/control/protocol.hpp"

namespace ring3 {
namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error{errno, std::generic_category(), what};
}

/// The log of the run before stays beside it.
int open_log(const Endpoint& endpoint) {
    const std::filesystem::path path = endpoint.log();
    std::error_code none;
    std::filesystem::rename(path, path.string() + ".old", none);
    const int log = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) fail("cannot open the machine's log");
    return log;
}

/// In the child: leaves the session and the terminal behind, and becomes the machine. Only what is
/// allowed between fork and exec.
[[noreturn]] void become_machine(int log, int ready, char* const* arguments) {
    ::setsid();
    // No session leader any more: no terminal that it opens becomes its own.
    if (::fork() != 0) ::_exit(0);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    // It must not keep a file system busy.
    if (::chdir("/") != 0) ::_exit(to_int(ExitCode::environment));
    ::dup2(ready, 3);
    ::close_range(4, ~0U, 0);
    ::execv("/proc/self/exe", arguments);
    ::_exit(to_int(ExitCode::environment));
}

std::string read_all(int descriptor) {
    std::string text;
    std::array<char, 4096> piece;
    while (true) {
        const ssize_t count = ::read(descriptor, piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return text;
        text.append(piece.data(), static_cast<std::size_t>(count));
    }
}

}  // namespace

void start_in_background(const Endpoint& endpoint, const std::vector<std::string>& options) {
    std::vector<std::string> words{
        "ring3", "up", "--foreground", "--machine-name", endpoint.machine(), "--ready-fd", "3"};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);

    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) fail("cannot make a pipe");
    const int log = open_log(endpoint);
    const pid_t child = ::fork();
    if (child < 0) fail("cannot start a process");
    if (child == 0) become_machine(log, ready[1], arguments.data());
    ::close(log);
    ::close(ready[1]);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
    const std::string answer = read_all(ready[0]);
    ::close(ready[0]);

    if (answer.empty())
        throw EnvironmentError{
            fmt::format("machine \"{}\" died while it was started; its log is {}",
                        endpoint.machine(), endpoint.log().string())};
    const Json document = document_of(answer);
    if (const auto error = document.find("error"); error != document.end())
        throw ControlError{error->value("code", ""), static_cast<ExitCode>(error->value("exit", 4)),
                           error->value("message", "")};
}

ReadySignal::~ReadySignal() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void ReadySignal::tell(const Json& document) {
    if (descriptor_ < 0) return;
    const std::string line = line_of(document);
    // Whoever waited may be gone; that is not the machine's concern.
    if (::write(descriptor_, line.data(), line.size()) < 0) errno = 0;
    ::close(descriptor_);
    descriptor_ = -1;
}

void ReadySignal::tell_error(const std::string& code, ExitCode exit, const std::string& message) {
    tell({{"error", {{"code", code}, {"exit", to_int(exit)}, {"message", message}}}});
}

}  // namespace ring3
