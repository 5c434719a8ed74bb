// SPDX-License-Identifier: MIT
// A disk model says how long a disk takes under virtual time; the bytes move without it. One model
// stands for one disk. Chosen by name in the table [disk], each in one file of this folder.
#pragma once

#include <cstdint>

#include "hv/base/params.hpp"
#include "hv/base/units.hpp"

namespace ring3 {

struct DiskAccess {
    enum class Kind : std::uint8_t { read, write, flush, discard };
    Kind kind = Kind::read;
    /// In bytes, multiples of 512; of a flush both are zero.
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

class DiskModel {
public:
    static constexpr const char* kind = "disk-model";

    virtual ~DiskModel() = default;

    /// The disk gets a command at `now`, which never goes back between two calls. When the disk
    /// says that it is done: `now` or later. Commands given earlier may end later.
    virtual Time completes_at(Time now, const DiskAccess& access) = 0;
};

}  // namespace ring3
