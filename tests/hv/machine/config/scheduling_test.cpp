// SPDX-License-Identifier: MIT
#include "hv/machine/config/scheduling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "hv/machine/config/domain_config.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Scheduling read(const std::string& more) {
    return parse_domain_config("web.cfg", "name=\"web\"\nkernel=\"k\"\nmemory=8\n" + more)
        .scheduling;
}

TEST(Scheduling, is_what_xl_promises_when_the_config_says_nothing) {
    const Scheduling usual = read("");
    EXPECT_EQ(usual.params, SchedParams{});
    EXPECT_EQ(usual.params.weight, 256u);
    EXPECT_EQ(usual.affinity, Affinity{});
}

TEST(Scheduling, is_read_with_the_keys_of_xl) {
    const Scheduling all =
        read("cpu_weight=512\ncap=150\nperiod=10000\nbudget=4000\nextratime=0\ncpus=\"0-2,^1\"\n");
    EXPECT_EQ(all.params.weight, 512u);
    EXPECT_EQ(all.params.cap_percent, 150u);
    EXPECT_EQ(all.params.period, 10ms);
    EXPECT_EQ(all.params.budget, 4ms);
    EXPECT_EQ(all.params.extra_time, false);
    EXPECT_EQ(all.affinity, Affinity{0b101});
    EXPECT_EQ(all.params_of(VcpuId{1}, 2).cap_percent, 75u) << "a cap is the domain's";
}

TEST(Scheduling, shares_a_cap_out_to_the_last_percent) {
    const auto caps = [](const char* cap) {
        const Scheduling all = read(cap);
        std::vector<std::uint32_t> each;
        for (VcpuId vcpu{0}; vcpu < VcpuId{4}; ++vcpu)
            each.push_back(all.params_of(vcpu, 4).cap_percent);
        return each;
    };
    EXPECT_EQ(caps("cap=50\n"), (std::vector<std::uint32_t>{13, 13, 12, 12}));
    EXPECT_EQ(caps("cap=2\n"), (std::vector<std::uint32_t>{1, 1, 1, 1})) << "0 would be no cap";
    EXPECT_EQ(caps("cap=0\n"), (std::vector<std::uint32_t>{0, 0, 0, 0}));
}

TEST(Scheduling, may_be_another_one_for_each_vcpu) {
    const Scheduling all = read(
        "vcpus=3\ncpu_weight=[\"100\",\"200\"]\nperiod=10000\nbudget=[\"1000\"]\n"
        "cpus=[\"0\",\"1-2\"]\nextratime=[\"0\"]\n");
    EXPECT_EQ(all.params_of(VcpuId{0}, 3).weight, 100u);
    EXPECT_EQ(all.params_of(VcpuId{1}, 3).weight, 200u);
    EXPECT_EQ(all.params_of(VcpuId{2}, 3).weight, 256u);
    EXPECT_EQ(all.params_of(VcpuId{0}, 3).budget, 1ms);
    EXPECT_EQ(all.params_of(VcpuId{0}, 3).period, 10ms);
    EXPECT_EQ(all.params_of(VcpuId{0}, 3).extra_time, false);
    EXPECT_FALSE(all.params_of(VcpuId{1}, 3).budget.has_value());
    EXPECT_EQ(all.affinity_of(VcpuId{1}), Affinity{0b110});
    EXPECT_EQ(all.affinity_of(VcpuId{2}), Affinity{});
    EXPECT_NE(to_string(all), to_string(read("vcpus=3\n"))) << "stands in a guest's identity";
}

TEST(Scheduling, refuses_what_no_vcpu_can_have) {
    const auto refused = [](const std::string& more) {
        try {
            read(more);
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string("nothing");
    };
    EXPECT_THAT(refused("cpu_weight=[\"1\",\"2\"]\n"), HasSubstr("has 2 values for 1 vCPUs"));
    EXPECT_THAT(refused("cpu_weight=[\"0\"]\n"), HasSubstr("from 1 to 65535"));
    EXPECT_THAT(refused("cpus=[\"none\"]\n"), HasSubstr("a list of pCPUs"));
    EXPECT_THAT(refused("period=1000\nbudget=[\"2000\"]\n"), HasSubstr("more than the period"));
}

TEST(Cpus, are_lists_with_ranges_and_exceptions) {
    EXPECT_EQ(parse_cpus("all"), Affinity{});
    EXPECT_EQ(parse_cpus("3"), Affinity{0b1000});
    EXPECT_EQ(parse_cpus("0-3,5"), Affinity{0b101111});
    EXPECT_EQ(parse_cpus("0-3, ^2"), Affinity{0b1011});
    for (const char* wrong : {"", "x", "1-", "3-1", "64", "0,^0", "^all", "1,,2"})
        EXPECT_FALSE(parse_cpus(wrong).has_value()) << wrong;
    for (const char* text : {"all", "0", "0-3,5", "1,3,5-63"})
        EXPECT_EQ(to_string(*parse_cpus(text)), text);
}

}  // namespace
}  // namespace ring3
