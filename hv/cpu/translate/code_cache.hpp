// SPDX-License-Identifier: MIT
// The host memory that translated code stands in: mapped twice, once to write and once to execute,
// so that no page is ever both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hv/memory/huge_page.hpp"

namespace ring3 {

class CodeCache {
public:
    explicit CodeCache(std::size_t bytes);
    CodeCache(const CodeCache&) = delete;
    CodeCache& operator=(const CodeCache&) = delete;

    /// Where the next code will be executed.
    std::uint64_t next() const { return base() + used_; }
    std::uint64_t base() const { return reinterpret_cast<std::uint64_t>(executable_.start()); }
    std::size_t room() const { return size_ - used_; }
    bool contains(std::uint64_t address) const {
        return address >= base() && address < base() + used_;
    }
    /// Puts code at next(). Answers where it may still be changed.
    std::span<std::uint8_t> append(std::span<const std::uint8_t> code);
    /// Where what is executed at this address can be changed.
    std::uint8_t* writable(std::uint64_t address) {
        return reinterpret_cast<std::uint8_t*>(writable_.start()) + (address - base());
    }
    /// Makes the rel32 of a branch at this address lead to `target`.
    void patch_branch(std::uint64_t rel32_address, std::uint64_t target);
    void set_word(std::uint64_t address, std::uint32_t word);
    /// Forgets all code behind the first `kept` bytes.
    void truncate(std::size_t kept) { used_ = kept; }
    std::size_t used() const { return used_; }
    std::size_t size() const { return size_; }

private:
    std::size_t size_, used_ = 0;
    std::size_t populated_ = 0;  ///< bytes for which the host's memory is taken
    HugeRange writable_, executable_;
};

}  // namespace ring3
