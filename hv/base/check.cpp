// SPDX-License-Identifier: MIT
#include "hv/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace ring3 {

void check_failed(const char* condition, const char* message, const char* file, int line) noexcept {
    std::fprintf(stderr, "ring3: internal error: %s (%s) at %s:%d\n", message, condition, file,
                 line);
    std::abort();
}

}  // namespace ring3
