// SPDX-License-Identifier: MIT
// Which descriptors a guest may have, and the frames that hold a GDT.
#include <gtest/gtest.h>

#include <cerrno>

#include "hv/memory/accounting_check.hpp"
#include "tests/hv/memory/world.hpp"

namespace ring3::test {
namespace {

constexpr DomainId one{1}, two{2};
constexpr std::uint64_t kernel_code = 0x00af9b000000ffff, user_code = 0x00affb000000ffff;
constexpr std::uint64_t interrupt_gate = 0x00008e0000100000;
constexpr std::uint64_t tss = 0x00008b0000000067, ldt = 0x0000820000000067;

TEST(Descriptor, of_a_guest_is_code_or_data_of_ring_3) {
    std::uint64_t d = kernel_code;
    EXPECT_TRUE(check_descriptor(d));
    EXPECT_EQ(d, user_code);
    EXPECT_TRUE(check_descriptor(d));
    for (std::uint64_t harmless :
         {std::uint64_t{0}, tss ^ std::uint64_t{1} << 47, std::uint64_t{1} << 47}) {
        EXPECT_TRUE(check_descriptor(harmless)) << std::hex << harmless;
    }
    for (std::uint64_t bad : {interrupt_gate, tss, ldt}) {
        EXPECT_FALSE(check_descriptor(bad)) << std::hex << bad;
    }
}

TEST(Descriptor, of_a_call_gate_leads_nowhere_in_xen_and_lets_nobody_pass) {
    const auto gate_to = [](std::uint64_t selector) { return 0x0000ec0000000000 | selector << 16; };
    for (const std::uint64_t selector : {0x10, 0xdfff, 0xe033, 0xe00c, 0xfff7}) {
        std::uint64_t gate = gate_to(selector);
        EXPECT_TRUE(check_descriptor(gate)) << std::hex << selector;
        EXPECT_EQ(gate, 0x00008c0000000000 | selector << 16) << "DPL 0";
    }
    for (const std::uint64_t selector : {0xe000, 0xe008, 0xe02b, 0xe030, 0xfffb}) {
        std::uint64_t gate = gate_to(selector);
        EXPECT_FALSE(check_descriptor(gate)) << std::hex << selector;
    }
}

class DescriptorFrame : public testing::Test {
protected:
    DescriptorFrame() : guest_(tables_, one), other_(tables_, two), gdt_(guest_.data[0]) {
        write_entry(frames_, gdt_, 2, kernel_code);
    }
    ~DescriptorFrame() override {
        const auto wrong = check_page_accounting(frames_, outside_);
        EXPECT_FALSE(wrong) << *wrong;
    }

    FrameTable frames_{Frames{40}};
    PageTables tables_{frames_};
    TestDomain guest_, other_;
    Mfn gdt_;
    OutsideReferences outside_;
};

TEST_F(DescriptorFrame, is_checked_as_a_whole_and_kept_read_only) {
    ASSERT_EQ(tables_.pin(one, guest_.l4, 4), 0);
    EXPECT_EQ(tables_.get_descriptors(one, gdt_), -EINVAL) << "mapped writable";
    ASSERT_EQ(
        tables_.update(one, guest_.l1_entry(0), entry_for(gdt_, present), EntryUpdate::normal), 0);
    ASSERT_EQ(tables_.get_descriptors(one, gdt_), 0);
    outside_.descriptors = {gdt_};
    EXPECT_EQ(load_entry(frames_, gdt_, 2), user_code);
    EXPECT_EQ(tables_.update(one, guest_.l1_entry(0), entry_for(gdt_, present | writable),
                             EntryUpdate::normal),
              -EBUSY);
    EXPECT_EQ(tables_.update(one, maddr_of(gdt_), 0, EntryUpdate::normal), -EINVAL);
    EXPECT_EQ(tables_.pin(one, gdt_, 1), -EINVAL);
}

TEST_F(DescriptorFrame, is_refused_for_one_bad_descriptor) {
    write_entry(frames_, gdt_, 511, interrupt_gate);
    EXPECT_EQ(tables_.get_descriptors(one, gdt_), -EINVAL);
    EXPECT_EQ(frames_.at(gdt_).type, PageType::none);
    EXPECT_EQ(tables_.get_descriptors(one, other_.data[0]), -EINVAL);
    EXPECT_EQ(tables_.get_descriptors(one, Mfn{1}), -EINVAL);
}

TEST_F(DescriptorFrame, changes_by_update_descriptor) {
    ASSERT_EQ(tables_.get_descriptors(one, gdt_), 0);
    EXPECT_EQ(tables_.update_descriptor(one, maddr_of(gdt_, 0x78), kernel_code), 0);
    EXPECT_EQ(load_entry(frames_, gdt_, 15), user_code);
    EXPECT_EQ(tables_.update_descriptor(one, maddr_of(gdt_, 0x78), interrupt_gate), -EINVAL);
    EXPECT_EQ(tables_.update_descriptor(one, maddr_of(gdt_, 0x79), 0), -EINVAL);
    EXPECT_EQ(tables_.update_descriptor(one, maddr_of(other_.data[0]), 0), -EINVAL);
    EXPECT_EQ(tables_.update_descriptor(one, Maddr{0}, 0), -EINVAL);
    EXPECT_EQ(load_entry(frames_, gdt_, 15), user_code);
    EXPECT_EQ(tables_.update_descriptor(one, maddr_of(guest_.data[1]), kernel_code), 0)
        << "not in use yet";
    EXPECT_EQ(tables_.pin(one, guest_.l4, 4), -EBUSY) << "its tables map the GDT writable";
    outside_.descriptors = {gdt_};
}

}  // namespace
}  // namespace ring3::test
