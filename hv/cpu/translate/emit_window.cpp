// SPDX-License-Identifier: MIT
// BlockEmitter: operands in windows (windows.hpp). An address is checked once in a block, and all
// that is near it is used without more, until one of its registers is changed by something unknown.
#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "hv/cpu/translate/block_emitter.hpp"
#include "hv/cpu/translate/windows.hpp"

namespace ring3 {
namespace {

constexpr auto r11 = x86::r11;
constexpr auto rcx = x86::rcx;
constexpr auto ecx = x86::ecx;

/// How far an operand's address may be from the one that was checked: its bytes are in the margin.
constexpr std::int64_t reach = Windows::margin / 2;
/// A register that has gone farther away than that is not worth being followed.
constexpr std::int64_t farthest = 16 * reach;
constexpr std::size_t most_checked = 16;

}  // namespace

/// Whether the current instruction's operands are looked for in windows.
bool BlockEmitter::uses_windows() const {
    if (request_.windows == nullptr || request_.variant != Variant::normal) return false;
    return !request_.windowless->contains(rip_.raw);
}

/// False: the operand is none for windows.
bool BlockEmitter::find_in_window(const MemoryOperand& m, int stack_delta, bool flags_live) {
    if (!uses_windows() || m.fs || m.gs || m.address32) return false;
    if (m.base == no_register && m.index == no_register) {
        const std::uint64_t address = constant_address(m);
        if (!request_.windows->open(Vaddr{address})) return false;
        // The same host address for as long as there is this block.
        a_.long_().mov(r11, address + request_.windows->distance());
        relocate(m.rip_relative ? Relocation::Kind::window_near : Relocation::Kind::window_fixed);
        place_ = {false, 0};
        return true;
    }
    std::int64_t displacement = m.displacement;
    if (m.base == static_cast<int>(Gpr::rsp)) displacement += stack_delta;
    const auto is_near = [&](const Checked& c) {
        return c.base == m.base && c.index == m.index && c.scale == m.scale &&
               std::abs(displacement - c.displacement) <= reach;
    };
    place_in_window(m, stack_delta);
    if (std::ranges::none_of(checked_, is_near)) {
        // A register is checked as it is, if that is near enough.
        const bool is_register = m.index == no_register && std::abs(displacement) <= reach;
        if (!is_register && (place_.index != no_register || place_.displacement != 0)) {
            x86::Mem where = operand(8);
            where.resetSegment();
            a_.lea(r11, where);
            place_.base = r11;
            place_.index = no_register;
            place_.displacement = 0;
        }
        check_region(place_.base, flags_live);
        if (checked_.size() == most_checked) checked_.erase(checked_.begin());
        checked_.push_back({m.base, m.index, m.scale, is_register ? 0 : displacement});
    }
    place_.indexed = !place_.fs;
    if (place_.indexed) a_.mov(rcx, context_word(offsetof(Context, window_distance)));
    return true;
}

/// Where the 32 bits are that were emitted last.
std::uint16_t BlockEmitter::last_constant() const {
    return static_cast<std::uint16_t>(a_.offset() - 4);
}

/// The address is in a region that this check is for: in one, or here and there in another. Which
/// ones they are, is learnt (TranslatorCore::meet_region); until then the check fails.
void BlockEmitter::check_region(x86::Gp address, bool flags_live) {
    ColdWindow cold{a_.newLabel(), a_.newLabel(), address, out_.window_sites.size()};
    WindowSite site;
    site.is_difference = flags_live;
    const auto first = static_cast<std::int32_t>(site.constant_of(0));
    if (host_.bmi2 || !flags_live) {
        shift_to_rcx(address, 32);
    } else {
        a_.mov(context_word(offsetof(Context, scratch)), address);
        a_.mov(ecx, context_word(offsetof(Context, scratch) + 4, 4));
    }
    if (!flags_live) {
        a_.cmp(ecx, first);
        site.constant[0] = last_constant();
        a_.jne(cold.entry);
    } else {
        a_.lea(ecx, x86::ptr(rcx, first));
        site.constant[0] = last_constant();
        a_.short_().jecxz(ecx, cold.resume);
        a_.jmp(cold.entry);
    }
    a_.bind(cold.resume);
    site.resume = static_cast<std::uint16_t>(a_.offset());
    out_.window_sites.push_back(site);
    cold_windows_.push_back(cold);
}

/// Where the operand is before the distance is added: at its own address, as far as that has no
/// spilled registers.
void BlockEmitter::place_in_window(const MemoryOperand& m, int stack_delta) {
    place_ = {false, 0};
    place_.fs = host_.fsgsbase;
    const bool has_index = m.index != no_register;
    if (m.base == no_register || is_spilled(m.index) || (has_index && is_spilled(m.base)) ||
        (has_index && !place_.fs)) {
        linear_address(m, stack_delta);
        return;
    }
    const x86::Mem where = address_operand(m, stack_delta, r11);
    place_.base = where.baseReg().as<x86::Gp>();
    place_.displacement = static_cast<std::int32_t>(where.offset());
    if (!has_index) return;
    place_.index = static_cast<std::int8_t>(where.indexId());
    place_.shift = static_cast<std::uint8_t>(where.shift());
}

/// Behind an instruction: what is still known of addresses that were checked.
void BlockEmitter::keep_checked(const Insn& insn) {
    std::erase_if(checked_, [&](Checked& c) {
        const auto writes = [&](int r) {
            return r != no_register && (insn.registers_written >> r & 1u) != 0;
        };
        if (writes(c.index)) return true;
        if (!writes(c.base)) return false;
        const auto added = added_to(insn, c.base);
        if (!added) return true;
        c.displacement -= *added;
        return std::abs(c.displacement) > farthest;
    });
    const auto copied = copied_by(insn);
    if (!copied || copied->to == copied->from) return;
    const std::size_t before = checked_.size();
    for (std::size_t i = 0; i < before && checked_.size() < most_checked; ++i) {
        Checked c = checked_[i];
        if (c.base != copied->from || c.index != no_register) continue;
        c.base = static_cast<std::int8_t>(copied->to);
        c.displacement -= copied->added;
        if (std::abs(c.displacement) <= farthest) checked_.push_back(c);
    }
}

/// The second region, and then the stub looks whether there is a window all the same.
void BlockEmitter::cold_window(const ColdWindow& cold) {
    WindowSite& site = out_.window_sites[cold.site];
    const auto second = static_cast<std::int32_t>(site.constant_of(1));
    a_.bind(cold.entry);
    if (!site.is_difference) {
        a_.cmp(ecx, second);
        site.constant[1] = last_constant();
        a_.je(cold.resume);
    } else {
        auto same = a_.newLabel();
        auto other = a_.newLabel();
        a_.lea(ecx, x86::ptr(rcx, second));
        site.constant[1] = last_constant();
        a_.short_().jecxz(ecx, same);
        a_.short_().jmp(other);
        a_.bind(same);
        a_.jmp(cold.resume);
        a_.bind(other);
    }
    if (cold.address.id() != r11.id()) a_.mov(r11, cold.address);
    a_.lea(rcx, x86::ptr(cold.resume));
    jump_to_stub(stubs_.open_window);
    site.jump = last_constant();
}

}  // namespace ring3
