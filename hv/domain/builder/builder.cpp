// SPDX-License-Identifier: MIT
#include "hv/domain/builder/builder.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "hv/abi/xen.hpp"
#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/domain/builder/hypercall_page.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/page_tables.hpp"

namespace ring3 {
namespace {

using Bytes = std::span<const std::byte>;

constexpr int top_level = 4;
// Beside its memory, a domain takes one frame of the machine: shared_info.
constexpr std::uint64_t frames_beside_memory = 1;

class Builder {
public:
    Builder(const BuildParams& params, PageTables& tables)
        : params_(params), kernel_(*params.kernel), tables_(tables), frames_(tables.frames()) {
        built_.layout = plan_layout(kernel_, params.initrd.size(), params.memory);
        check_build(params, frames_.free());
    }

    BuiltDomain build() {
        allocate();
        load_kernel_segments();
        write_pages(built_.layout.initrd.first, 0, params_.initrd);
        write_pages(built_.layout.p2m.first, 0, std::as_bytes(std::span(built_.p2m)));
        fill_shared_info();
        fill_start_info();
        built_.layout.page_tables.write(frames_, built_.p2m);
        install_page_tables();
        return std::move(built_);
    }

private:
    Mfn mfn(Pfn pfn) const { return built_.p2m[pfn.raw]; }
    Mfn take_frame() {
        const auto frame = frames_.allocate(params_.domain);
        HV_CHECK(frame.has_value(), "the free frames were counted before");
        return *frame;
    }

    void allocate() {
        const Layout& layout = built_.layout;
        built_.domain = params_.domain;
        built_.p2m.resize(layout.memory.raw);
        for (Pfn pfn{0}; pfn.raw < layout.memory.raw; ++pfn) {
            built_.p2m[pfn.raw] = take_frame();
            frames_.set_m2p(mfn(pfn), pfn);
        }
        built_.shared_info = take_frame();
        built_.start_info = mfn(layout.start_info.first);
        built_.store = mfn(layout.store.first);
        built_.console = mfn(layout.console.first);
        built_.root = mfn(layout.page_tables.root());
        built_.store_port = params_.store_port;
        built_.console_port = params_.console_port;
        built_.entry = kernel_.entry;
        built_.start_info_address = layout.address(layout.start_info.first);
        built_.stack_top = layout.address(layout.stack.end());
    }

    /// Writes across pages that follow each other as pfns. `offset` counts from the start of
    /// `first`.
    void write_pages(Pfn first, std::uint64_t offset, Bytes bytes) {
        while (!bytes.empty()) {
            const Pfn pfn = first + offset / page_size;
            const std::uint64_t in_page = offset % page_size;
            const auto length = std::min<std::uint64_t>(bytes.size(), page_size - in_page);
            frames_.write(mfn(pfn), in_page, bytes.first(length));
            bytes = bytes.subspan(length);
            offset += length;
        }
    }

    void load_kernel_segments() {
        for (const KernelSegment& segment : kernel_.segments) {
            write_pages(Pfn{0}, segment.start - kernel_.virt_base, segment.bytes);
        }
        if (kernel_.notes.hypercall_page) {
            write_pages(Pfn{0}, *kernel_.notes.hypercall_page - kernel_.virt_base,
                        hypercall_page());
        }
    }

    /// Events are masked until the guest is ready for them.
    void fill_shared_info() {
        for (std::size_t i = 0; i < XEN_LEGACY_MAX_VCPUS; ++i) {
            const std::byte masked{1};
            const std::size_t at = offsetof(shared_info, vcpu_info) + i * sizeof(vcpu_info) +
                                   offsetof(vcpu_info, evtchn_upcall_mask);
            frames_.write(built_.shared_info, at, {&masked, 1});
        }
        const int result = tables_.get_writable_page(params_.domain, built_.shared_info);
        HV_CHECK(result == 0, "a new frame cannot be referenced");
    }

    void fill_start_info() {
        const Layout& layout = built_.layout;
        start_info info{};
        constexpr std::string_view magic = "xen-3.0-x86_64";
        std::memcpy(info.magic, magic.data(), magic.size());
        info.nr_pages = layout.memory.raw;
        info.shared_info = maddr_of(built_.shared_info).raw;
        // As libxenguest: for kernels that let the list be mapped where they say.
        info.flags = layout.p2m_has_own_mapping ? SIF_VIRT_P2M_4TOOLS : 0;
        info.store_mfn = built_.store.raw;
        info.store_evtchn = built_.store_port;
        info.console.domU.mfn = built_.console.raw;
        info.console.domU.evtchn = built_.console_port;
        info.pt_base = layout.address(layout.page_tables.root()).raw;
        info.nr_pt_frames = layout.tables.count.raw;
        info.mfn_list = layout.p2m_address.raw;
        if (layout.p2m_has_own_mapping) {
            info.first_p2m_pfn = layout.p2m.first.raw;
            info.nr_p2m_frames = layout.p2m.count.raw + layout.p2m_tables.count.raw;
        }
        if (layout.initrd.count.raw != 0) {
            info.mod_start = layout.initrd_is_mapped ? layout.address(layout.initrd.first).raw
                                                     : layout.initrd.first.raw;
            info.mod_len = layout.initrd.count.raw * page_size;
            if (!layout.initrd_is_mapped) info.flags |= SIF_MOD_START_PFN;
        }
        params_.command_line.copy(reinterpret_cast<char*>(info.cmd_line), MAX_GUEST_CMDLINE);
        frames_.write(built_.start_info, 0, std::as_bytes(std::span(&info, 1)));
    }

    void install_page_tables() {
        // The layout keeps away from all that validation refuses.
        const int pinned = tables_.pin(params_.domain, built_.root, top_level);
        HV_CHECK(pinned == 0, "the builder's page tables are refused");
        const int loaded = tables_.get_table(params_.domain, built_.root, top_level);
        HV_CHECK(loaded == 0, "the builder's L4 table cannot be loaded");
    }

    const BuildParams& params_;
    const KernelImage& kernel_;
    PageTables& tables_;
    FrameTable& frames_;
    BuiltDomain built_;
};

}  // namespace

void check_build(const BuildParams& params, Frames free_frames) {
    if (params.command_line.size() >= MAX_GUEST_CMDLINE) {
        throw ConfigError(
            fmt::format("the kernel's command line (root, extra) has {} characters; at most {} fit",
                        params.command_line.size(), MAX_GUEST_CMDLINE - 1));
    }
    if (params.command_line.find('\0') != std::string_view::npos) {
        throw ConfigError("the kernel's command line (root, extra) contains a NUL character");
    }
    if (params.memory.raw + frames_beside_memory > free_frames.raw) {
        throw ConfigError(fmt::format(
            "memory: the domain asks for {} MiB ({} pages and one for Xen's use), but the machine "
            "has "
            "{} MiB ({} pages) free; lower memory, or give the machine more",
            params.memory.raw / 256, params.memory.raw, free_frames.raw / 256, free_frames.raw));
    }
}

BuiltDomain build_domain(const BuildParams& params, PageTables& tables) {
    return Builder(params, tables).build();
}

CpuState entry_state(const BuiltDomain& built) {
    CpuState state;
    state.domain = built.domain;
    state.kernel_root = built.root;
    state.rip = built.entry.raw;
    state.reg(Gpr::rsi) = built.start_info_address.raw;
    state.reg(Gpr::rsp) = built.stack_top.raw;
    state.sel(Segment::cs) = FLAT_KERNEL_CS;
    state.sel(Segment::ss) = FLAT_KERNEL_SS;
    reset_fpu(state);
    return state;
}

}  // namespace ring3
