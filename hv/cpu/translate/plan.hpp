// SPDX-License-Identifier: MIT
// Which guest instructions become one block, and which of their memory operands share one check.
//
// A block follows the code through forward branches that are not taken and through short forward
// jumps; a taken branch leaves it. A group is memory operands with the same registers in their
// addresses, which nothing changes in between (pushes, pops and additions to RSP are reckoned
// with), close to each other: their whole span is looked up once. Where that look-up fails, the
// block of Variant::unmerged that begins at the group's first operand does them one by one. Nothing
// takes a translation away while a block runs, so what a look-up gave is good to the block's end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "hv/cpu/decode/flags.hpp"
#include "hv/cpu/decode/insn.hpp"
#include "hv/cpu/translate/context.hpp"

namespace ring3 {

/// One instruction of a block.
struct PlannedInsn {
    const Insn* insn = nullptr;
    std::uint32_t offset = 0;  ///< in the page
    /// The instruction behind it in the block is the branch's target, not the one behind.
    bool jumps_in_block = false;

    /// What it has to do with a group.
    enum class Merge : std::uint8_t {
        none,
        first,    ///< its operand is the group's first: the look-up goes before it
        member,   ///< its operand is at `group_offset` of the span
        between,  ///< has no memory operand, and must leave the group's address alone
    };
    Merge merge = Merge::none;
    std::uint8_t group = 0;  ///< number of the group, where it is one's first or a member
    std::int32_t group_offset = 0;
    /// Of the first: its address is kept in the Context, since other operands come before a member.
    bool is_kept = false;
    /// Of a member behind such an operand: the address comes from there.
    bool is_fetched = false;
    /// Of the first: the whole span, as an operand; a displacement that is relative to RIP counts
    /// from the start of the page.
    MemoryOperand span{};
};

/// No block is longer: each instruction may be a way out, and each two a group, which is one too.
constexpr unsigned longest_block = 128;

/// No block has more groups: each has its place in the Context.
constexpr unsigned most_groups = std::tuple_size_v<decltype(Context::lookup)>;

struct PlanSettings {
    unsigned max_insns = longest_block;
    bool follows_branches = true;  ///< else the first branch ends a block
    bool merges = true;            ///< memory operands share look-ups
    bool keeps_lookups = true;     ///< also where other operands stand between them
};

/// What the instruction adds to a register; nothing: it does something else to it.
std::optional<std::int64_t> added_to(const Insn& insn, int guest);

/// What a register is from now on: another one and a constant.
struct Copied {
    int to, from;
    std::int64_t added;
};
/// Nothing: the instruction does something else.
std::optional<Copied> copied_by(const Insn& insn);

/// The block that starts at `start`, and its groups.
std::vector<PlannedInsn> plan_block(FlagScan& scan, std::uint32_t start,
                                    const PlanSettings& settings);

}  // namespace ring3
