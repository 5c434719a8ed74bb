// SPDX-License-Identifier: MIT
// Translates one run of guest instructions, inside one page, to host code.
//
// Registers: guest RAX, RDX, RBX, RSP, RBP, RSI, RDI, R9, R12 to R15 are themselves; guest RCX is
// host R10; guest R8, R10 and R11 stay in the Context. Host R8 counts the budget down, R11 and RCX
// are scratch, GS is the Context. The six arithmetic flags are the host's own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_set>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/cpu/decode/flags.hpp"
#include "hv/cpu/decode/insn.hpp"
#include "hv/cpu/translate/context.hpp"

namespace ring3 {

class Windows;

/// What a block is made for.
enum class Variant : std::uint8_t {
    normal,
    single,    ///< one instruction: the last few of a budget, single-stepping
    bounced,   ///< one instruction whose memory operands stand at Context::bounce, ending in C++
    unmerged,  ///< each memory operand is looked up by itself: where a group's look-up failed
};

/// Entry points that every block may jump to; made once by the stubs.
struct StubAddresses {
    std::uint64_t link = 0, miss = 0, budget = 0, access = 0, load_fpu = 0, emulate = 0,
                  bounced = 0;
    /// Of the instruction's only operand: R11 is its address, RCX where the block goes on. By
    /// whether it is relative to RSP, whether it is stored to, and the binary logarithm of its
    /// size.
    static constexpr unsigned sizes = 6;
    std::uint64_t short_access[2][2][sizes] = {};
    std::uint64_t stack_group = 0;  ///< looks a group relative to RSP up
    /// Of an address in another region than its check is for: R11 is the address, RCX where the
    /// block goes on if that region has a window.
    std::uint64_t other_region = 0;
    std::uint64_t open_window = 0;  ///< the same the first time
};

/// Where one guest instruction's host code begins.
struct InsnSite {
    std::uint16_t host_offset = 0;
    std::uint16_t guest_offset = 0;  ///< in its page
    /// Host registers whose values are in Context::borrowed while the instruction itself runs.
    std::int8_t borrowed[2] = {no_register, no_register};
    std::uint16_t live = 0;  ///< arithmetic flags that are live before it (FlagScan)
};

/// A direct branch that can be linked: its rel32 starts at `host_offset`.
struct LinkSite {
    std::int32_t target = 0;  ///< from the start of the page of the guest's code
    std::uint16_t host_offset = 0;
    Variant variant = Variant::normal;  ///< of the block that it leads to
    std::uint16_t unlinked = 0;         ///< where in the block it leads until then: back to C++

    /// What its rel32 is until then.
    std::int32_t unlinked_distance() const { return unlinked - (host_offset + 4); }
};

/// Where an address is checked to be in a region that has a window, one of two at most: learns
/// which they are when the check fails.
struct WindowSite {
    /// What the constants are of regions that are not known. No two regions that addresses can be
    /// in are so far apart, and none is so far from the first of these.
    static constexpr std::uint32_t no_region = RegionTable::no_region, no_difference = 0x4000'0000;

    std::uint16_t resume = 0;        ///< behind the check
    std::uint16_t constant[2] = {};  ///< of the 32 bits that each region is compared with
    std::uint16_t jump = 0;  ///< of the rel32 that leads to StubAddresses::open_window until then
    /// The constants are what makes the first region's number zero, and what makes that zero which
    /// the second one has become.
    bool is_difference = false;
    std::uint8_t known = 0;  ///< regions
    std::uint32_t region[2] = {};

