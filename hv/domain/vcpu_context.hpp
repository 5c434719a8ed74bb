// SPDX-License-Identifier: MIT
// A whole vCPU from one structure: VCPUOP_initialise, by which a guest kernel starts its other
// vCPUs.
#pragma once

#include "hv/abi/xen.hpp"

namespace ring3 {

class Vcpu;

/// 0, or -EINVAL and no change. The vCPU must not have a context yet.
int set_vcpu_context(Vcpu& vcpu, const vcpu_guest_context_t& context);

}  // namespace ring3
