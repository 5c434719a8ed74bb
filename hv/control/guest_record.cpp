// SPDX-License-Identifier: MIT
#include "hv/control/guest_record.hpp"

#include <algorithm>

namespace ring3 {
namespace {

/// A guest's sink. Copied with its spec, when a new guest replaces one that is kept.
struct Recorder {
    std::shared_ptr<GuestRecord> record;
    void operator()(std::span<const std::byte> bytes) const { record->add_output(bytes); }
};

}  // namespace

void GuestRecord::add_output(std::span<const std::byte> bytes) {
    shown_ += bytes.size();
    const auto* const text = reinterpret_cast<const char*>(bytes.data());
    history_.append(text, bytes.size());
    // Twice the size, so that not every byte moves the rest.
    if (history_.size() > 2 * history_bytes) history_.erase(0, history_.size() - history_bytes);
}

std::string GuestRecord::output(std::uint64_t& from, std::size_t at_most) const {
    const std::uint64_t oldest = shown_ - history_.size();
    from = std::clamp(from, oldest, shown_);
    return history_.substr(static_cast<std::size_t>(from - oldest), at_most);
}

std::shared_ptr<GuestRecord> add_record(GuestSpec& spec) {
    auto record = std::make_shared<GuestRecord>();
    spec.show = Recorder{record};
    return record;
}

std::shared_ptr<GuestRecord> record_of(const Guest& guest) {
    const Recorder* const recorder = guest.spec().show.target<Recorder>();
    return recorder == nullptr ? nullptr : recorder->record;
}

}  // namespace ring3
