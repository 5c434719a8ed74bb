// SPDX-License-Identifier: MIT
#include "hv/control/console_stream.hpp"

#include "hv/control/domain_summary.hpp"

namespace ring3 {
namespace {

constexpr std::size_t piece_bytes = 16384;

}  // namespace

void ConsoleStream::take(const Json& document) {
    input_ += bytes_of_text(Arguments(document).string("input"));
}

Guest* ConsoleStream::living_guest() const {
    for (Guest* const guest : machine_.guests())
        if (guest->is_alive() && record_of(*guest) == record_) return guest;
    return nullptr;
}

bool ConsoleStream::advance(Connection& client) {
    Guest* const guest = living_guest();
    if (guest == nullptr) {
        input_.clear();
    } else if (!input_.empty()) {
        // The guest tells nobody when it has made room.
        input_.erase(0, machine_.type(*guest, std::as_bytes(std::span{input_})));
    }
    while (position_ < record_->shown() && client.unsent() < enough) {
        const std::uint64_t wanted = position_;
        const std::string piece = record_->output(position_, piece_bytes);
        if (position_ != wanted) client.send({{"lost", position_ - wanted}});
        client.send({{"output", text_of_bytes(piece)}});
        position_ += piece.size();
        client.flush();
    }
    if (guest != nullptr || position_ < record_->shown()) return true;
    const auto reason = record_->end_reason;
    client.send({{"end", {{"reason", reason ? shutdown_reason_name(*reason) : "destroyed"}}}});
    return false;
}

}  // namespace ring3
