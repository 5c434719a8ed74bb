// SPDX-License-Identifier: MIT
#include "tests/support/program.hpp"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

#include "build_info.hpp"

namespace ring3::test {
namespace {

/// A file with this content, gone with the object.
class InputFile {
public:
    explicit InputFile(const std::string& content) {
        const int fd = mkstemp(path_);
        if (fd < 0 ||
            write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
            throw std::runtime_error("cannot write a temporary file");
        close(fd);
    }
    ~InputFile() { unlink(path_); }
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;
    const char* path() const { return path_; }

private:
    char path_[32] = "/tmp/ring3-input-XXXXXX";
};

}  // namespace

Outcome run_ring3(const std::string& arguments, const std::string& input) {
    const InputFile file(input);
    const std::string command = std::string{"'"} + build_info::binary_dir + "/ring3' " + arguments +
                                " 2>&1 < " + file.path();
    std::FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot start a shell");
    Outcome outcome;
    char buffer[4096];
    while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, pipe))
        outcome.text.append(buffer, size);
    const int status = pclose(pipe);
    outcome.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return outcome;
}

std::string digest_of(const Outcome& outcome) {
    const auto start = outcome.text.rfind("digest sha256=");
    if (start == std::string::npos) return {};
    return outcome.text.substr(start, outcome.text.find('\n', start) - start);
}

}  // namespace ring3::test
