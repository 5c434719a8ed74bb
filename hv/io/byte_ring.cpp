// SPDX-License-Identifier: MIT
#include "hv/io/byte_ring.hpp"

#include <algorithm>
#include <cstring>

namespace ring3 {

std::uint32_t ByteRing::index(std::uint32_t offset) const {
    std::uint32_t value;
    std::memcpy(&value, frames_->at(page_).host + offset, sizeof value);
    return value;
}

void ByteRing::set_index(std::uint32_t offset, std::uint32_t value) {
    frames_->write(page_, offset, std::as_bytes(std::span{&value, 1}));
}

std::optional<std::uint32_t> ByteRing::used() const {
    const std::uint32_t bytes = index(layout_.producer) - index(layout_.consumer);
    if (bytes > layout_.size) return std::nullopt;
    return bytes;
}

std::vector<std::byte> ByteRing::take(std::size_t most) {
    const std::size_t count = std::min<std::size_t>(used().value_or(0), most);
    std::vector<std::byte> bytes(count);
    if (count == 0) return bytes;
    const std::uint32_t consumer = index(layout_.consumer);
    const std::uint32_t start = consumer & (layout_.size - 1);
    const std::size_t before_end = std::min<std::size_t>(count, layout_.size - start);
    const std::byte* const data = frames_->at(page_).host + layout_.data;
    std::memcpy(bytes.data(), data + start, before_end);
    std::memcpy(bytes.data() + before_end, data, count - before_end);
    set_index(layout_.consumer, consumer + static_cast<std::uint32_t>(count));
    return bytes;
}

std::size_t ByteRing::put(std::span<const std::byte> bytes) {
    const auto in_use = used();
    if (!in_use) return 0;
    const std::size_t count = std::min<std::size_t>(bytes.size(), layout_.size - *in_use);
    if (count == 0) return 0;
    const std::uint32_t producer = index(layout_.producer);
    const std::uint32_t start = producer & (layout_.size - 1);
    const std::size_t before_end = std::min<std::size_t>(count, layout_.size - start);
    frames_->write(page_, layout_.data + start, bytes.first(before_end));
    if (count > before_end)
        frames_->write(page_, layout_.data, bytes.subspan(before_end, count - before_end));
    set_index(layout_.producer, producer + static_cast<std::uint32_t>(count));
    return count;
}

}  // namespace ring3
