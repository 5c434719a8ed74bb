// SPDX-License-Identifier: MIT
// The door through which bytes of the host come into a machine: whoever brings some in offers them
// here, and gets them back when they are to be acted on. In an open world that is at once; a
// recorded run gives them a virtual time, and its replay brings them again at the same.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace ring3 {

class OutsideInput {
public:
    /// Takes bytes as far as there is room, and says how many. What it does may depend on the
    /// machine's state, and on nothing else of the host.
    using Take = std::function<std::size_t(std::span<const std::byte>)>;

    virtual ~OutsideInput() = default;
    /// At any time: says how many bytes are in good hands; the caller offers the rest again later.
    virtual std::size_t offer(std::span<const std::byte> bytes) = 0;
};

}  // namespace ring3
