// SPDX-License-Identifier: MIT
#include "hv/domain/builder/layout.hpp"

#include <gmock/gmock.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using testing::HasSubstr;

/// The shape of Debian's linux-image-6.1.0-56-cloud-amd64.
KernelImage debian_kernel() {
    KernelImage kernel;
    kernel.name = "vmlinuz";
    kernel.virt_base = Vaddr{0xffff'ffff'8000'0000};
    kernel.start = Vaddr{0xffff'ffff'8100'0000};
    kernel.end = Vaddr{0xffff'ffff'83e0'0000};
    kernel.entry = Vaddr{0xffff'ffff'8304'e1c0};
    kernel.notes.init_p2m = Vaddr{0x80'0000'0000};
    kernel.notes.initrd_may_be_unmapped = true;
    return kernel;
}

constexpr Frames mib(std::uint64_t n) { return {n * 256}; }

std::string message(const KernelImage& kernel, std::uint64_t initrd_bytes, Frames memory) {
    try {
        plan_layout(kernel, initrd_bytes, memory);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

void expect_region(const Region& region, std::uint64_t first, std::uint64_t count) {
    EXPECT_EQ(region.first.raw, first);
    EXPECT_EQ(region.count.raw, count);
}

// The numbers are those of the real Xen 4.17's builder, with an initrd of 0x1e5 pages.
TEST(Layout, is_that_of_xens_own_builder) {
    const Layout layout = plan_layout(debian_kernel(), 0x1e5 * page_size - 10, mib(256));
    expect_region(layout.kernel, 0x1000, 0x2e00);
    expect_region(layout.start_info, 0x3e00, 1);
    expect_region(layout.store, 0x3e01, 1);
    expect_region(layout.console, 0x3e02, 1);
    expect_region(layout.tables, 0x3e03, 0x23);
    expect_region(layout.stack, 0x3e26, 1);
    EXPECT_EQ(layout.mapped_end.raw, 0xffff'ffff'8400'0000);
    expect_region(layout.initrd, 0x4000, 0x1e5);
    EXPECT_FALSE(layout.initrd_is_mapped);
    expect_region(layout.p2m, 0x41e5, 0x80);
    expect_region(layout.p2m_tables, 0x4265, 3);
    EXPECT_EQ(layout.p2m_address.raw, 0x80'0000'0000);
}

TEST(Layout, maps_initrd_and_p2m_for_kernels_that_do_not_ask_otherwise) {
    KernelImage kernel = debian_kernel();
    kernel.notes.init_p2m.reset();
    kernel.notes.initrd_may_be_unmapped = false;
    const Layout layout = plan_layout(kernel, 0x1e5 * page_size, mib(256));
    expect_region(layout.initrd, 0x3e00, 0x1e5);
    EXPECT_TRUE(layout.initrd_is_mapped);
    expect_region(layout.p2m, 0x3fe5, 0x80);
    expect_region(layout.start_info, 0x4065, 1);
    EXPECT_EQ(layout.p2m_address, layout.address(layout.p2m.first));
    EXPECT_EQ(layout.p2m_tables.count.raw, 0u);
    EXPECT_EQ(layout.mapped_end.raw, 0xffff'ffff'8440'0000);
}

TEST(Layout, ignores_a_p2m_address_above_the_kernel_or_off_a_page) {
    for (const std::uint64_t address : {0xffff'ffff'9000'0000, 0x80'0000'0008u}) {
        KernelImage kernel = debian_kernel();
        kernel.notes.init_p2m = Vaddr{address};
        EXPECT_FALSE(plan_layout(kernel, 0, mib(256)).p2m_has_own_mapping);
    }
}

TEST(Layout, leaves_half_a_mebibyte_behind_the_stack) {
    KernelImage kernel = debian_kernel();
    for (std::uint64_t end = 0xffff'ffff'83e0'0000; end < 0xffff'ffff'8420'0000; end += page_size) {
        kernel.end = Vaddr{end};
        const Layout layout = plan_layout(kernel, 0, mib(256));
        const Vaddr stack_end = layout.address(layout.stack.end());
        ASSERT_GE(layout.mapped_end - stack_end, 512u << 10);
        ASSERT_LT(layout.mapped_end - stack_end, (512u << 10) + (4u << 20) + 2 * page_size);
        ASSERT_EQ(layout.mapped_end.raw % (4u << 20), 0u);
        // One L1 table per 2 MiB, and three above.
        ASSERT_EQ(layout.tables.count.raw, (layout.mapped_end - layout.virt_base) / (2u << 20) + 3);
    }
}

TEST(Layout, says_how_much_memory_is_needed) {
    EXPECT_THAT(message(debian_kernel(), 0, mib(32)),
                HasSubstr("32 MiB are too small for this domain: 62 MiB"));
    EXPECT_THAT(message(debian_kernel(), 0, mib(64)), HasSubstr("65 MiB or more are needed"));
    EXPECT_EQ(message(debian_kernel(), 0, mib(65)), "no error");
    EXPECT_THAT(message(debian_kernel(), 1u << 30, mib(256)), HasSubstr("initrd 1024 MiB"));
    EXPECT_THAT(message(debian_kernel(), 0, Frames{0}), HasSubstr("0 MiB are too small"));
}

TEST(Layout, refuses_a_kernel_of_astronomic_size) {
    KernelImage kernel = debian_kernel();
    kernel.virt_base = Vaddr{0};
    kernel.end = Vaddr{~std::uint64_t{0}};
    EXPECT_THAT(message(kernel, 0, mib(256)), HasSubstr("too small"));
}

TEST(Layout, keeps_kernels_out_of_xens_addresses) {
    const auto at = [](std::uint64_t base) {
        KernelImage kernel = debian_kernel();
        kernel.notes.init_p2m.reset();
        kernel.virt_base = Vaddr{base};
        kernel.start = kernel.virt_base + 0x100'0000;
        kernel.end = kernel.virt_base + 0x200'0000;
        return message(kernel, 0, mib(256));
    };
    EXPECT_EQ(at(0), "no error");
    EXPECT_EQ(at(0x7fff'f000'0000), "no error");
    EXPECT_EQ(at(0xffff'8800'0000'0000), "no error");
    EXPECT_THAT(at(0xffff'8000'0000'0000), HasSubstr("Xen's own part"));
    EXPECT_THAT(at(0xffff'87ff'ffff'f000), HasSubstr("Xen's own part"));
    EXPECT_THAT(at(0x7fff'ff00'0000), HasSubstr("no addresses"));
    EXPECT_THAT(at(0x8000'0000'0000), HasSubstr("no addresses"));
    EXPECT_THAT(at(0xffff'ffff'fe00'0000), HasSubstr("no addresses"));  // the end wraps
}

TEST(Layout, refuses_a_p2m_list_where_none_can_be) {
    KernelImage kernel = debian_kernel();
    kernel.notes.init_p2m = Vaddr{0xffff'8000'0000'0000};
    EXPECT_THAT(message(kernel, 0, mib(256)), HasSubstr("p2m list (INIT_P2M) would lie"));
    kernel.notes.init_p2m = kernel.virt_base - page_size;
    EXPECT_THAT(message(kernel, 0, mib(256)), HasSubstr("does not fit between INIT_P2M"));
}

TEST(Layout, is_described_by_one_line_per_region) {
    const std::string text = describe(plan_layout(debian_kernel(), 5000, mib(256)));
    EXPECT_THAT(text, HasSubstr("kernel       ffffffff81000000  pfn   0x1000 +  0x2e00"));
    EXPECT_THAT(text, HasSubstr("mapped up to ffffffff84000000"));
    EXPECT_THAT(text, HasSubstr("initrd             not mapped  pfn   0x4000 +     0x2"));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 11);
}

}  // namespace
}  // namespace ring3
