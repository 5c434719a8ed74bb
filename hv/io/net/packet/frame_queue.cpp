// SPDX-License-Identifier: MIT
#include "hv/io/net/packet/frame_queue.hpp"

#include <algorithm>
#include <cstring>

#include "hv/base/check.hpp"

namespace ring3::net {

FrameQueue::Record FrameQueue::record_at(std::size_t offset) const {
    Record record;
    std::memcpy(&record, buffer_.data() + offset, sizeof record);
    return record;
}

void FrameQueue::put_record(std::size_t offset, const Record& record) {
    std::memcpy(buffer_.data() + offset, &record, sizeof record);
}

std::size_t FrameQueue::room_for(std::size_t length) {
    return (sizeof(Record) + length + alignment - 1) / alignment * alignment;
}

bool FrameQueue::push(const Frame& frame, Time due) {
    static_assert(sizeof(Record) % 8 == 0 && sizeof(Record) <= 2 * alignment);
    if (bytes_ >= most_bytes_) return false;
    const std::size_t room = room_for(frame.bytes.size());
    if (!make_room(room)) grow(room);
    put_record(end_, {frame.bytes.size(), due, frame.checksum, frame.gso, frame.segment_size});
    std::ranges::copy(frame.bytes,
                      buffer_.begin() + static_cast<std::ptrdiff_t>(end_ + sizeof(Record)));
    end_ += room;
    bytes_ += frame.bytes.size();
    ++count_;
    return true;
}

/// Moves end_ to where so much fits; false if it fits nowhere.
bool FrameQueue::make_room(std::size_t room) {
    if (count_ == 0) first_ = end_ = 0;
    const bool is_wrapped = end_ < first_ || (end_ == first_ && count_ != 0);
    const std::size_t limit = is_wrapped ? first_ : buffer_.size();
    if (room <= limit - end_) return true;
    if (is_wrapped || room > first_) return false;
    // What is left at the end stays unused.
    if (buffer_.size() - end_ >= sizeof(Record)) put_record(end_, {wrap, {}, {}, {}, 0});
    end_ = 0;
    return true;
}

/// To twice the size at least, with the records in a row.
void FrameQueue::grow(std::size_t room) {
    constexpr std::size_t least = 64 * 1024;
    FrameQueue larger{wrap};
    larger.buffer_.resize(std::max({least, 2 * buffer_.size(), 2 * room}));
    while (count_ != 0) {
        const bool fits = larger.make_room(room_for(front().bytes.size()));
        HV_CHECK(fits, "a larger queue holds less");
        larger.push(front(), front_due());
        pop();
    }
    buffer_.swap(larger.buffer_);
    first_ = larger.first_;
    end_ = larger.end_;
    count_ = larger.count_;
    bytes_ = larger.bytes_;
    const bool fits = make_room(room);
    HV_CHECK(fits, "a larger queue has no room");
}

Frame FrameQueue::front() const {
    HV_CHECK(count_ != 0, "the front of an empty queue");
    const Record record = record_at(first_);
    return {{buffer_.data() + first_ + sizeof record, record.length},
            record.checksum,
            record.gso,
            record.segment_size};
}

void FrameQueue::pop() {
    HV_CHECK(count_ != 0, "a frame is taken from an empty queue");
    const Record record = record_at(first_);
    first_ += room_for(record.length);
    bytes_ -= record.length;
    --count_;
    if (count_ == 0) {
        first_ = end_ = 0;
        return;
    }
    // The buffer ended before the next record, or that says that it stands at the start.
    if (buffer_.size() - first_ < sizeof(Record) || record_at(first_).length == wrap) first_ = 0;
}

void FrameQueue::clear() { first_ = end_ = count_ = bytes_ = 0; }

}  // namespace ring3::net
