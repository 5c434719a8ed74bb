// SPDX-License-Identifier: MIT
// Frames that have to wait, copied, in the order in which they came, each with the time when it may
// go on. Frames lie one behind the other in one buffer that is used in a circle and grows as it has
// to: a queue that has reached its size allocates nothing.
#pragma once

#include <cstddef>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/io/net/packet/frame.hpp"

namespace ring3::net {

class FrameQueue final {
public:
    /// `most_bytes`: of frames; one more is always taken when fewer wait.
    explicit FrameQueue(std::size_t most_bytes) : most_bytes_(most_bytes) {}

    /// False: the queue is full.
    bool push(const Frame& frame, Time due = {});
    bool is_empty() const { return count_ == 0; }
    std::size_t count() const { return count_; }
    /// The oldest frame, valid until the next push or pop. The queue is not empty.
    Frame front() const;
    Time front_due() const { return record_at(first_).due; }
    void pop();
    void clear();

private:
    /// Stands before the bytes of each frame.
    struct Record {
        std::size_t length;  ///< `wrap`: the next record stands at the buffer's start
        Time due;
        Checksum checksum;
        Gso gso;
        std::uint16_t segment_size;
    };
    static constexpr std::size_t wrap = ~std::size_t{0};
    static constexpr std::size_t alignment = 16;

    Record record_at(std::size_t offset) const;
    void put_record(std::size_t offset, const Record& record);
    static std::size_t room_for(std::size_t length);
    bool make_room(std::size_t room);
    void grow(std::size_t room);

    const std::size_t most_bytes_;
    std::vector<std::byte> buffer_;
    /// The oldest record begins at first_, the next one to come at end_. first_ == end_ and count_
    /// not zero: the buffer is full.
    std::size_t first_ = 0;
    std::size_t end_ = 0;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace ring3::net
