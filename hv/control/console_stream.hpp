// SPDX-License-Identifier: MIT
// A guest's console over a connection:
//   from the machine  {"output": BYTES}, {"lost": COUNT} for what nobody took in time
//   to the machine    {"input": BYTES}
//   at the guest's end  {"end": {"reason": "poweroff"}}; "destroyed" when nobody asked the guest
#pragma once

#include <memory>
#include <string>

#include "hv/control/guest_record.hpp"
#include "hv/control/stream.hpp"
#include "hv/machine/machine.hpp"

namespace ring3 {

class ConsoleStream final : public Stream {
public:
    /// Begins with what is kept of the output so far.
    ConsoleStream(Machine& machine, std::shared_ptr<GuestRecord> record)
        : machine_(machine), record_(std::move(record)) {}

    void take(const Json& document) override;
    bool is_full() const override { return !input_.empty(); }
    bool advance(Connection& client) override;
    bool is_waiting() const override { return !input_.empty(); }

private:
    /// Null between a guest's end and its next start.
    Guest* living_guest() const;

    Machine& machine_;
    std::shared_ptr<GuestRecord> record_;
    std::uint64_t position_ = 0;
    /// Typed, and not yet taken by the guest.
    std::string input_;
};

}  // namespace ring3
