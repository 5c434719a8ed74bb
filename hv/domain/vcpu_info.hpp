// SPDX-License-Identifier: MIT
// A vCPU's vcpu_info: 64 bytes shared with the guest, first in the shared_info page, later where
// the guest registered them. Read from the frame, written through FrameTable::write.
#pragma once

#include <cstdint>
#include <span>

#include "hv/abi/xen.hpp"
#include "hv/memory/frame_table.hpp"

namespace ring3 {

class VcpuInfo {
public:
    /// `mfn` must stay allocated: the shared_info page, or a frame on which a reference is held.
    VcpuInfo(FrameTable& frames, Mfn mfn, std::uint64_t offset)
        : frames_(&frames), mfn_(mfn), offset_(offset) {}

    Mfn mfn() const { return mfn_; }

    std::uint8_t upcall_pending() const { return byte(offsetof(vcpu_info, evtchn_upcall_pending)); }
    std::uint8_t upcall_mask() const { return byte(offsetof(vcpu_info, evtchn_upcall_mask)); }
    bool upcall_due() const { return upcall_pending() != 0 && upcall_mask() == 0; }
    std::uint64_t pending_sel() const;
    std::uint64_t cr2() const;

    void set_upcall_pending(std::uint8_t value);
    void set_upcall_mask(std::uint8_t value);
    void set_pending_sel(std::uint64_t value);
    void set_cr2(std::uint64_t value);
    void set_time(const vcpu_time_info& time);

    vcpu_info copy() const;
    void store(const vcpu_info& all);

private:
    std::uint8_t byte(std::uint64_t field) const {
        return static_cast<std::uint8_t>(frames_->at(mfn_).host[offset_ + field]);
    }
    template <class T>
    void put(std::uint64_t field, const T& value) {
        frames_->write(mfn_, offset_ + field, std::as_bytes(std::span{&value, 1}));
    }

    FrameTable* frames_;
    Mfn mfn_;
    std::uint64_t offset_;
};

}  // namespace ring3
