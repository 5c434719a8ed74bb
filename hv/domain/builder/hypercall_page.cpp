// SPDX-License-Identifier: MIT
#include "hv/domain/builder/hypercall_page.hpp"

#include <cstdint>
#include <cstring>

#include "hv/abi/xen.hpp"

namespace ring3 {
namespace {

constexpr std::size_t entry_size = 32;

// push %rcx; push %r11; mov $number,%eax; syscall; pop %r11; pop %rcx; ret
constexpr std::array<unsigned char, 13> ordinary_entry{0x51, 0x41, 0x53, 0xb8, 0,    0,   0,
                                                       0,    0x0f, 0x05, 0x41, 0x5b, 0x59};
constexpr std::size_t ordinary_number_at = 4;
// iret comes with its frame on the stack and does not return:
// push %rcx; push %r11; push %rax; mov $number,%eax; syscall
constexpr std::array<unsigned char, 11> iret_entry{0x51, 0x41, 0x53, 0x50, 0xb8, 0,
                                                   0,    0,    0,    0x0f, 0x05};
constexpr std::size_t iret_number_at = 5;
constexpr std::byte ret{0xc3}, int3{0xcc};

}  // namespace

std::array<std::byte, page_size> hypercall_page() {
    std::array<std::byte, page_size> page;
    page.fill(int3);
    for (std::uint32_t number = 0; number < page_size / entry_size; ++number) {
        std::byte* entry = page.data() + number * entry_size;
        if (number == __HYPERVISOR_iret) {
            std::memcpy(entry, iret_entry.data(), iret_entry.size());
            std::memcpy(entry + iret_number_at, &number, sizeof number);
        } else {
            std::memcpy(entry, ordinary_entry.data(), ordinary_entry.size());
            std::memcpy(entry + ordinary_number_at, &number, sizeof number);
            entry[ordinary_entry.size()] = ret;
        }
    }
    return page;
}

}  // namespace ring3
