// SPDX-License-Identifier: MIT
#include "hv/domain/builder/layout.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t unit) {
    return (n + unit - 1) / unit * unit;
}
constexpr Frames frames_for(std::uint64_t bytes) {
    // Not round_up(): bytes may be near 2^64.
    return {bytes / page_size + (bytes % page_size != 0 ? 1 : 0)};
}
constexpr std::uint64_t mib_up(Frames frames) {
    return round_up(frames.raw, 256) / 256;  // 256 pages are 1 MiB
}

// Xen promises at least this much mapped memory behind the boot stack (xen.h, "start-of-day memory
// layout"), and ends the mapping on such a border.
constexpr std::uint64_t padding_bytes = std::uint64_t{512} << 10;
constexpr std::uint64_t mapping_unit = std::uint64_t{4} << 20;

class Planner {
public:
    Planner(const KernelImage& kernel, std::uint64_t initrd_bytes, Frames memory)
        : kernel_(kernel), initrd_bytes_(initrd_bytes) {
        layout_.memory = memory;
        layout_.virt_base = kernel.virt_base;
    }

    Layout plan() {
        place_kernel();
        choose_p2m_place();
        layout_.initrd_is_mapped = !kernel_.notes.initrd_may_be_unmapped;
        if (layout_.initrd_is_mapped) layout_.initrd = take(frames_for(initrd_bytes_));
        if (!layout_.p2m_has_own_mapping) layout_.p2m = take(p2m_pages());
        layout_.start_info = take({1});
        layout_.store = take({1});
        layout_.console = take({1});
        place_tables_and_stack();
        if (!layout_.initrd_is_mapped) layout_.initrd = take(frames_for(initrd_bytes_));
        place_separate_p2m();
        if (next_.raw > layout_.memory.raw) too_small(Frames{next_.raw});
        if (!layout_.p2m_has_own_mapping) layout_.p2m_address = layout_.address(layout_.p2m.first);
        return std::move(layout_);
    }

private:
    Region take(Frames count) {
        const Region region{next_, count};
        next_ = region.end();
        return region;
    }
    Frames p2m_pages() const { return frames_for(layout_.memory.raw * sizeof(std::uint64_t)); }

    void place_kernel() {
        const Pfn first{(kernel_.start - kernel_.virt_base) / page_size};
        const Pfn end{frames_for(kernel_.end - kernel_.virt_base).raw};
        // Tested here already: from now on all numbers are of the order of the memory's size.
        if (end.raw > layout_.memory.raw) too_small(Frames{end.raw});
        layout_.kernel = {first, Frames{end - first}};
        next_ = end;
    }

    /// Xen's builder takes INIT_P2M for what it is only below VIRT_BASE and on a page border.
    void choose_p2m_place() {
        const auto wanted = kernel_.notes.init_p2m;
        if (!wanted || *wanted >= kernel_.virt_base || page_offset(*wanted) != 0) return;
        layout_.p2m_has_own_mapping = true;
        layout_.p2m_address = *wanted;
        const std::uint64_t bytes = p2m_pages().raw * page_size;
        check_range(*wanted, bytes, "its p2m list (INIT_P2M)");
        if (kernel_.virt_base - *wanted < bytes) {
            fail(fmt::format(
                "its p2m list of {} KiB does not fit between INIT_P2M {:#x} and VIRT_BASE",
                bytes >> 10, wanted->raw));
        }
    }

    /// The tables lie inside of what they map, so their number and the end depend on each other.
    void place_tables_and_stack() {
        Frames tables{0};
        for (;;) {
            const std::uint64_t used = (next_.raw + tables.raw + stack_pages) * page_size;
            const std::uint64_t bytes = round_up_address(used + padding_bytes);
            check_range(layout_.virt_base, bytes, "the kernel with its page tables");
            const Mapping mapping{layout_.virt_base, Pfn{0}, Frames{bytes / page_size}};
            InitialTables planned;
            const Frames needed = planned.add(mapping, next_);
            if (needed == tables) {
                layout_.page_tables = std::move(planned);
                layout_.mapped_end = layout_.virt_base + bytes;
                break;
            }
            tables = needed;  // only grows, and less than what it maps: this ends
        }
        layout_.tables = take(tables);
        layout_.stack = take({stack_pages});
        next_ = Pfn{(layout_.mapped_end - layout_.virt_base) / page_size};
    }

