// SPDX-License-Identifier: MIT
// One client of a machine's socket, never waited for: lines that have come, and documents that wait
// until the client takes them. Nothing is kept that has no bound: a client that does not read gets
// no further request answered, and what a stream has for it meanwhile is the stream's to drop.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "hv/control/protocol.hpp"

namespace ring3 {

class Connection final {
public:
    /// Owns the descriptor, a socket that does not block.
    explicit Connection(int descriptor) : descriptor_(descriptor) {}
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    int descriptor() const { return descriptor_; }
    /// Reads what is there, as long as no whole line waits.
    void receive();
    /// The next line, without its end.
    std::optional<std::string> take_line();
    /// More than a request's length without a line end.
    bool is_too_long() const;

    void send(const Json& document);
    /// Writes as much as the socket takes now.
    void flush();
    std::size_t unsent() const { return output_.size() - sent_; }

    /// The client will send nothing more.
    bool has_ended() const { return ended_; }
    /// The client is gone.
    bool is_broken() const { return broken_; }

private:
    const int descriptor_;
    std::string input_;
    /// No line ends before this place.
    std::size_t searched_ = 0;
    std::string output_;
    std::size_t sent_ = 0;
    bool ended_ = false;
    bool broken_ = false;
};

}  // namespace ring3
