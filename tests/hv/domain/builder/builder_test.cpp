// SPDX-License-Identifier: MIT
#include "hv/domain/builder/builder.hpp"

#include <cstring>

#include <gmock/gmock.h>

#include "hv/abi/elfnote.hpp"
#include "hv/base/errors.hpp"
#include "hv/memory/accounting_check.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/page_entry.hpp"
#include "hv/memory/page_tables.hpp"
#include "hv/memory/walk.hpp"
#include "tests/hv/domain/builder/synthetic_kernel.hpp"

namespace ring3 {
namespace {

using testing::HasSubstr;

constexpr DomainId domain{1};
constexpr Frames memory{16 * 256};

class BuilderTest : public testing::Test {
protected:
    FrameTable frames{Frames{20 * 256}};
    PageTables tables{frames};
    test::SyntheticElf elf = test::pv_kernel();
    test::ByteVector initrd = test::ByteVector(5000, std::byte{0x5a});
    std::string command_line = "root=/dev/xvda1 ro";
    KernelImage kernel;
    BuiltDomain built;

    BuildParams params() {
        kernel = load_kernel(elf.file(), "vmlinux", memory.raw * page_size);
        return {.domain = domain,
                .memory = memory,
                .kernel = &kernel,
                .initrd = initrd,
                .command_line = command_line,
                .store_port = 3,
                .console_port = 4};
    }
    void build() { built = build_domain(params(), tables); }

