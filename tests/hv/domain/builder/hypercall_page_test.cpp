// SPDX-License-Identifier: MIT
#include "hv/domain/builder/hypercall_page.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace ring3 {
namespace {

std::vector<int> entry(unsigned number, std::size_t length) {
    std::vector<int> bytes;
    const auto page = hypercall_page();
    for (std::size_t i = 0; i < length; ++i) {
        bytes.push_back(static_cast<int>(page[number * 32 + i]));
    }
    return bytes;
}

TEST(HypercallPage, returns_from_each_call_with_rcx_and_r11_kept) {
    EXPECT_EQ(entry(17, 15), (std::vector{0x51, 0x41, 0x53, 0xb8, 17, 0, 0, 0, 0x0f, 0x05, 0x41,
                                          0x5b, 0x59, 0xc3, 0xcc}));
    EXPECT_EQ(entry(127, 14), (std::vector{0x51, 0x41, 0x53, 0xb8, 127, 0, 0, 0, 0x0f, 0x05, 0x41,
                                           0x5b, 0x59, 0xc3}));
}

TEST(HypercallPage, completes_the_frame_of_iret) {
    EXPECT_EQ(entry(23, 12),
              (std::vector{0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05, 0xcc}));
}

}  // namespace
}  // namespace ring3
