// SPDX-License-Identifier: MIT
// TranslatorCore: memory operands that are not translated inline.
#include <bit>
#include <cstring>

#include "hv/base/check.hpp"
#include "hv/cpu/translate/translator_core.hpp"

namespace ring3 {

std::uint64_t TranslatorCore::access_helper(void* self) {
    return static_cast<TranslatorCore*>(self)->translate_access();
}

/// From a block, for an operand that missed the TLB: the host address, or 0 for whatever needs more
/// than a new entry.
std::uint64_t TranslatorCore::translate_access() {
    const Vaddr address{context_->access_address};
    const AccessInfo info{context_->access_info};
    if (!is_canonical(address)) return 0;
    if (page_offset(address) + info.size() > page_size) {
        return info.write() ? 0 : read_two_pages(address, info.size());
    }
    ++statistics_.walks;
    const WalkResult found = addresses_->data(address, info.write() ? Access::write : Access::read);
    if (found.kind != WalkResult::Kind::mapped) return 0;
    if (info.write() && frames_.at(found.mfn).has_code) return 0;
    return reinterpret_cast<std::uint64_t>(found.host) + page_offset(address);
}

/// A copy of an operand that lies in two pages, as far from an aligned address as the operand
/// itself: what asks for alignment faults there, too. 0: something needs more than that.
std::uint64_t TranslatorCore::read_two_pages(Vaddr address, std::size_t size) {
    const std::size_t shift = address.raw % split_alignment;
    if (shift + size > split_operand_.size()) return 0;
    const Vaddr second = page_of(address) + page_size;
    const std::byte* const low = direct(address, Access::read);
    const std::byte* const high = is_canonical(second) ? direct(second, Access::read) : nullptr;
    if (low == nullptr || high == nullptr) return 0;
    std::byte* const copy = split_operand_.data() + shift;
    const std::size_t in_first = second - address;
    std::memcpy(copy, low, in_first);
    std::memcpy(copy + in_first, high, size - in_first);
    return reinterpret_cast<std::uint64_t>(copy);
}

/// Walks for one page's part of an access; false: `failure` is what the guest gets.
bool TranslatorCore::translate(Vaddr address, Access access, WalkResult& found) {
    failure = Exit{};
    failure.reason = Exit::Reason::exception;
    failure.has_error_code = true;
    if (!is_canonical(address)) {
        failure.vector = stack_segment ? 12 : 13;
        return false;
    }
    found = addresses_->data(address, access);
    if (found.kind != WalkResult::Kind::fault) return true;
    failure.vector = 14;
    failure.address = address.raw;
    failure.error_code = found.error_code | (kernel_mode_ ? 0 : fault_bits::user);
    return false;
}

bool TranslatorCore::read(Vaddr from, std::span<std::byte> into) {
    while (!into.empty()) {
        const std::byte* at = addresses_->known(from, Access::read);
        if (at == nullptr) {
            WalkResult found;
            if (!translate(from, Access::read, found)) return false;
            at = found.host + page_offset(from);
        }
        const std::size_t n = std::min<std::size_t>(into.size(), page_size - page_offset(from));
        std::memcpy(into.data(), at, n);
        into = into.subspan(n);
        from = from + n;
    }
    return true;
}

bool TranslatorCore::write(Vaddr to, std::span<const std::byte> from) {
    if (from.empty()) return true;
    if (page_offset(to) + from.size() <= page_size) {
        if (std::byte* const at = addresses_->known(to, Access::write)) {
            std::memcpy(at, from.data(), from.size());
            return true;
        }
    }
    // Every page is checked before the first byte is stored.
    WalkResult parts[2];
    const Vaddr last = to + (from.size() - 1);
    HV_CHECK(from.size() <= page_size, "an operand lies in two pages at most");
    const bool crosses = page_of(to) != page_of(last);
    if (!translate(to, Access::write, parts[0])) return false;
    if (crosses && !translate(page_of(last), Access::write, parts[1])) return false;
    for (const WalkResult& part : parts) {
        // Page-table entries are naturally aligned: an operand that crosses pages is none.
        if (crosses && part.kind == WalkResult::Kind::table_write) return refuse_table_store(to);
    }
    for (std::size_t i = 0; i < (crosses ? 2u : 1u); ++i) {
        const std::size_t n = std::min<std::size_t>(from.size(), page_size - page_offset(to));
        const WalkResult& found = parts[i];
        if (found.kind == WalkResult::Kind::table_write) {
            if (!store_to_table(to, found.mfn, from.first(n))) return false;
        } else {
            std::memcpy(found.host + page_offset(to), from.data(), n);
            if (frames_.at(found.mfn).has_code) code_written(found.mfn, page_offset(to), n);
        }
        from = from.subspan(n);
        to = to + n;
    }
    return true;
}

/// What a write to a read-only page gives.
bool TranslatorCore::refuse_table_store(Vaddr address) {
    failure = Exit{};
    failure.reason = Exit::Reason::exception;
    failure.vector = 14;
    failure.has_error_code = true;
    failure.error_code =
        fault_bits::present | fault_bits::write | (kernel_mode_ ? 0 : fault_bits::user);
    failure.address = address.raw;
    return false;
}

/// A store to a read-only mapped L1 table: validated as mmu_update would. Like Xen, for naturally
/// aligned operands of at most one entry; others are what they look like, writes to a read-only
/// page.
bool TranslatorCore::store_to_table(Vaddr address, Mfn table, std::span<const std::byte> bytes) {
    const std::size_t n = bytes.size();
    int refused = -1;
    if (n <= 8 && std::has_single_bit(n) && (address.raw & (n - 1)) == 0) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes.data(), n);
        refused = tables_.store(frames_.at(table).owner, maddr_of(table, page_offset(address)),
                                value, static_cast<unsigned>(n));
    }
    if (refused == 0) return true;
    return refuse_table_store(address);
}

std::byte* TranslatorCore::direct(Vaddr address, Access access) {
    if (!is_canonical(address)) return nullptr;
    if (std::byte* const at = addresses_->known(address, access)) return at;
    const WalkResult found = addresses_->data(address, access);
    if (found.kind != WalkResult::Kind::mapped) return nullptr;
    if (access == Access::write && frames_.at(found.mfn).has_code) return nullptr;
    return found.host + page_offset(address);
}

}  // namespace ring3