    std::string message() {
        try {
            build();
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "no error";
    }

    /// What the guest would find at an address, through a page walk.
    template <class T>
    T guest(Vaddr va) {
        T value{};
        for (std::size_t i = 0; i < sizeof value; ++i) {
            const auto result = walk(frames, built.root, va + i, Access::read, domain, false);
            EXPECT_EQ(result.kind, WalkResult::Kind::mapped) << std::hex << va.raw;
            if (result.kind != WalkResult::Kind::mapped) return value;
            std::memcpy(reinterpret_cast<std::byte*>(&value) + i, result.host + page_offset(va + i),
                        1);
        }
        return value;
    }
    std::uint64_t field(std::size_t offset) {
        return guest<std::uint64_t>(built.start_info_address + offset);
    }
    std::uint32_t field32(std::size_t offset) {
        return guest<std::uint32_t>(built.start_info_address + offset);
    }
    WalkResult write_walk(Vaddr va) {
        return walk(frames, built.root, va, Access::write, domain, false);
    }
};

TEST_F(BuilderTest, loads_the_kernel_where_its_notes_say) {
    build();
    const Vaddr start{test::synthetic_base + 0x100000};
    EXPECT_EQ(guest<std::uint8_t>(start + 0x55), 0x55);
    EXPECT_EQ(guest<std::uint8_t>(start + 0xfff), 0xff);
    EXPECT_EQ(guest<std::uint64_t>(start + 0x1800), 0u);
    EXPECT_EQ(guest<std::uint8_t>(start + 0x3007), 0u);
    EXPECT_EQ(guest<std::uint8_t>(start + 0x3008), 0xaa);
    EXPECT_EQ(guest<std::uint8_t>(start + 0x3008 + 99), 0xaa);
    EXPECT_EQ(guest<std::uint8_t>(start + 0x3008 + 100), 0u);
}

// Offsets from Xen's public headers, as numbers: a guest compiled long ago knows nothing else.
TEST_F(BuilderTest, fills_start_info) {
    build();
    const Layout& layout = built.layout;
    EXPECT_EQ(std::string(guest<std::array<char, 32>>(built.start_info_address).data()),
              "xen-3.0-x86_64");
    EXPECT_EQ(field(0x20), memory.raw);
    EXPECT_EQ(field(0x28), built.shared_info.raw * page_size);
    EXPECT_EQ(field32(0x30), 0x18u);
    EXPECT_EQ(field(0x38), built.store.raw);
    EXPECT_EQ(field32(0x40), 3u);
    EXPECT_EQ(field(0x48), built.console.raw);
    EXPECT_EQ(field32(0x50), 4u);
    EXPECT_EQ(field(0x58), layout.address(layout.tables.first).raw);
    EXPECT_EQ(field(0x60), layout.tables.count.raw);
    EXPECT_EQ(field(0x68), 0x8000000000u);
    EXPECT_EQ(field(0x70), layout.initrd.first.raw);
    EXPECT_EQ(field(0x78), 2 * page_size);
    EXPECT_EQ(std::string(guest<std::array<char, 1024>>(built.start_info_address + 0x80).data()),
              command_line);
    EXPECT_EQ(field(0x480), layout.p2m.first.raw);
    EXPECT_EQ(field(0x488), layout.p2m.count.raw + 3);
}

TEST_F(BuilderTest, gives_each_pfn_a_frame_and_tells_the_guest_both_ways) {
    build();
    for (Pfn pfn{0}; pfn.raw < memory.raw; ++pfn) {
        const Mfn mfn = built.p2m[pfn.raw];
        ASSERT_EQ(guest<std::uint64_t>(Vaddr{0x8000000000} + pfn.raw * 8), mfn.raw);
        ASSERT_EQ(frames.m2p(mfn), pfn);
        ASSERT_EQ(frames.at(mfn).owner, domain);
    }
    EXPECT_EQ(frames.m2p(built.shared_info).raw, ~std::uint64_t{0});
    EXPECT_EQ(frames.free().raw, frames.total().raw - memory.raw - 1);
}

TEST_F(BuilderTest, maps_all_up_to_its_promise_and_nothing_more) {
    build();
    const Layout& layout = built.layout;
    for (Vaddr va = layout.virt_base; va < layout.mapped_end; va = va + page_size) {
        const Pfn pfn{(va - layout.virt_base) / page_size};
        const WalkResult result = walk(frames, built.root, va, Access::read, domain, false);
        ASSERT_EQ(result.kind, WalkResult::Kind::mapped);
        ASSERT_EQ(result.mfn, built.p2m[pfn.raw]);
    }
    EXPECT_EQ(walk(frames, built.root, layout.mapped_end, Access::read, domain, false).kind,
              WalkResult::Kind::fault);
    const Vaddr p2m_end = layout.p2m_address + layout.p2m.count.raw * page_size;
    EXPECT_EQ(walk(frames, built.root, p2m_end, Access::read, domain, false).kind,
              WalkResult::Kind::fault);
}

TEST_F(BuilderTest, maps_page_tables_read_only) {
    build();
    const Layout& layout = built.layout;
    for (Pfn pfn = layout.tables.first; pfn < layout.tables.end(); ++pfn) {
        EXPECT_EQ(write_walk(layout.address(pfn)).kind, WalkResult::Kind::fault);
    }
    EXPECT_EQ(write_walk(layout.address(layout.stack.first)).kind, WalkResult::Kind::mapped);
    EXPECT_EQ(write_walk(layout.p2m_address).kind, WalkResult::Kind::mapped);
}

TEST_F(BuilderTest, leaves_frames_counted_as_page_tables_demand) {
    build();
    const Frame& root = frames.at(built.root);
    EXPECT_EQ(root.type, PageType::l4);
    EXPECT_TRUE(root.pinned);
    EXPECT_EQ(root.type_count, 2u);  // the pin and CR3
    const Layout& layout = built.layout;
    EXPECT_EQ(frames.at(built.p2m[layout.tables.first.raw + 1]).type, PageType::l3);
    EXPECT_EQ(frames.at(built.p2m[layout.tables.first.raw + 2]).type, PageType::l2);
    EXPECT_EQ(frames.at(built.p2m[layout.tables.first.raw + 3]).type, PageType::l1);
    EXPECT_EQ(frames.at(built.p2m[layout.p2m_tables.first.raw]).type, PageType::l3);
    EXPECT_EQ(frames.at(built.p2m[layout.p2m_tables.first.raw + 2]).type, PageType::l1);
    EXPECT_EQ(frames.at(built.p2m[layout.initrd.first.raw]).type, PageType::none);
    EXPECT_EQ(frames.at(built.console).type, PageType::writable);
    OutsideReferences outside;
    outside.roots = {built.root};
    outside.writable = {built.shared_info};
    EXPECT_EQ(check_page_accounting(frames, outside), std::nullopt);
}

TEST_F(BuilderTest, gives_a_shared_info_that_can_be_mapped_and_is_no_table) {
    build();
    std::array<std::byte, page_size> page{};
    std::memcpy(page.data(), frames.at(built.shared_info).host, page.size());
    for (std::size_t i = 0; i < page.size(); ++i) {
        const bool is_mask = i < 32 * 64 && i % 64 == 1;  // evtchn_upcall_mask of 32 vCPUs
        ASSERT_EQ(page[i], is_mask ? std::byte{1} : std::byte{0}) << i;
    }
    // The guest maps it over some page of its own, as Linux does with a fixmap.
    const Layout& layout = built.layout;
    const Pfn l1 = layout.tables.first + 3;
    const Maddr entry = maddr_of(built.p2m[l1.raw], 8 * 7);
    EXPECT_EQ(
        tables.update(domain, entry, maddr_of(built.shared_info).raw | 0x63, EntryUpdate::normal),
        0);
    EXPECT_EQ(write_walk(layout.virt_base + 7 * page_size).mfn, built.shared_info);
    EXPECT_NE(tables.pin(domain, built.shared_info, 1), 0);
}

TEST_F(BuilderTest, hands_over_the_initrd_as_it_is) {
    build();
    const Pfn first = built.layout.initrd.first;
    const std::byte* page = frames.at(built.p2m[first.raw + 1]).host;
    EXPECT_EQ(page[5000 - page_size - 1], std::byte{0x5a});
    EXPECT_EQ(page[5000 - page_size], std::byte{0});
}

TEST_F(BuilderTest, starts_without_an_initrd) {
    initrd.clear();
    build();
    EXPECT_EQ(field32(0x30), 0x10u);
    EXPECT_EQ(field(0x70), 0u);
    EXPECT_EQ(field(0x78), 0u);
}

TEST_F(BuilderTest, maps_initrd_and_p2m_for_a_kernel_without_those_notes) {
    elf.note_segment.clear();
    test::add_note(elf.note_segment, XEN_ELFNOTE_XEN_VERSION, std::string("xen-3.0"));
    test::add_note(elf.note_segment, XEN_ELFNOTE_VIRT_BASE, test::synthetic_base);
    elf.entry = test::synthetic_base + 0x100000;
    build();
    EXPECT_EQ(built.entry.raw, elf.entry);
    EXPECT_EQ(field32(0x30), 0u);
    const Vaddr module{field(0x70)};
    EXPECT_EQ(guest<std::uint8_t>(module + 4999), 0x5a);
    const Vaddr list{field(0x68)};
    EXPECT_EQ(guest<std::uint64_t>(list + 8 * 77), built.p2m[77].raw);
    EXPECT_EQ(field(0x480), 0u);
    EXPECT_EQ(field(0x488), 0u);
}

TEST_F(BuilderTest, fills_the_hypercall_page_of_a_kernel_that_has_one) {
    const Vaddr page{test::synthetic_base + 0x101000};
    test::add_note(elf.note_segment, XEN_ELFNOTE_HYPERCALL_PAGE, page.raw);
    build();
    EXPECT_EQ(guest<std::uint32_t>(page + 32 * 29 + 4), 29u);
    EXPECT_EQ(guest<std::uint16_t>(page + 32 * 29 + 8), 0x050f);
}

TEST_F(BuilderTest, enters_as_xen_does) {
    build();
    const CpuState state = entry_state(built);
    EXPECT_EQ(state.rip, test::synthetic_base + 0x100010);
    EXPECT_EQ(state.reg(Gpr::rsi), built.start_info_address.raw);
    EXPECT_EQ(state.reg(Gpr::rsp), built.layout.address(built.layout.stack.first).raw + page_size);
    EXPECT_EQ(state.reg(Gpr::rax), 0u);
    EXPECT_EQ(state.sel(Segment::cs), 0xe033);
    EXPECT_EQ(state.sel(Segment::ss), 0xe02b);
    EXPECT_EQ(state.sel(Segment::ds), 0);
    EXPECT_EQ(state.rflags, 0x202u);
    EXPECT_TRUE(state.kernel_mode);
    EXPECT_EQ(state.root(), built.root);
    EXPECT_EQ(state.domain, domain);
}

TEST_F(BuilderTest, refuses_a_command_line_that_does_not_fit) {
    command_line = std::string(1023, 'x');
    EXPECT_EQ(message(), "no error");
    command_line = std::string(1024, 'x');
    EXPECT_THAT(message(), HasSubstr("has 1024 characters; at most 1023"));
}

TEST_F(BuilderTest, refuses_more_memory_than_the_machine_has_and_takes_none) {
    BuildParams wanted = params();
    wanted.memory = frames.total();
    try {
        build_domain(wanted, tables);
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("asks for 20 MiB (5120 pages and one for Xen's use)"));
        EXPECT_THAT(error.what(), HasSubstr("20 MiB (5120 pages) free"));
    }
    EXPECT_EQ(frames.free(), frames.total());
}

}  // namespace
}  // namespace ring3
