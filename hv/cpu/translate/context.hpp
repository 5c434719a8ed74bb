// SPDX-License-Identifier: MIT
// What translated code addresses through the GS base: guest registers while C++ runs, the software
// TLBs, the jump caches, and the words in which stubs and C++ talk to each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ring3 {

/// A direct-mapped software TLB. Three arrays, indexed by the low bits of the page number:
/// a tag is the page's virtual address, and an entry that is not in use holds a page that belongs
/// to another index, so that no address can match it.
struct Tlb {
    static constexpr std::size_t entries = 4096;
    /// (address >> 9) & index_mask = byte offset of the entry in each array.
    static constexpr std::uint32_t index_mask = (entries - 1) << 3;

    std::array<std::uint64_t, entries> read_tag;
    std::array<std::uint64_t, entries> write_tag;
    /// Host address of the page, and its distance from the page's virtual address: code that must
    /// spare the flags adds the one or the other.
    std::array<std::uint64_t, entries> host;
    std::array<std::uint64_t, entries> distance;
    /// Not zero: the group of 64 entries may hold pages of the lower half.
    std::array<std::uint8_t, entries / 64> lower_half;

    /// The page of the last operand relative to RSP that was looked up in the arrays, if it may be
    /// read and stored to: code asks here first, without an index.
    struct StackPage {
        /// No page has it, and for an address that does, the host's CPU faults as the guest's.
        static constexpr std::uint64_t no_page = std::uint64_t{1} << 62;

        std::uint64_t tag = no_page, host = no_page, distance = 0, negated_tag = 0 - no_page;
    };
    StackPage stack;

    static std::size_t index(std::uint64_t address) { return (address >> 12) & (entries - 1); }
    /// No page that this entry could hold, nor the one behind it: operands that share a look-up are
    /// found by the index of the first, and by the page of the last.
    static std::uint64_t unused_tag(std::size_t i) { return (i ^ entries / 2) << 12; }
};

/// What the first level has no room for, and what it holds, too: the access stub moves an entry
/// there without a walk. Direct-mapped. An entry is found by its tag, and holds as long as rights
/// to its frame were only given (Frame::right_epoch).
struct SecondTlb {
    static constexpr std::size_t entries = 32768;
    /// The epochs that fit below a page's address in a tag.
    static constexpr std::uint64_t epochs = 4096;

    struct Entry {
        std::uint64_t tag;   ///< the page's virtual address + Context::second_epoch of its half
        std::uint64_t host;  ///< host address of the page
        const std::uint64_t* right_epoch_now;
        std::uint64_t right_epoch;  ///< when it was filled; + 1: it may be stored to
    };
    static_assert(sizeof(Entry) == 32, "the stub finds entries by shifts");

    std::array<Entry, entries> entry;

    /// Pages that share a place in the first level seldom share one here.
    static std::size_t index(std::uint64_t address) {
        return (address >> 12 ^ address >> 27) & (entries - 1);
    }
};

/// Where blocks for indirect branches are found when their place in the jump cache (Context::jumps)
/// has gone to another one: the miss stub moves them back.
struct JumpTable {
    static constexpr std::size_t entries = 32768;

    struct Entry {
        std::uint64_t rip;
        std::uint64_t entry;  ///< Block::checked_entry
    };
    static_assert(sizeof(Entry) == 16, "the stub finds entries by shifts");

    std::array<Entry, entries> entry;

    static std::size_t index(std::uint64_t rip) { return (rip ^ rip >> 15) & (entries - 1); }
    /// No RIP is looked for there.
    static constexpr Entry unused(std::size_t i) { return {i == 0 ? 1u : 0u, 0}; }
};

/// The regions of 4 GiB that have windows (windows.hpp), each in its slot by the low bits of its
/// number.
struct RegionTable {
    static constexpr std::size_t slots = 1024;
    /// No address that is canonical is in it.
    static constexpr std::uint32_t no_region = 0x8000'0000;

    std::array<std::uint32_t, slots> region;  ///< address >> 32

    static std::size_t slot(std::uint32_t region) { return region % slots; }
};

/// Names one way out of a block: what Context::link holds.
struct LinkNumber {
    static constexpr unsigned bits = 8;
    std::uint32_t raw;
    static constexpr LinkNumber make(std::uint32_t block, std::uint32_t number) {
        return {block << bits | number};
    }
    std::uint32_t block() const { return raw >> bits; }
    std::uint32_t number() const { return raw & ((1u << bits) - 1); }
};

