// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/plan.hpp"

#include <algorithm>
#include <optional>

#include "hv/cpu/translate/context.hpp"
#include "hv/cpu/translate/spilled.hpp"

namespace ring3 {
namespace {

constexpr int rsp = static_cast<int>(Gpr::rsp);

/// Bytes of a look-up: the longer, the likelier it crosses a page.
constexpr std::uint64_t longest_span = 128;

/// Longest jump that a block follows.
constexpr std::int64_t longest_jump = 1024;

// Extent ---------------------------------------------------------------------------------------

bool is_in(const std::vector<PlannedInsn>& block, std::uint32_t offset) {
    return std::any_of(block.begin(), block.end(),
                       [offset](const PlannedInsn& p) { return p.offset == offset; });
}

/// Where the block goes on behind this instruction; nothing: it ends.
std::optional<std::uint32_t> next_in_block(const PlannedInsn& p) {
    const Insn& insn = *p.insn;
    const std::uint32_t behind = p.offset + insn.length;
    switch (insn.form) {
        case Form::jump:
            if (insn.immediate < 0 || insn.immediate > longest_jump) return {};
            return static_cast<std::uint32_t>(behind + insn.immediate);
        case Form::jump_if:
            // A loop's end: the block begins anew.
            if (insn.immediate < 0) return {};
            return behind;
        default:
            if (insn.ends_block()) return {};
            return behind;
    }
}

std::vector<PlannedInsn> extent(FlagScan& scan, std::uint32_t start, const PlanSettings& settings) {
    const unsigned max_insns = std::min(settings.max_insns, longest_block);
    constexpr auto page_end = static_cast<std::uint32_t>(page_size);
    std::vector<PlannedInsn> block;
    std::uint32_t at = start;
    while (block.size() < max_insns && at < page_end) {
        const Insn* insn = scan.insn(at);
        if (insn == nullptr || (!block.empty() && is_in(block, at))) break;
        // An instruction that straddles pages stands in a block of its own.
        if (at + insn->length > page_end && at != start) break;
        PlannedInsn& planned = block.emplace_back();
        planned.insn = insn;
        planned.offset = at;
        const auto next = next_in_block(planned);
        if (!next || (insn->ends_block() && !settings.follows_branches)) break;
        at = *next;
    }
    // A jump that nothing of the block follows ends it as any jump does.
    for (std::size_t i = 0; i + 1 < block.size(); ++i) {
        block[i].jumps_in_block = block[i].insn->form == Form::jump;
    }
    return block;
}

// Groups ---------------------------------------------------------------------------------------

/// The one memory operand of an instruction, as the group's arithmetic sees it.
struct Place {
    MemoryOperand operand;
    bool write = false;
};

MemoryOperand stack_slot(std::int64_t displacement) {
    MemoryOperand m;
    m.base = rsp;
    m.displacement = displacement;
    m.size = 8;
    return m;
}

/// Nothing: it has no operand, or one that goes its own way.
std::optional<Place> place_of(const PlannedInsn& p) {
    const Insn& insn = *p.insn;
    switch (insn.form) {
        case Form::plain: {
            if (!insn.has_memory || insn.memory.address32 || insn.high_byte) return {};
            if (insn.memory.size == 0 || insn.memory.size > 32) return {};
            Place place{insn.memory, insn.memory.write};
            // As that of a group's span, it counts from the start of the page.
            if (place.operand.rip_relative) place.operand.displacement += p.offset + insn.length;
            return place;
        }
        case Form::push:
            if (insn.has_memory || insn.operand_size == 2) return {};
            return Place{stack_slot(-8), true};
        case Form::pop:
            if (insn.has_memory || insn.operand_size == 2) return {};
            return Place{stack_slot(0), false};
        case Form::call:
            return Place{stack_slot(-8), true};
        case Form::ret:
            return Place{stack_slot(0), false};
        default:
            return {};
    }
}

bool has_same_registers(const MemoryOperand& a, const MemoryOperand& b) {
    return a.base == b.base && a.index == b.index && a.scale == b.scale && a.fs == b.fs &&
           a.gs == b.gs && a.rip_relative == b.rip_relative;
}

/// Whether what it becomes leaves the scratch register alone that holds a group's address.
bool spares_scratch(const Insn& insn) {
    switch (insn.form) {
        case Form::plain:
            return !insn.has_memory;
        case Form::nop:
        case Form::direction:
        case Form::jump:
        case Form::jump_if:
            return true;
        case Form::lea:
            return is_plain_lea(insn);
        default:
            return false;
    }
}

/// A group while it is looked for.
struct Group {
    MemoryOperand span;
    std::int64_t low = 0, high = 0;
    bool writes = false;
    /// Indices in the block, and where their operands are.
    std::vector<std::pair<std::size_t, std::int64_t>> members;

