// SPDX-License-Identifier: MIT
// XenStore's wire protocol: what one request message asks of the store, and the reply to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hv/base/units.hpp"
#include "hv/io/store/store.hpp"

namespace ring3::store {

struct Message {
    std::uint32_t type = 0;  ///< XS_...
    std::uint32_t request_id = 0;
    std::uint32_t transaction = 0;
    std::string payload;
};

/// Carries the request out and gives its one reply. Any payload is a possible one.
Message answer(Store& store, DomainId client, const Message& request);

/// "r7" <-> {DomainId{7}, Rights::read}
std::string permission_text(const Permission& permission);
bool parse_permission(std::string_view text, Permission& permission);

/// The message that tells a client of a watch.
Message watch_event(std::string_view path, std::string_view token);

}  // namespace ring3::store
