// SPDX-License-Identifier: MIT
// An I/O path says when a back end looks at a ring, how it moves the data, and when it notifies the
// front end. The back end does the looking, moving and notifying; each ring has a path of its own.
// Chosen by name, each in one file of this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "hv/base/params.hpp"
#include "hv/base/units.hpp"

namespace ring3 {

class IoPath {
public:
    static constexpr const char* kind = "io-path";
    /// How bytes get between the guest's frames and the back end: through frames mapped from their
    /// grants for each request; through frames that stay mapped, where the kind of device has
    /// grants to be used again and again (else as `map`); or by the hypervisor's grant copy.
    enum class Transfer : std::uint8_t { map, persistent, copy };

    virtual ~IoPath() = default;

    virtual Transfer transfer() const = 0;
    /// Whether the back end asks the front end for an event when it puts a request in.
    virtual bool wants_kicks() const = 0;
    /// The front end kicked; `waiting` requests are in the ring, the first kick since the last look
    /// was at `since`. When to look at the ring: `now` or later.
    virtual Time look_at(Time now, std::size_t waiting, Time since) = 0;
    /// The back end looked and took `taken` requests. When to look again unasked; `never`: only
    /// after a kick.
    virtual Time look_again(Time now, std::size_t taken) = 0;
    /// `waiting` responses were put in since the last notification, the first of them at `since`.
    /// When to notify the front end: `now` or later.
    virtual Time notify_at(Time now, std::size_t waiting, Time since) = 0;

protected:
    /// The parameter that all paths have.
    static Transfer declare_transfer(Params& params) {
        const std::string chosen =
            params.choice("transfer", "map", {"map", "persistent", "copy"},
                          "how data moves: through grants mapped for each request, through grants "
                          "that stay mapped (block devices), or by grant copy");
        if (chosen == "copy") return Transfer::copy;
        return chosen == "map" ? Transfer::map : Transfer::persistent;
    }
};

}  // namespace ring3
