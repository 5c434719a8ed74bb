// SPDX-License-Identifier: MIT
#include "hv/domain/vcpu_info.hpp"

#include <cstring>

namespace ring3 {

vcpu_info VcpuInfo::copy() const {
    vcpu_info all;
    std::memcpy(&all, frames_->at(mfn_).host + offset_, sizeof all);
    return all;
}

void VcpuInfo::store(const vcpu_info& all) { put(0, all); }

std::uint64_t VcpuInfo::pending_sel() const { return copy().evtchn_pending_sel; }
std::uint64_t VcpuInfo::cr2() const { return copy().arch.cr2; }

void VcpuInfo::set_upcall_pending(std::uint8_t value) {
    put(offsetof(vcpu_info, evtchn_upcall_pending), value);
}
void VcpuInfo::set_upcall_mask(std::uint8_t value) {
    put(offsetof(vcpu_info, evtchn_upcall_mask), value);
}
void VcpuInfo::set_pending_sel(std::uint64_t value) {
    put(offsetof(vcpu_info, evtchn_pending_sel), value);
}
void VcpuInfo::set_cr2(std::uint64_t value) { put(offsetof(vcpu_info, arch.cr2), value); }
void VcpuInfo::set_time(const vcpu_time_info& time) { put(offsetof(vcpu_info, time), time); }

}  // namespace ring3