    /// False: it would become too long.
    bool take(std::size_t i, const Place& place, std::int64_t moved) {
        const std::int64_t at =
            place.operand.displacement + (place.operand.base == rsp ? moved : 0);
        const std::int64_t new_low = std::min(low, at);
        const std::int64_t new_high = std::max(high, at + place.operand.size);
        // Absolute addresses may be as far apart as any.
        const auto length =
            static_cast<std::uint64_t>(new_high) - static_cast<std::uint64_t>(new_low);
        if (length > longest_span) return false;
        low = new_low;
        high = new_high;
        writes = writes || place.write;
        members.emplace_back(i, at);
        return true;
    }
};

/// The operands that share a look-up with that of block[first].
Group members_of(const std::vector<PlannedInsn>& block, std::size_t first, const Place& leader,
                 const PlanSettings& settings) {
    Group group;
    group.span = leader.operand;
    group.low = leader.operand.displacement;
    group.high = group.low + leader.operand.size;
    // What RSP has changed by since the look-up.
    std::int64_t moved = 0;
    for (std::size_t i = first; i < block.size(); ++i) {
        const Insn& insn = *block[i].insn;
        const auto place = place_of(block[i]);
        const bool is_like = place && block[i].merge == PlannedInsn::Merge::none &&
                             has_same_registers(place->operand, leader.operand);
        const bool is_taken = is_like && group.take(i, *place, moved);
        if (!is_taken && !settings.keeps_lookups && (place || !spares_scratch(insn))) break;
        std::uint16_t changed = insn.registers_written;
        if (leader.operand.base == rsp) {
            const auto added = added_to(insn, rsp);
            if (!added) break;
            moved += *added;
            changed = static_cast<std::uint16_t>(changed & ~(1u << rsp));
        }
        const auto is_changed = [changed](int r) {
            return r != no_register && (changed >> r & 1u) != 0;
        };
        if (is_changed(leader.operand.base) || is_changed(leader.operand.index)) break;
    }
    return group;
}

/// Whether the address of a group stays in its register from one member to the next.
bool stays(const std::vector<PlannedInsn>& block, std::size_t from, std::size_t to) {
    for (std::size_t i = from + 1; i < to; ++i) {
        if (!spares_scratch(*block[i].insn)) return false;
    }
    return true;
}

/// Finds the group whose first operand is block[first].
void find_group(std::vector<PlannedInsn>& block, std::size_t first, unsigned& groups,
                const PlanSettings& settings) {
    using Merge = PlannedInsn::Merge;
    if (block[first].merge != Merge::none || groups == most_groups) return;
    const auto leader = place_of(block[first]);
    if (!leader) return;
    Group group = members_of(block, first, *leader, settings);
    const bool is_constant = group.span.base == no_register && group.span.index == no_register;
    const bool fits = is_constant || group.low == static_cast<std::int32_t>(group.low);
    if (group.members.size() < 2 || !fits) return;
    std::size_t before = first;
    for (const auto& [i, at] : group.members) {
        block[i].merge = Merge::member;
        block[i].group = static_cast<std::uint8_t>(groups);
        block[i].group_offset = static_cast<std::int32_t>(at - group.low);
        if (stays(block, before, i)) {
            for (std::size_t k = before + 1; k < i; ++k) block[k].merge = Merge::between;
        } else {
            block[i].is_fetched = true;
            block[first].is_kept = true;
        }
        before = i;
    }
    block[first].merge = Merge::first;
    group.span.displacement = group.low;
    group.span.size = static_cast<std::uint16_t>(group.high - group.low);
    group.span.write = group.writes;
    block[first].span = group.span;
    ++groups;
}

}  // namespace

std::optional<std::int64_t> added_to(const Insn& insn, int guest) {
    const bool is_written = (insn.registers_written >> guest & 1u) != 0;
    switch (insn.form) {
        case Form::push:
        case Form::call:
            if (guest == rsp) return -8;
            break;
        case Form::pop:
            if (guest != rsp) break;
            if (insn.rm.number == rsp || insn.opcode.number == rsp) return {};
            return 8;
        case Form::plain: {
            // ADD and SUB of an immediate (83H and 81H, /0 and /5).
            const std::uint8_t opcode = insn.bytes[insn.opcode_offset];
            if ((opcode != 0x81 && opcode != 0x83) || insn.operand_size != 8) break;
            if (insn.rm.number != guest || insn.modrm_offset != insn.opcode_offset + 1) break;
            const unsigned digit = insn.bytes[insn.modrm_offset] >> 3 & 7u;
            if (digit == 0) return insn.immediate;
            if (digit == 5) return -insn.immediate;
            break;
        }
        case Form::lea:
            if (insn.operand_size != 8 || insn.reg.number != guest || insn.memory.base != guest ||
                insn.memory.index != no_register || insn.memory.rip_relative ||
                insn.memory.address32) {
                break;
            }
            return insn.memory.displacement;
        default:
            break;
    }
    if (is_written) return {};
    return 0;
}

std::optional<Copied> copied_by(const Insn& insn) {
    if (insn.operand_size != 8 || insn.vex) return {};
    if (insn.form == Form::lea) {
        const MemoryOperand& m = insn.memory;
        if (m.base == no_register || m.index != no_register || m.address32) return {};
        return Copied{insn.reg.number, m.base, m.displacement};
    }
    if (insn.form != Form::plain || !insn.rm.used() || !insn.reg.used()) return {};
    if (insn.modrm_offset != insn.opcode_offset + 1) return {};
    // MOV (89H and 8BH).
    const std::uint8_t opcode = insn.bytes[insn.opcode_offset];
    if (opcode == 0x89) return Copied{insn.rm.number, insn.reg.number, 0};
    if (opcode == 0x8b) return Copied{insn.reg.number, insn.rm.number, 0};
    return {};
}

std::vector<PlannedInsn> plan_block(FlagScan& scan, std::uint32_t start,
                                    const PlanSettings& settings) {
    static_assert(longest_block * 3 / 2 + 2 < 1u << LinkNumber::bits);
    std::vector<PlannedInsn> block = extent(scan, start, settings);
    unsigned groups = 0;
    for (std::size_t i = 0; settings.merges && i < block.size(); ++i)
        find_group(block, i, groups, settings);
    return block;
}

}  // namespace ring3
