// SPDX-License-Identifier: MIT
// The machine's memory: zero at first and after it was given back, and the same at a second place.
#include "hv/memory/machine_memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "hv/base/units.hpp"

namespace ring3::test {
namespace {

constexpr std::uint64_t bytes = 5 << 20;  // not a multiple of what is populated at once

TEST(MachineMemory, is_zero_until_it_is_written_and_after_it_was_given_back) {
    MachineMemory memory(bytes);
    EXPECT_EQ(memory.data()[bytes - 1], std::byte{0});
    for (std::uint64_t at = 0; at < bytes; at += page_size) memory.expect_use(at);
    EXPECT_EQ(memory.data()[page_size], std::byte{0});
    memory.data()[page_size] = memory.data()[2 * page_size] = std::byte{1};
    memory.discard(page_size, page_size);
    EXPECT_EQ(memory.data()[page_size], std::byte{0});
    EXPECT_EQ(memory.data()[2 * page_size], std::byte{1});
    EXPECT_TRUE(memory.contains(memory.data() + bytes - 1));
    EXPECT_FALSE(memory.contains(memory.data() + bytes));
}

TEST(MachineMemory, keeps_what_was_written_before_its_surroundings_are_populated) {
    MachineMemory memory(bytes);
    memory.data()[7] = std::byte{7};
    memory.expect_use(page_size);
    EXPECT_EQ(memory.data()[7], std::byte{7});
}

TEST(MachineMemory, can_be_seen_at_another_place) {
    MachineMemory memory(bytes);
    auto* const place = static_cast<std::byte*>(
        mmap(nullptr, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(static_cast<void*>(place), MAP_FAILED);
    ASSERT_TRUE(memory.map_also(memory.data() + 3 * page_size, page_size, true, place));
    place[5] = std::byte{5};
    EXPECT_EQ(memory.data()[3 * page_size + 5], std::byte{5});
    memory.discard(3 * page_size, page_size);
    EXPECT_EQ(place[5], std::byte{0});
    munmap(place, page_size);
}

}  // namespace
}  // namespace ring3::test
