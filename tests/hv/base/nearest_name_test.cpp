// SPDX-License-Identifier: MIT
#include "hv/base/nearest_name.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ring3 {
namespace {

const std::vector<std::string> keys{"kernel", "ramdisk", "memory", "maxmem", "vcpus", "on_reboot"};

TEST(NearestName, finds_a_name_with_a_letter_missing_added_replaced_or_swapped) {
    EXPECT_EQ(nearest_name("kernl", keys), "kernel");
    EXPECT_EQ(nearest_name("memoryy", keys), "memory");
    EXPECT_EQ(nearest_name("ramdisc", keys), "ramdisk");
    EXPECT_EQ(nearest_name("vpcus", keys), "vcpus");
}

TEST(NearestName, is_blind_to_case_and_to_dashes) {
    EXPECT_EQ(nearest_name("On-Reboot", keys), "on_reboot");
}

TEST(NearestName, is_nothing_when_no_name_is_near) {
    EXPECT_EQ(nearest_name("spice", keys), std::nullopt);
    EXPECT_EQ(nearest_name("", keys), std::nullopt);
    EXPECT_EQ(nearest_name("kernel", {}), std::nullopt);
    EXPECT_EQ(nearest_name(std::string(100'000, 'x'), keys), std::nullopt);
}

TEST(NearestName, takes_the_first_of_equals) {
    const std::vector<std::string> twins{"cat", "car"};
    EXPECT_EQ(nearest_name("cax", twins), "cat");
}

TEST(NearestName, gives_a_hint_to_put_behind_a_message) {
    EXPECT_EQ(nearest_name_hint("kernl", keys), " (did you mean \"kernel\"?)");
    EXPECT_EQ(nearest_name_hint("spice", keys), "");
}

}  // namespace
}  // namespace ring3
