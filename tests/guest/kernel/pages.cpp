// SPDX-License-Identifier: MIT
#include "tests/guest/kernel/pages.hpp"

#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"

namespace guest {
namespace {

constexpr unsigned pool_size = 128;
alignas(4096) unsigned char pool[pool_size][4096];
unsigned pool_used = 0;

unsigned index_of(std::uint64_t va, int level) {
    return static_cast<unsigned>(va >> (12 + 9 * (level - 1))) & 511;
}

}  // namespace

void* take_page() {
    if (pool_used == pool_size) __builtin_trap();
    return pool[pool_used++];
}

std::uint64_t mfn_of(const volatile void* linear) {
    const auto* p2m = reinterpret_cast<const std::uint64_t*>(start()->mfn_list);
    return p2m[(argument(linear) - virt_base) >> 12];
}

std::uint64_t m2p(std::uint64_t mfn) {
    return reinterpret_cast<const volatile std::uint64_t*>(0xffff'8000'0000'0000)[mfn];
}

void* page_of_mfn(std::uint64_t mfn) {
    return reinterpret_cast<void*>(virt_base + (m2p(mfn) << 12));
}

std::uint64_t machine_address(const volatile void* linear) {
    return mfn_of(linear) << 12 | (argument(linear) & 4095);
}

volatile std::uint64_t* entry_of(std::uint64_t va, int level) {
    auto* table = reinterpret_cast<volatile std::uint64_t*>(start()->pt_base);
    for (int at = 4;; --at) {
        volatile std::uint64_t* entry = table + index_of(va, at);
        if (at == level) return entry;
        if ((*entry & entry::present) == 0) return nullptr;
        table = static_cast<volatile std::uint64_t*>(page_of_mfn((*entry & entry::frame) >> 12));
    }
}

long update_entry(const volatile std::uint64_t* where, std::uint64_t value, unsigned command) {
    mmu_update update{machine_address(where) | command, value};
    return hypercall(__HYPERVISOR_mmu_update, &update, 1, nullptr, DOMID_SELF);
}

long map(std::uint64_t va, std::uint64_t value) {
    return hypercall(__HYPERVISOR_update_va_mapping, va, value, UVMF_INVLPG);
}

long make_read_only(const volatile void* linear) {
    return map(argument(linear), entry_for(linear, entry::read_only));
}
long make_writable(const volatile void* linear) {
    return map(argument(linear), entry_for(linear, entry::read_write));
}

std::uint64_t spare_address() {
    static const std::uint64_t address = argument(take_page());
    return address;
}

}  // namespace guest
