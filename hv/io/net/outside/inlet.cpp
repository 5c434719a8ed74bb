// SPDX-License-Identifier: MIT
#include "hv/io/net/outside/inlet.hpp"

#include "hv/base/check.hpp"
#include "hv/io/net/packet/headers.hpp"

namespace ring3::net {
namespace {

/// Before each frame at the door: its length, and what is known of its checksum.
constexpr std::size_t record_header = 3;

}  // namespace

Inlet::Inlet(DriverDomain& domain, Switch& network, Port& port)
    : domain_(domain),
      switch_(network),
      port_(port),
      deliver_(domain, [this] { deliver(); }),
      door_(domain.outside_input(
          "net/" + network.name(),
          [this](std::span<const std::byte> records) { return take(records); })) {
    HV_CHECK(door_ != nullptr, "a way to the outside in a closed world");
}

void Inlet::add(Bytes frame, Checksum checksum) {
    if (frame.size() <= most_frame_bytes) offered_.push({frame, checksum});
}

void Inlet::hand_in() {
    while (!offered_.is_empty()) {
        const Frame frame = offered_.front();
        records_.resize(record_header);
        write16(records_, 0, static_cast<std::uint16_t>(frame.bytes.size()));
        records_[2] = static_cast<std::byte>(frame.checksum);
        records_.insert(records_.end(), frame.bytes.begin(), frame.bytes.end());
        if (door_->offer(records_) == 0) return;
        offered_.pop();
    }
}

/// Frames that are too many are lost here as well: they are taken.
std::size_t Inlet::take(std::span<const std::byte> records) {
    std::size_t at = 0;
    while (records.size() - at >= record_header) {
        const std::size_t length = read16(records, at);
        if (records.size() - at - record_header < length) break;
        const auto checksum = records[at + 2] == static_cast<std::byte>(Checksum::validated)
                                  ? Checksum::validated
                                  : Checksum::unknown;
        answer(records.subspan(at + record_header, length), checksum);
        at += record_header + length;
    }
    return at;
}

void Inlet::answer(Bytes frame, Checksum checksum) {
    if (taken_.push({frame, checksum})) deliver_.schedule();
}

void Inlet::deliver() {
    for (int count = 0; count < most_frames_per_task && !taken_.is_empty(); ++count) {
        const Frame frame = taken_.front();
        domain_.charge({1, frame.bytes.size()});
        switch_.forward(port_, frame);
        taken_.pop();
    }
    if (!taken_.is_empty()) deliver_.schedule();
}

}  // namespace ring3::net
