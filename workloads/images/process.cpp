// SPDX-License-Identifier: MIT
#include "workloads/images/process.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ring3 {
namespace {

[[noreturn]] void host_failed(const char* what) {
    throw std::system_error{errno, std::generic_category(), what};
}

/// The environment of this process, but in the C locale: the tools' messages are read by us.
std::vector<std::string> child_environment(const std::vector<std::string>& added) {
    std::vector<std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view each = *variable;
        const auto names_it = [each](std::string_view other) {
            return each.starts_with(other.substr(0, other.find('=') + 1));
        };
        if (!each.starts_with("LC_") && !each.starts_with("LANGUAGE=") &&
            std::ranges::none_of(added, names_it))
            variables.emplace_back(each);
    }
    variables.emplace_back("LC_ALL=C.UTF-8");
    variables.insert(variables.end(), added.begin(), added.end());
    return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) host_failed("waitpid");
    return status;
}

}  // namespace

Process::Process(std::vector<std::string> command, const std::filesystem::path& directory,
                 const std::filesystem::path& program, const std::vector<std::string>& variables)
    : command_{std::move(command)} {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) host_failed("pipe2");
    output_ = FileDescriptor{ends[0]};
    const FileDescriptor child_output{ends[1]};
    // Errors go into memory, not into a second pipe: nobody has to read two streams at a time.
    errors_ = FileDescriptor{::memfd_create("errors", MFD_CLOEXEC)};
    if (!errors_.is_open()) host_failed("memfd_create");

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, child_output.raw(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors_.raw(), STDERR_FILENO);
    posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    std::vector<std::string> environment = child_environment(variables);
    const char* file = program.empty() ? command_[0].c_str() : program.c_str();
    const int failure = ::posix_spawnp(&pid_, file, &actions, nullptr, pointers(command_).data(),
                                       pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    if (failure == 0) return;
    pid_ = -1;
    if (failure == ENOENT)
        throw EnvironmentError{
            fmt::format("cannot start {}: images are made of Debian packages with Debian's own "
                        "tools (packages apt, dpkg and, for disks, mmdebstrap)",
                        command_[0])};
    throw std::system_error{failure, std::generic_category(), "cannot start " + command_[0]};
}

Process::~Process() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
}

std::string Process::complaint() const {
    ::lseek(errors_.raw(), 0, SEEK_SET);
    std::istringstream lines{read_all(errors_.raw())};
    // apt marks what stopped it by "E:"; warnings around it would only hide that.
    std::string all, marked;
    for (std::string line; std::getline(lines, line);) {
        if (line.empty()) continue;
        all += (all.empty() ? "" : "; ") + line;
        if (line.starts_with("E: ")) marked += (marked.empty() ? "" : "; ") + line.substr(3);
    }
    return marked.empty() ? all : marked;
}

void Process::wait() {
    const int status = wait_for(std::exchange(pid_, -1));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    const std::string end = WIFSIGNALED(status)
                                ? fmt::format("was ended by signal {}", WTERMSIG(status))
                                : fmt::format("failed with code {}", WEXITSTATUS(status));
    const std::string said = complaint();
    throw CommandError{fmt::format("`{}` {}: {}", fmt::join(command_, " "), end, said), said};
}

std::string output_of(std::vector<std::string> command, const std::filesystem::path& directory,
                      const std::filesystem::path& program) {
    Process process{std::move(command), directory, program};
    std::string text = read_all(process.output());
    process.wait();
    return text;
}

}  // namespace ring3