    std::uint32_t constant_of(unsigned i) const {
        if (i >= known) return i == 1 && is_difference ? no_difference : no_region;
        if (!is_difference) return region[i];
        return i == 0 ? 0 - region[0] : region[0] - region[1];
    }
};

/// A constant in a block's host code that depends on where the guest's code or the block stands.
struct Relocation {
    enum class Kind : std::uint8_t {
        address,          ///< 64 bits: a guest address near the code
        negated_address,  ///< 64 bits: its negative
        tlb_entry,        ///< 32 bits: where a page near the code has its place in a TLB array
        jump_entry,       ///< 32 bits: the same for an address and the jump cache
        link,             ///< 32 bits: LinkNumber
        stub,             ///< 32 bits: distance to a stub
        window_near,      ///< 64 bits: where the windows have a guest address near the code
        window_fixed,     ///< 64 bits: the same for an address that does not move with the code
    };
    Kind kind;
    std::uint16_t offset;     ///< in the host code
    std::uint32_t array = 0;  ///< where in the Context the array begins
};

struct TranslationRequest {
    Vaddr rip{};
    bool kernel_mode = true;
    Variant variant = Variant::normal;
    Windows* windows = nullptr;  ///< where operands are looked for, not in the TLB
    /// Then: instructions whose operands are in none all the same, by RIP.
    const std::unordered_set<std::uint64_t>* windowless = nullptr;
    unsigned max_insns = 0;
    bool merges = true;            ///< memory operands may share a look-up
    bool keeps_lookups = true;     ///< also across other operands
    bool has_stack_page = true;    ///< operands relative to RSP have a TLB entry of their own
    bool follows_branches = true;  ///< that are not taken, or forward and near
    bool strings_inline = true;    ///< REP MOVS and REP STOS
    /// The bytes of the page that `rip` is in; for an instruction that straddles two pages, one
    /// 8 KiB view of both.
    std::span<const std::uint8_t> code;
    /// Names the block in what it leaves in Context::link (LinkNumber).
    std::uint32_t block = 0;
    std::uint64_t host_base = 0;  ///< where the code will stand
    /// Branches to this page may be linked directly.
    Vaddr page{};
    std::uint64_t* counter =
        nullptr;  ///< of the times that the block is entered; null: not counted
};

struct Translation {
    std::vector<std::uint8_t> host_code;
    std::uint32_t direct_entry = 0;   ///< for linked branches
    std::uint32_t checked_entry = 0;  ///< for the jump cache: R11 = the RIP wanted
    std::uint32_t lookup_entry = 0;   ///< goes through the jump cache itself
    std::vector<InsnSite> sites;
    std::vector<LinkSite> links;
    std::vector<WindowSite> window_sites;
    std::uint16_t live_behind = 0;  ///< arithmetic flags that are live behind the last instruction
    /// The last instruction, where it is for hv/cpu/emulate.
    std::unique_ptr<const Insn> emulated;
    /// Bytes of the page that the translation depends on (flags are looked up ahead).
    std::uint32_t first_byte = 0, last_byte = 0;
    /// Complete where the block is movable (relocation.hpp).
    std::vector<Relocation> relocations;
    bool is_movable = false;
};

/// What the host offers to translated code.
struct HostFeatures {
    bool bmi2 = false;
    bool fsgsbase = false;
    bool avx = false;

    static HostFeatures detect();
    /// The least that translated code needs; AVX as detected, since the model decides about it.
    static HostFeatures baseline();
};

class BlockTranslator {
public:
    BlockTranslator(const HostFeatures& host, const StubAddresses& stubs, IsaLevel level)
        : host_(host), stubs_(stubs), decoder_(level), scan_(decoder_) {}
    BlockTranslator(const BlockTranslator&) = delete;
    BlockTranslator& operator=(const BlockTranslator&) = delete;

    /// The first instruction must lie inside `request.code`. Instructions behind it that do not are
    /// left to the next block.
    Translation translate(const TranslationRequest& request);

    Decoder& decoder() { return decoder_; }
    FlagScan& scan() { return scan_; }

private:
    HostFeatures host_;
    const StubAddresses& stubs_;
    Decoder decoder_;
    FlagScan scan_;
};

}  // namespace ring3
