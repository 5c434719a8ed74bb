// SPDX-License-Identifier: MIT
// An open file of the host, closed at the end of its life.
#pragma once

#include <string>
#include <utility>

#include <unistd.h>

namespace ring3 {

class FileDescriptor final {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int raw) : raw_{raw} {}
    FileDescriptor(FileDescriptor&& other) noexcept : raw_{std::exchange(other.raw_, -1)} {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~FileDescriptor() { close(); }

    int raw() const { return raw_; }
    bool is_open() const { return raw_ >= 0; }
    void close() {
        if (raw_ >= 0) ::close(raw_);
        raw_ = -1;
    }

private:
    int raw_ = -1;
};

/// All that is left to read. std::system_error if the host fails.
std::string read_all(int descriptor);

}  // namespace ring3
