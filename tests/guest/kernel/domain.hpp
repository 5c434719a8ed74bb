// SPDX-License-Identifier: MIT
// What the guest was told about itself at its start.
#pragma once

#include "hv/abi/xen.hpp"

namespace guest {

void remember_start(const start_info* info);
const start_info* start();
bool is_dom0();

/// Shared with Xen; mapped by start_domain().
shared_info& shared();
vcpu_info& this_vcpu();

/// Maps shared_info over a page of our own, and masks every event channel.
void start_domain();

[[noreturn]] void shut_down(unsigned reason);

}  // namespace guest
