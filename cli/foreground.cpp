// SPDX-License-Identifier: MIT
#include "cli/foreground.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace ring3 {

void Foreground::attach_input(Type type, bool is_terminal) {
    type_ = std::move(type);
    is_terminal_ = is_terminal;
}

void Foreground::show(std::span<const std::byte> bytes) {
    while (!bytes.empty() && output_error_ == 0) {
        const ssize_t written = write(output_, bytes.data(), bytes.size());
        if (written >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd room{output_, POLLOUT, 0};
            poll(&room, 1, -1);
        } else if (errno != EINTR) {
            output_error_ = errno;
        }
        if (StopSignals::received() != 0) return;
    }
}

bool Foreground::wants_stop() {
    return StopSignals::received() != 0 || left_ || output_error_ != 0;
}

void Foreground::dispatch(std::span<const pollfd>) {
    read_input();
    if (pending_.empty() || !type_) return;
    const std::size_t taken = type_(pending_);
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken));
}

void Foreground::read_input() {
    if (!listens()) return;
    pollfd arrived{input_, POLLIN, 0};
    if (poll(&arrived, 1, 0) <= 0) return;
    std::array<std::byte, 1024> bytes;
    const ssize_t count = read(input_, bytes.data(), bytes.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) {
        input_ended_ = true;
        return;
    }
    auto end = bytes.begin() + count;
    if (is_terminal_) {
        const auto key = std::find(bytes.begin(), end, leave_key);
        left_ = key != end;
        end = key;
    }
    pending_.assign(bytes.begin(), end);
}

void Foreground::prepare(std::vector<pollfd>& descriptors, Duration& at_most) {
    descriptors.push_back({signals_.descriptor(), POLLIN, 0});
    // What the guest has not taken yet will be offered again; more is not read until then.
    if (listens()) descriptors.push_back({input_, POLLIN, 0});
    using namespace std::chrono_literals;
    // The guest tells nobody when it has made room for input.
    if (!pending_.empty()) at_most = std::min(at_most, Duration{10ms});
}

}  // namespace ring3
