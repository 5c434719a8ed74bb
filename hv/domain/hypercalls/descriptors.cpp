// SPDX-License-Identifier: MIT
// Segmentation: the guest's GDT, single descriptors, segment bases.
#include "hv/abi/errors.hpp"
#include "hv/abi/xen.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"
#include "hv/domain/segments.hpp"

namespace ring3::hypercalls {

HypercallResult set_gdt(Vcpu& caller, const HypercallArguments& arguments) {
    const auto entries = static_cast<std::uint32_t>(arguments[1]);
    if (entries > FIRST_RESERVED_GDT_ENTRY) return -XEN_EINVAL;
    std::array<std::uint64_t, FIRST_RESERVED_GDT_PAGE> frames{};
    constexpr std::uint32_t per_frame = page_size / sizeof(std::uint64_t);
    const std::uint32_t count = (entries + per_frame - 1) / per_frame;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!copy_from_guest(caller, arguments[0] + i * sizeof frames[i], frames[i])) {
            return -XEN_EFAULT;
        }
    }
    return set_gdt_frames(caller, std::span{frames}.first(count), entries);
}

HypercallResult update_descriptor(Vcpu& caller, const HypercallArguments& arguments) {
    Domain& domain = caller.domain();
    return domain.tables().update_descriptor(domain.id(), Maddr{arguments[0]}, arguments[1]);
}

HypercallResult set_segment_base(Vcpu& caller, const HypercallArguments& arguments) {
    CpuState& cpu = caller.cpu;
    const std::uint64_t base = arguments[1];
    const auto which = static_cast<std::uint32_t>(arguments[0]);
    if (which != SEGBASE_GS_USER_SEL && !is_canonical(Vaddr{base})) return -XEN_EINVAL;
    switch (which) {
        case SEGBASE_FS:
            cpu.fs_base = base;
            return 0;
        case SEGBASE_GS_USER:
            cpu.gs_base_inactive = base;
            return 0;
        case SEGBASE_GS_KERNEL:
            cpu.gs_base = base;
            return 0;
        case SEGBASE_GS_USER_SEL: {
            // Loads GS as user mode would: the base of the descriptor becomes the inactive one. A
            // selector that cannot be loaded gives the null selector.
            const auto selector = static_cast<std::uint16_t>(base);
            const auto descriptor = caller.environment().descriptor(cpu, selector);
            const bool is_good = descriptor && is_readable_segment(*descriptor);
            const bool is_null = (selector & ~3u) == 0;
            cpu.sel(Segment::gs) = is_good   ? static_cast<std::uint16_t>(selector | 3)
                                   : is_null ? selector
                                             : 0;
            cpu.gs_base_inactive = is_good ? segment_base(*descriptor) : 0;
            return 0;
        }
        default:
            return -XEN_EINVAL;
    }
}

}  // namespace ring3::hypercalls