    void place_separate_p2m() {
        if (!layout_.p2m_has_own_mapping) return;
        layout_.p2m = take(p2m_pages());
        const Mapping mapping{layout_.p2m_address, layout_.p2m.first, layout_.p2m.count};
        layout_.p2m_tables = take(layout_.page_tables.add(mapping, next_));
    }

    /// The size whose end, as an address, is on a border of mapping_unit.
    std::uint64_t round_up_address(std::uint64_t bytes) const {
        const std::uint64_t offset = layout_.virt_base.raw % mapping_unit;
        return round_up(offset + bytes, mapping_unit) - offset;
    }

    void check_range(Vaddr start, std::uint64_t bytes, std::string_view what) const {
        const Vaddr last = start + (bytes - 1);
        const bool same_half = start.raw >> 47 == last.raw >> 47;
        if (last < start || !is_canonical(start) || !is_canonical(last) || !same_half) {
            fail(fmt::format("{} would lie at {:#x} to {:#x}, which are no addresses", what,
                             start.raw, last.raw));
        }
        if (start < xen_hole_end && last >= m2p_start) {
            fail(fmt::format("{} would lie at {:#x}, inside of Xen's own part of the address space",
                             what, start.raw));
        }
    }

    [[noreturn]] void fail(std::string_view how) const {
        throw ConfigError(
            fmt::format("{}: the kernel cannot be placed in memory: {}", kernel_.name, how));
    }
    [[noreturn]] void too_small(Frames needed) const {
        throw ConfigError(
            fmt::format("memory: {} MiB are too small for this domain: {} MiB or more are needed "
                        "(kernel {} up to "
                        "{} MiB, initrd {} MiB, and page tables)",
                        layout_.memory.raw / 256, mib_up(needed), kernel_.name,
                        mib_up(frames_for(kernel_.end - kernel_.virt_base)),
                        mib_up(frames_for(initrd_bytes_))));
    }

    static constexpr std::uint64_t stack_pages = 1;
    const KernelImage& kernel_;
    std::uint64_t initrd_bytes_;
    Layout layout_;
    Pfn next_{0};
};

}  // namespace

Layout plan_layout(const KernelImage& kernel, std::uint64_t initrd_bytes, Frames memory) {
    return Planner(kernel, initrd_bytes, memory).plan();
}

std::string describe(const Layout& layout) {
    std::string text;
    const auto line = [&](std::string_view name, const Region& region, std::string_view address) {
        if (region.count.raw == 0) return;
        fmt::format_to(std::back_inserter(text), "{:<12} {:>16}  pfn {:#8x} + {:#7x}  {:>9} KiB\n",
                       name, address, region.first.raw, region.count.raw,
                       region.count.raw * page_size >> 10);
    };
    const auto at = [](Vaddr va) { return fmt::format("{:016x}", va.raw); };
    const auto initial = [&](const Region& region) { return at(layout.address(region.first)); };
    const auto initrd = [&] {
        line("initrd", layout.initrd,
             layout.initrd_is_mapped ? initial(layout.initrd) : "not mapped");
    };

    line("kernel", layout.kernel, initial(layout.kernel));
    if (layout.initrd_is_mapped) initrd();
    if (!layout.p2m_has_own_mapping) line("p2m list", layout.p2m, at(layout.p2m_address));
    line("start_info", layout.start_info, initial(layout.start_info));
    line("store ring", layout.store, initial(layout.store));
    line("console ring", layout.console, initial(layout.console));
    line("page tables", layout.tables, initial(layout.tables));
    line("boot stack", layout.stack, initial(layout.stack));
    fmt::format_to(std::back_inserter(text), "{:<12} {:016x}\n", "mapped up to",
                   layout.mapped_end.raw);
    if (!layout.initrd_is_mapped) initrd();
    if (layout.p2m_has_own_mapping) {
        line("p2m list", layout.p2m, at(layout.p2m_address));
        line("its tables", layout.p2m_tables, "not mapped");
    }
    line("memory", Region{Pfn{0}, layout.memory}, "");
    return text;
}

}  // namespace ring3
