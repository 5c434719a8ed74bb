// SPDX-License-Identifier: MIT
#include "hv/domain/guest_environment.hpp"

#include <gmock/gmock.h>

#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {
namespace {

using testing::Optional;

class GuestEnvironmentTest : public testing::Test {
protected:
    void give_general_protection_handler() { vcpu.traps[13].address = 0xffff'ffff'8100'0000; }

    SmallDomain small;
    Vcpu& vcpu = small.vcpu();
    CpuState& cpu = small.cpu();
    Environment& environment = vcpu.environment();
};

TEST_F(GuestEnvironmentTest, says_that_this_is_xen_4_17) {
    const CpuidLeaf base = environment.cpuid(cpu, 0x4000'0000, 0);
    EXPECT_EQ(base.eax, 0x4000'0005u);
    char signature[13] = {};
    std::memcpy(signature, &base.ebx, 12);
    EXPECT_STREQ(signature, "XenVMMXenVMM");
    EXPECT_EQ(environment.cpuid(cpu, 0x4000'0001, 0).eax, 0x0004'0011u);
    EXPECT_EQ(environment.cpuid(cpu, 0x4000'0003, 0).ecx, 1'000'000u) << "kHz";
    for (std::uint32_t leaf = 0x4000'0100; leaf < 0x4001'0000; leaf += 0x100) {
        EXPECT_EQ(environment.cpuid(cpu, leaf, 0).eax, 0u);
    }
}

TEST_F(GuestEnvironmentTest, counts_the_tsc_in_nanoseconds_of_the_machine) {
    small.hypervisor.time = Time{Duration{123456789}};
    EXPECT_EQ(environment.tsc(cpu), 123456789u);
    EXPECT_THAT(environment.read_msr(cpu, 0x10), Optional(123456789u));
}

TEST_F(GuestEnvironmentTest, gives_the_same_random_numbers_for_the_same_seed) {
    EXPECT_TRUE(environment.cpuid(cpu, 1, 0).ecx >> 30 & 1) << "RDRAND";
    SmallDomain again;
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(environment.random_number(), again.vcpu().environment().random_number());
    EXPECT_NE(environment.random_number(), environment.random_number());
    EXPECT_EQ(vcpu.random_numbers_drawn(), 102u);
}

TEST_F(GuestEnvironmentTest, has_the_segment_bases_in_msrs) {
    EXPECT_TRUE(environment.write_msr(cpu, 0xc000'0101, 0xffff'8880'0000'0000));
    EXPECT_EQ(cpu.gs_base, 0xffff'8880'0000'0000u);
    EXPECT_TRUE(environment.write_msr(cpu, 0xc000'0102, 0x1000));
    EXPECT_EQ(cpu.gs_base_inactive, 0x1000u);
    EXPECT_TRUE(environment.write_msr(cpu, 0xc000'0100, 0x2000));
    EXPECT_THAT(environment.read_msr(cpu, 0xc000'0100), Optional(0x2000u));
    for (const std::uint32_t index : {0xc000'0100u, 0xc000'0101u, 0xc000'0102u}) {
        EXPECT_FALSE(environment.write_msr(cpu, index, 0x0000'8000'0000'0000)) << "not canonical";
    }
    EXPECT_TRUE(environment.write_msr(cpu, 0xc000'0103, 7));
    EXPECT_EQ(cpu.tsc_aux, 7u);
    EXPECT_FALSE(environment.write_msr(cpu, 0xc000'0103, std::uint64_t{1} << 32));
}

TEST_F(GuestEnvironmentTest, answers_msrs_as_measured_on_xen) {
    give_general_protection_handler();
    EXPECT_THAT(environment.read_msr(cpu, 0x277), Optional(0x0000'0501'0007'0406u));
    EXPECT_THAT(environment.read_msr(cpu, 0x8b), testing::Ne(std::nullopt));
    for (const std::uint32_t inert : {0xc001'0015u, 0xc001'1029u, 0xc001'0000u, 0xc001'0007u}) {
        EXPECT_THAT(environment.read_msr(cpu, inert), Optional(0u)) << inert;
        EXPECT_TRUE(environment.write_msr(cpu, inert, 0xffff)) << inert;
    }
    for (const std::uint32_t missing : {0xc001'0055u, 0x4eu, 0x64eu, 0x34u, 0x1bu, 0x1a0u}) {
        EXPECT_EQ(environment.read_msr(cpu, missing), std::nullopt) << missing;
        EXPECT_FALSE(environment.write_msr(cpu, missing, 0)) << missing;
    }
}

TEST_F(GuestEnvironmentTest, lets_a_kernel_without_handler_read_any_msr) {
    EXPECT_THAT(environment.read_msr(cpu, 0xc001'0055), Optional(0u));
    EXPECT_FALSE(environment.write_msr(cpu, 0xc001'0055, 0));
}

TEST_F(GuestEnvironmentTest, keeps_user_mode_away_from_everything) {
    small.enter_user_mode();
    vcpu.iopl = 1;
    EXPECT_EQ(environment.read_msr(cpu, 0xc000'0101), std::nullopt);
    EXPECT_FALSE(environment.write_msr(cpu, 0xc000'0101, 0));
    EXPECT_EQ(environment.read_cr(cpu, 0), std::nullopt);
    EXPECT_FALSE(environment.write_cr(cpu, 0, cpu.cr0));
    EXPECT_EQ(environment.read_dr(cpu, 7), std::nullopt);
    EXPECT_FALSE(environment.write_dr(cpu, 7, 0));
    EXPECT_FALSE(environment.write_xcr(cpu, 0, 1));
    EXPECT_EQ(environment.read_port(cpu, 0x61, 1), std::nullopt);
    EXPECT_FALSE(environment.write_port(cpu, 0x61, 1, 0));
    EXPECT_FALSE(environment.interrupt_flag_is_writable(cpu));
}

TEST_F(GuestEnvironmentTest, changes_only_the_bits_of_control_registers_that_are_the_guests) {
    EXPECT_THAT(environment.read_cr(cpu, 0), Optional(0x8005'0033u));
    EXPECT_TRUE(environment.write_cr(cpu, 0, 0x8005'003b));
    EXPECT_EQ(cpu.cr0, 0x8005'003bu);
    EXPECT_FALSE(environment.write_cr(cpu, 0, 0x0005'0033)) << "paging is not the guest's";
    EXPECT_THAT(environment.read_cr(cpu, 4), Optional(0x660u));
    EXPECT_TRUE(environment.write_cr(cpu, 4, 0x1'066c | 1u << 18));
    EXPECT_THAT(environment.read_cr(cpu, 4), Optional(0x66cu)) << "no FSGSBASE, no OSXSAVE";
    EXPECT_THAT(environment.read_cr(cpu, 3), Optional(small.table_mfn(4) << 12));
    EXPECT_TRUE(environment.write_cr(cpu, 3, small.table_mfn(4) << 12));
    EXPECT_FALSE(environment.write_cr(cpu, 3, small.table_mfn(1) << 12));
    EXPECT_TRUE(environment.write_cr(cpu, 2, 0x1234));
    EXPECT_THAT(environment.read_cr(cpu, 2), Optional(0x1234u));
    EXPECT_EQ(environment.read_cr(cpu, 8), std::nullopt);
    EXPECT_FALSE(environment.write_xcr(cpu, 0, 1)) << "the default model has no XSAVE";
}

TEST_F(GuestEnvironmentTest, gives_ports_and_cli_by_privilege_level) {
    EXPECT_FALSE(environment.interrupt_flag_is_writable(cpu));
    EXPECT_EQ(environment.read_port(cpu, 0x61, 1), std::nullopt);
    vcpu.iopl = 1;
    EXPECT_TRUE(environment.interrupt_flag_is_writable(cpu));
    EXPECT_THAT(environment.read_port(cpu, 0x61, 1), Optional(0xffu));
    EXPECT_THAT(environment.read_port(cpu, 0xcfc, 2), Optional(0xffffu));
    EXPECT_THAT(environment.read_port(cpu, 0xcfc, 4), Optional(0xffff'ffffu));
    EXPECT_THAT(environment.read_port(cpu, 0x42, 1), Optional(0u));
    EXPECT_TRUE(environment.write_port(cpu, 0xcf8, 4, 0));
}

TEST_F(GuestEnvironmentTest, gives_single_ports_by_bitmap) {
    small.put<std::uint16_t>(SmallDomain::data_va, 0xfff3);  // ports 2 and 3
    vcpu.io_bitmap = Vaddr{SmallDomain::data_va};
    vcpu.io_bitmap_ports = 16;
    // (bits 2 and 3 are zero)
    EXPECT_TRUE(environment.write_port(cpu, 2, 2, 0));
    EXPECT_FALSE(environment.write_port(cpu, 3, 2, 0));
    EXPECT_FALSE(environment.write_port(cpu, 16, 1, 0));
    EXPECT_FALSE(environment.write_port(cpu, 0xffff, 4, 0));
    vcpu.io_bitmap = Vaddr{SmallDomain::unmapped_va};
    EXPECT_FALSE(environment.write_port(cpu, 2, 1, 0));
}

TEST_F(GuestEnvironmentTest, shows_xens_own_descriptors_beside_the_guests) {
    EXPECT_THAT(environment.descriptor(cpu, 0xe033), Optional(0x00af'fb00'0000'ffffu));
    EXPECT_THAT(environment.descriptor(cpu, 0xe02b), Optional(0x00cf'f300'0000'ffffu));
    EXPECT_THAT(environment.descriptor(cpu, 0xe023), Optional(0x00cf'fb00'0000'ffffu));
    EXPECT_EQ(environment.descriptor(cpu, 0x33), std::nullopt);

    // 64 entries in a frame that is mapped read-only from now on.
    small.put(SmallDomain::data_va + 0x7030, std::uint64_t{0x00af'9b00'0000'ffff});
    const std::uint64_t gdt = SmallDomain::data_va + 0x7000;
    EXPECT_EQ(small.hypercall(__HYPERVISOR_update_va_mapping,
                              {gdt, small.p2m[7].raw << 12 | SmallDomain::present, 0}),
              0);
    small.put(SmallDomain::data_va, small.p2m[7].raw);
    EXPECT_EQ(small.hypercall(__HYPERVISOR_set_gdt, {SmallDomain::data_va, 64}), 0);
    EXPECT_THAT(environment.descriptor(cpu, 0x33), Optional(0x00af'fb00'0000'ffffu))
        << "its DPL is 3 now";
    EXPECT_EQ(environment.descriptor(cpu, 64 * 8), std::nullopt);
    EXPECT_EQ(environment.descriptor(cpu, 0x37), std::nullopt) << "there is no LDT";
}

TEST_F(GuestEnvironmentTest, fills_a_hypercall_page_by_msr) {
    EXPECT_TRUE(environment.write_msr(cpu, 0x4000'0000, small.p2m[9].raw << 12));
    EXPECT_EQ(small.get<std::uint8_t>(SmallDomain::data_va + 0x9000 + 29 * 32), 0x51);
    EXPECT_EQ(small.get<std::uint32_t>(SmallDomain::data_va + 0x9000 + 29 * 32 + 4), 29u);
    EXPECT_FALSE(environment.write_msr(cpu, 0x4000'0000, small.p2m[9].raw << 12 | 1));
    EXPECT_FALSE(environment.write_msr(cpu, 0x4000'0000, small.table_mfn(1) << 12));
    EXPECT_FALSE(environment.write_msr(cpu, 0x4000'0000, 0x1000));
}

// Models -----------------------------------------------------------------------------------------

constexpr CpuidContext context{.cr4 = 0x660, .xcr0 = 1, .vcpu = 0, .vcpus = 1};
constexpr std::uint32_t bit(unsigned n) { return 1u << n; }

TEST(CpuModels, are_found_by_name) {
    EXPECT_EQ(find_cpu_model("x86-64-v2"), &default_cpu_model());
    ASSERT_NE(find_cpu_model("x86-64-v3"), nullptr);
    EXPECT_EQ(find_cpu_model("host"), nullptr);
}

TEST(CpuModels, show_no_feature_that_would_make_a_run_not_repeat_or_that_pv_cannot_have) {
    for (const CpuModel& model : cpu_models()) {
        const CpuidLeaf features = cpuid_of(model, context, 1, 0);
        EXPECT_EQ(features.ecx & (bit(21) | bit(17) | bit(3)), 0u) << "x2APIC PCID MONITOR";
        EXPECT_EQ(features.edx & (bit(1) | bit(3) | bit(9) | bit(11) | bit(12) | bit(13)), 0u)
            << "VME PSE APIC SEP MTRR PGE";
        EXPECT_NE(features.ecx & bit(31), 0u) << "under a hypervisor";
        const CpuidLeaf more = cpuid_of(model, context, 7, 0);
        EXPECT_EQ(more.ebx & (bit(0) | bit(7) | bit(9) | bit(18) | bit(20)), 0u)
            << "FSGSBASE SMEP ERMS RDSEED SMAP";
        EXPECT_EQ(cpuid_of(model, context, 0x8000'0007, 0).edx, 0u) << "invariant TSC";
    }
}

TEST(CpuModels, v2_has_what_the_psabi_says_and_no_avx) {
    const CpuidLeaf features = cpuid_of(default_cpu_model(), context, 1, 0);
    for (const unsigned needed : {0, 9, 13, 19, 20, 23}) EXPECT_NE(features.ecx & bit(needed), 0u);
    for (const unsigned extra : {12, 22, 26, 27, 28, 29}) EXPECT_EQ(features.ecx & bit(extra), 0u);
    EXPECT_EQ(cpuid_of(default_cpu_model(), context, 0xd, 0).ebx, 0u);
}

TEST(CpuModels, v3_gives_the_sizes_of_the_xsave_area) {
    const CpuModel& v3 = *find_cpu_model("x86-64-v3");
    CpuidContext with_avx = context;
    with_avx.xcr0 = 7;
    with_avx.cr4 |= 1u << 18;
    EXPECT_EQ(cpuid_of(v3, context, 0xd, 0).ebx, 576u);
    EXPECT_EQ(cpuid_of(v3, with_avx, 0xd, 0).ebx, 832u);
    EXPECT_EQ(cpuid_of(v3, context, 0xd, 0).ecx, 832u);
    EXPECT_EQ(cpuid_of(v3, context, 0xd, 2).eax, 256u);
    EXPECT_EQ(cpuid_of(v3, context, 0xd, 2).ebx, 576u);
    EXPECT_EQ(cpuid_of(v3, context, 1, 0).ecx & bit(27), 0u);
    EXPECT_NE(cpuid_of(v3, with_avx, 1, 0).ecx & bit(27), 0u) << "OSXSAVE follows CR4";
}

TEST(CpuModels, have_a_brand_string) {
    std::string brand;
    for (std::uint32_t leaf = 0x8000'0002; leaf <= 0x8000'0004; ++leaf) {
        const CpuidLeaf part = cpuid_of(default_cpu_model(), context, leaf, 0);
        brand.append(reinterpret_cast<const char*>(&part), sizeof part);
    }
    EXPECT_STREQ(brand.c_str(), "ring3 x86-64-v2");
}

TEST(CpuModels, number_threads_and_cores) {
    const CpuidContext third{.cr4 = 0, .xcr0 = 1, .vcpu = 2, .vcpus = 4};
    EXPECT_EQ(cpuid_of(default_cpu_model(), third, 0xb, 0).edx, 4u);
    EXPECT_EQ(cpuid_of(default_cpu_model(), third, 0xb, 1).ebx, 4u);
    EXPECT_EQ(cpuid_of(default_cpu_model(), third, 0xb, 1).eax, 3u) << "8 APIC numbers";
    EXPECT_EQ(cpuid_of(default_cpu_model(), third, 0xb, 2).ebx, 0u);
}

TEST(CpuModels, answer_zero_to_leaves_they_do_not_have) {
    for (const std::uint32_t leaf : {2u, 4u, 5u, 6u, 0xau, 0xeu, 0x1fu, 0x21u, 0x8000'001fu,
                                     0x8000'0022u, 0xffff'ffffu, 0x2000'0000u}) {
        const CpuidLeaf answer = cpuid_of(default_cpu_model(), context, leaf, 0);
        EXPECT_EQ(answer.eax | answer.ebx | answer.ecx | answer.edx, 0u) << leaf;
    }
}

}  // namespace
}  // namespace ring3
