// SPDX-License-Identifier: MIT
#include "analysis/charts/program.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ring3::analysis {
namespace {

constexpr int no_such_program = 127;

[[noreturn]] void become(std::vector<char*>& arguments, const char* folder, int output) {
    const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (chdir(folder) != 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(126);
    execvp(arguments[0], arguments.data());
    _exit(no_such_program);
}

std::string read_all(int from) {
    std::string all;
    std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t size = read(from, buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return all;
        all.append(buffer.data(), static_cast<std::size_t>(size));
    }
}

}  // namespace

ProgramOutcome run_program(const std::vector<std::string>& words,
                           const std::filesystem::path& folder) {
    std::vector<std::string> copy = words;
    std::vector<char*> arguments;
    for (std::string& word : copy) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        throw std::system_error{errno, std::generic_category(), "cannot make a pipe"};
    const pid_t child = fork();
    if (child == 0) become(arguments, folder.c_str(), ends[1]);
    close(ends[1]);
    ProgramOutcome outcome;
    if (child > 0) outcome.said = read_all(ends[0]);
    close(ends[0]);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        throw std::system_error{errno, std::generic_category(), "cannot start " + words[0]};
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
}

}  // namespace ring3::analysis
