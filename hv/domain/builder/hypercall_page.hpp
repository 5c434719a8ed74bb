// SPDX-License-Identifier: MIT
// The page of stubs through which kernels with a HYPERCALL_PAGE note make their hypercalls.
#pragma once

#include <array>
#include <cstddef>

#include "hv/base/units.hpp"

namespace ring3 {

/// 128 entries of 32 bytes, one per hypercall number.
std::array<std::byte, page_size> hypercall_page();

}  // namespace ring3
