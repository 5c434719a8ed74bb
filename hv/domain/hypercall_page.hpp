// SPDX-License-Identifier: MIT
// The page of hypercall stubs, for kernels that ask for one (ELF note HYPERCALL_PAGE, or a write to
// MSR 40000000H): 32 bytes for each number.
#pragma once

#include <array>
#include <cstddef>

#include "hv/base/units.hpp"

namespace ring3 {

std::array<std::byte, page_size> hypercall_page();

}  // namespace ring3
