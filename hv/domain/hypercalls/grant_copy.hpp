// SPDX-License-Identifier: MIT
// GNTTABOP_copy: from one frame to another, each the caller's own or one granted to it.
#pragma once

#include <cstdint>

#include "hv/abi/grant_table.hpp"

namespace ring3 {

class Vcpu;

/// A GNTST_* value.
std::int16_t copy_grant(Vcpu& caller, const gnttab_copy_t& request);

}  // namespace ring3
