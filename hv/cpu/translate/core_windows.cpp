// SPDX-License-Identifier: MIT
// TranslatorCore: operands that are used through windows (windows.hpp). Which region a check is for
// is learnt when it first fails, and a page is mapped when the host's MMU first refuses it.
#include "hv/base/check.hpp"
#include "hv/cpu/translate/operands.hpp"
#include "hv/cpu/translate/translator_core.hpp"

namespace ring3 {
namespace {

/// A page that a window cannot hold costs some 8 us each time.
constexpr unsigned most_refusals = 8;
/// A guest can make any number of such instructions.
constexpr std::size_t most_noted = 1024;

}  // namespace

std::uint64_t TranslatorCore::region_helper(void* self) {
    return static_cast<TranslatorCore*>(self)->meet_region();
}

/// From a block, for an address in a region that its check is not for: gives the region a window
/// if it has none, and the check is for it from now on, as far as it can be for one more. 0: that
/// region can have no window.
std::uint64_t TranslatorCore::meet_region() {
    const Context& c = *context_;
    const Vaddr address{c.access_address};
    Block& block = *blocks_.holding(c.site);
    const auto site =
        std::ranges::find(block.window_sites, c.site - block.host_base, &WindowSite::resume);
    HV_CHECK(site != block.window_sites.end(), "a check of a block with windows");
    if (!addresses_->windows()->open(address)) {
        note_refusal((page_of(block.key.rip) + block.site_of(c.site).guest_offset).raw);
        return 0;
    }
    if (site->known == std::size(site->region)) return 1;
    blocks_.add_region(block, *site, Windows::region_of(address));
    if (site->known == std::size(site->region))
        blocks_.set_branch(block, site->jump, stubs_.addresses.other_region);
    return 1;
}

/// The operands of an instruction that has lent registers but not changed one.
std::span<const Operand> TranslatorCore::operands_at(const Block& block, const InsnSite& site) {
    const Context& c = *context_;
    operand_state_.gpr = c.gpr;
    for (std::size_t i = 0; i < 2; ++i) {
        if (site.borrowed[i] == no_register) continue;
        operand_state_.gpr[static_cast<std::size_t>(site.borrowed[i])] = c.borrowed[i];
    }
    operand_state_.fs_base = c.fs_base;
    operand_state_.gs_base = c.gs_base;
    operand_state_.rip = (page_of(block.key.rip) + site.guest_offset).raw;
    Exit fault;
    const auto insn = insn_at({operand_state_.rip}, kernel_mode_, fault);
    if (!insn) return {};
    return std::span(operands_).first(operands_of(*insn, operand_state_, operands_));
}

/// What a window cannot hold for this instruction, it will not the next time.
void TranslatorCore::note_refusal(std::uint64_t rip) {
    if (refusals_.size() == most_noted) refusals_.clear();
    if (++refusals_[rip] < most_refusals) return;
    if (windowless_.size() == most_noted) windowless_.clear();
    windowless_.insert(rip);
}

std::uint64_t TranslatorCore::refused_helper(void* self) {
    return static_cast<TranslatorCore*>(self)->map_refused();
}

/// From a block: maps the pages of an instruction whose access the host's MMU refused, with the
/// rights and in the order in which the slow path asks for them. 0: that does not help.
std::uint64_t TranslatorCore::map_refused() {
    Context& c = *context_;
    c.gpr[static_cast<std::size_t>(Gpr::rsp)] = c.trap_rsp;
    const Block* const block = blocks_.holding(c.site);
    Windows* const windows = addresses_->windows();
    if (block == nullptr || block->key.windows == 0 || windows == nullptr) return 0;
    for (const Operand& operand : operands_at(*block, block->site_of(c.site))) {
        const Vaddr last = operand.address + (operand.size - 1);
        if (!is_canonical(operand.address) || !is_canonical(last)) return 0;
        const Access access = operand.write ? Access::write : Access::read;
        for (const Vaddr part : {operand.address, page_of(last)}) {
            if (part != operand.address && page_of(last) == page_of(operand.address)) continue;
            WalkResult found;
            if (!translate(part, access, found)) return 0;
            if (found.kind != WalkResult::Kind::mapped) return 0;
            addresses_->map_in_window(page_of(part), found);
        }
    }
    if (windows->has(c.refused_address, c.refused_write != 0 ? Access::write : Access::read))
        return 1;
    note_refusal(operand_state_.rip);
    return 0;
}

}  // namespace ring3
