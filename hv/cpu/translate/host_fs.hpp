// SPDX-License-Identifier: MIT
// The FS base is where C++ finds its thread-local variables (errno is one), and in translated code
// it may be something else: a signal handler gives C++ back what it needs before it does anything.
#pragma once

#include <cstdint>

namespace ring3 {

/// First in every signal handler: while it lives, the FS base is that of this thread's C++.
class HostFs {
public:
    HostFs();
    ~HostFs();
    HostFs(const HostFs&) = delete;
    HostFs& operator=(const HostFs&) = delete;

    /// The FS base of C++ now, which translated code is about to replace; `fsgsbase`: the host lets
    /// programs use RDFSBASE.
    static std::uint64_t base(bool fsgsbase);

private:
    std::uint64_t codes_ = 0;
    bool is_replaced_ = false;
};

}  // namespace ring3
