// SPDX-License-Identifier: MIT
#include "hv/control/connection.hpp"

#include <array>
#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace ring3 {

Connection::~Connection() { ::close(descriptor_); }

void Connection::receive() {
    std::array<char, 65536> piece;
    while (!ended_ && !broken_ && !is_too_long() && input_.find('\n', searched_) == input_.npos) {
        searched_ = input_.size();
        const ssize_t count = ::recv(descriptor_, piece.data(), piece.size(), 0);
        if (count > 0) {
            input_.append(piece.data(), static_cast<std::size_t>(count));
        } else if (count == 0) {
            ended_ = true;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            broken_ = true;
        }
    }
}

std::optional<std::string> Connection::take_line() {
    const std::size_t end = input_.find('\n', searched_);
    if (end == input_.npos) return std::nullopt;
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    searched_ = 0;
    return line;
}

bool Connection::is_too_long() const {
    return input_.size() > longest_request && input_.find('\n', searched_) == input_.npos;
}

void Connection::send(const Json& document) { output_ += line_of(document); }

void Connection::flush() {
    while (unsent() > 0 && !broken_) {
        const ssize_t count =
            ::send(descriptor_, output_.data() + sent_, unsent(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) {
            sent_ += static_cast<std::size_t>(count);
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            broken_ = true;
        }
    }
    if (unsent() == 0) {
        output_.clear();
        sent_ = 0;
    } else if (sent_ > output_.size() / 2) {
        output_.erase(0, sent_);
        sent_ = 0;
    }
}

}  // namespace ring3
