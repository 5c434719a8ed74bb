// SPDX-License-Identifier: MIT
// Does what a sender left to others: completes checksums, and divides a packet into frames as they
// are on a wire. For receivers that take plain frames only.
#pragma once

#include <cstddef>
#include <vector>

#include "hv/io/net/packet/frame.hpp"
#include "hv/io/net/packet/headers.hpp"

namespace ring3::net {

class PlainFrames final {
public:
    /// Calls `take(const Frame&)` for each plain frame of this one: itself if it is one. A frame
    /// whose headers do not say what its sender said of it is passed over. The frames taken last as
    /// long as the call does.
    template <class Take>
    void each(const Frame& frame, Take take) {
        if (frame.gso != Gso::none) {
            if (!begin_segments(frame)) return;
            while (next_segment(frame)) take(made());
        } else if (frame.checksum == Checksum::blank) {
            if (complete(frame)) take(made());
        } else {
            take(frame);
        }
    }
    /// The frame with its checksum put in, still in one piece; false if it has none.
    bool complete(const Frame& frame);
    /// What complete() has made.
    Frame made() const { return {{room_.data(), made_}, Checksum::validated, Gso::none, 0}; }

private:
    bool begin_segments(const Frame& frame);
    bool next_segment(const Frame& frame);

    std::vector<std::byte> room_;
    std::size_t made_ = 0;
    Headers headers_;
    /// Payload that is not in a segment yet begins here.
    std::size_t next_ = 0;
    std::uint16_t segments_ = 0;
};

}  // namespace ring3::net
