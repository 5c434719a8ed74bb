// SPDX-License-Identifier: MIT
#include "hv/io/console/console.hpp"

#include <utility>

#include "hv/abi/console_ring.hpp"

namespace ring3 {
namespace {

constexpr ByteRing::Layout in_layout{offsetof(abi::ConsoleRing, in), sizeof(abi::ConsoleRing::in),
                                     offsetof(abi::ConsoleRing, in_cons),
                                     offsetof(abi::ConsoleRing, in_prod)};
constexpr ByteRing::Layout out_layout{
    offsetof(abi::ConsoleRing, out), sizeof(abi::ConsoleRing::out),
    offsetof(abi::ConsoleRing, out_cons), offsetof(abi::ConsoleRing, out_prod)};

}  // namespace

Console::Console(FrameTable& frames, Mfn page, Notify notify)
    : in_(frames, page, in_layout), out_(frames, page, out_layout), notify_(std::move(notify)) {}

void Console::drain() {
    const auto bytes = out_.take(sizeof(abi::ConsoleRing::out));
    if (bytes.empty()) return;
    connected_ = true;
    if (sink_) sink_(bytes);
    notify_();
}

std::size_t Console::offer_input(std::span<const std::byte> bytes) {
    const std::size_t taken = in_.put(bytes);
    if (taken > 0) notify_();
    return taken;
}

std::vector<RingDepth> Console::ring_depths() const {
    return {{"out", out_.used().value_or(0), 0, out_layout.size},
            {"in", in_.used().value_or(0), 0, in_layout.size}};
}

bool Console::has_read_all() const { return in_.used().value_or(0) == 0; }

}  // namespace ring3