/// Why translated code came back to C++.
enum class Leave : std::uint32_t {
    link,     ///< direct branch whose target is not yet linked: `link` and `target`
    miss,     ///< indirect branch (or branch to another page) that the jump cache does not know
    budget,   ///< the block at `target` needs more than the budget has
    access,   ///< a memory operand could not be translated inline: `site`, `access_*`
    trap,     ///< the host raised an exception at `site`: `trap_vector`
    no_fpu,   ///< CR0.TS is set and the instruction at `site` uses the FPU
    emulate,  ///< the instruction at `target` is for hv/cpu/emulate
    bounced,  ///< a bounced instruction is done
};

/// In words, by Leave.
inline constexpr std::array leave_causes{
    "a branch that is linked for the next time",
    "a branch whose block is not in the jump cache",
    "the budget is spent",
    "an access that needs more than the TLB",
    "a host exception",
    "the FPU is disabled",
    "an instruction is emulated",
    "a bounced instruction is done",
};

struct alignas(64) Context {
    static constexpr std::size_t jump_entries = 65536;

    /// Guest registers by ModRM number. R8, R10 and R11 live here even in translated code.
    std::array<std::uint64_t, 16> gpr;
    std::uint64_t flags;      ///< arithmetic flags while C++ runs
    std::uint64_t direction;  ///< virtual DF: 0 or 1
    std::uint64_t budget;     ///< instructions left while C++ runs
    std::uint64_t fs_base, gs_base;
    std::uint64_t host_rsp;  ///< stack of the C++ caller of enter()
    std::uint64_t entry;     ///< where enter() jumps to
    std::uint64_t target;    ///< guest RIP for Leave::link, miss, budget, emulate
    std::uint64_t site;      ///< host address inside the block that left
    std::uint64_t resume;    ///< where the block goes on with the operand's host address in R11
    std::uint64_t access_address;
    std::uint32_t access_info;  ///< size | write << 16 | operand << 24
    std::uint32_t link;
    std::uint32_t leave;  ///< enum Leave
    std::uint32_t trap_vector;
    std::uint64_t borrowed[2];  ///< host registers lent to one instruction
    std::uint64_t scratch;
    std::array<std::uint64_t, 32> lookup;  ///< what the block's groups were looked up to (plan.hpp)
    std::uint64_t selector[6];             ///< by number of the segment register
    std::uint64_t fpu_image;               ///< host address of the guest's XSAVE area
    std::uint64_t fpu_absent;              ///< 0: the guest's FPU state is in the host's registers
    std::uint64_t fpu_disabled;            ///< CR0.TS
    std::uint64_t fpu_image_changed;       ///< 1: saved since C++ last looked
    std::uint64_t host_mxcsr;              ///< MXCSR for C++
    std::uint64_t bounce[2];               ///< host addresses that stand for the memory operands
    void* owner;                           ///< first argument of the access helper
    std::uint64_t mode;                    ///< distance of the mode's Tlb from tlb[0]
    std::uint64_t jump_mode;               ///< the same for jumps[0]
    SecondTlb* second_tlb;                 ///< of the mode
    JumpTable* jump_table;                 ///< of the mode
    /// What tags of the mode's second level hold now, for the lower and the upper half.
    std::uint64_t second_epoch[2];

    std::uint64_t tag_mask;   ///< Tlb::index_mask >> 3 << 12: PEXT mask of an address' TLB index
    std::uint64_t page_mask;  ///< ~0xfff
    RegionTable regions;
    std::uint64_t window_distance;  ///< from guest addresses to their windows
    /// FS base of translated code, where it is that distance, and of C++.
    std::uint64_t code_fs, host_fs;
    /// The scratch registers, and the address, where the host's MMU refused an access.
    std::uint64_t refused_r11, refused_rcx, refused_address;
    std::uint64_t refused_write;       ///< 1: it was a store
    std::uint64_t trap_rsp, trap_r11;  ///< where the host raised an exception
    /// The bits that are 0 in a place in a page that is aligned to 1 << i.
    std::array<std::uint64_t, 6> place_mask;
    std::uint64_t sign_mask;  ///< bit 63

    Tlb tlb[2];                                        ///< [0] user mode, [1] kernel mode
    std::array<std::uint64_t, jump_entries> jumps[2];  ///< by the low 16 bits of the target
    // Looked up far less often than the first levels above, and behind their huge page.
    SecondTlb second[2];
    JumpTable jump_tables[2];
};

/// access_info of a Leave::access.
struct AccessInfo {
    std::uint32_t raw;
    static constexpr AccessInfo make(unsigned size, bool write, unsigned operand) {
        return {size | (write ? 1u << 16 : 0u) | operand << 24};
    }
    unsigned size() const { return raw & 0xffff; }
    bool write() const { return (raw >> 16 & 1) != 0; }
    unsigned operand() const { return raw >> 24; }
};

}  // namespace ring3
