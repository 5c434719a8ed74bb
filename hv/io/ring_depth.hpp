// SPDX-License-Identifier: MIT
// How full a ring between a guest and a back end is, for who watches a machine.
#pragma once

#include <cstdint>
#include <string>

namespace ring3 {

struct RingDepth {
    std::string ring;             ///< "q0", "q0-rx", "out"
    std::uint32_t waiting = 0;    ///< entries (of a console: bytes) that nobody has taken yet
    std::uint32_t in_flight = 0;  ///< taken, and not answered
    std::uint32_t size = 0;       ///< how many it holds at most
};

}  // namespace ring3
