// SPDX-License-Identifier: MIT
// Segment descriptors (SDM vol. 3, 3.4.5): which ones a guest may have, and the frames that hold
// them.
#include <cerrno>
#include <cstring>

#include "hv/memory/page_tables.hpp"

namespace ring3 {

namespace {

constexpr std::uint64_t present = std::uint64_t{1} << 47;
constexpr std::uint64_t privilege_level = std::uint64_t{3} << 45;
constexpr std::uint64_t code_or_data = std::uint64_t{1} << 44;
constexpr std::uint64_t system_type = std::uint64_t{0xf} << 40;
constexpr std::uint64_t call_gate = std::uint64_t{0xc} << 40;

/// What a call gate may lead to: the guest's own GDT, its LDT, or the kernel code that Xen offers.
bool is_gate_target(std::uint64_t gate) {
    constexpr std::uint16_t first_of_xen = 0xe000, kernel_code = 0xe033, in_ldt = 4;
    const auto selector = static_cast<std::uint16_t>(gate >> 16);
    return selector < first_of_xen || selector == kernel_code || (selector & in_ldt) != 0;
}

}  // namespace

bool check_descriptor(std::uint64_t& descriptor) {
    if ((descriptor & present) == 0) return true;
    descriptor |= privilege_level;
    // System type 0 is reserved by hardware: whoever loads it faults, so Xen lets it pass.
    if ((descriptor & code_or_data) != 0 || (descriptor & system_type) == 0) return true;
    if ((descriptor & system_type) != call_gate || !is_gate_target(descriptor)) return false;
    // Whoever calls through it gets #GP: Xen emulates the gate then, but for 32-bit guests only.
    descriptor &= ~privilege_level;
    return true;
}

int PageTables::get_descriptors(DomainId domain, Mfn mfn) {
    if (get_page(domain, mfn) != 0) return -EINVAL;
    Frame& frame = frames_.at(mfn);
    const bool is_new = frame.type_count == 0;
    bool good = get_type(frame, PageType::segment_descriptors);
    if (good && is_new) {
        for (std::uint64_t offset = 0; good && offset < page_size;
             offset += sizeof(std::uint64_t)) {
            std::uint64_t descriptor;
            std::memcpy(&descriptor, frame.host + offset, sizeof descriptor);
            good = check_descriptor(descriptor);
            std::memcpy(frame.host + offset, &descriptor, sizeof descriptor);
        }
        frames_.written(frame, 0, page_size);
        if (!good) put_type(frame);
    }
    if (good) return 0;
    put_page(frame);
    return -EINVAL;
}

void PageTables::put_descriptors(Mfn mfn) {
    Frame& frame = frames_.at(mfn);
    HV_CHECK(frame.type == PageType::segment_descriptors, "a GDT reference on something else");
    put_type(frame);
    put_page(frame);
}

int PageTables::update_descriptor(DomainId domain, Maddr address, std::uint64_t descriptor) {
    const Mfn mfn = mfn_of(address);
    const std::uint64_t offset = page_offset(address);
    Frame* const frame = owned(domain, mfn);
    if (frame == nullptr || offset % sizeof descriptor != 0 || !check_descriptor(descriptor) ||
        table_level(frame->type) != 0) {
        return -EINVAL;
    }
    std::memcpy(frame->host + offset, &descriptor, sizeof descriptor);
    frames_.written(*frame, offset, sizeof descriptor);
    return 0;
}

}  // namespace ring3
