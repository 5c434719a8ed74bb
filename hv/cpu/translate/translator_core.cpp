// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/translator_core.hpp"

#include <algorithm>
#include <cstring>

#include "hv/base/check.hpp"
#include "hv/cpu/decode/flags.hpp"
#include "hv/cpu/translate/host_fs.hpp"
#include "hv/cpu/translate/host_traps.hpp"
#include "hv/cpu/translate/operands.hpp"

namespace ring3 {
namespace {

Exit exception(std::uint8_t vector) {
    Exit exit;
    exit.reason = Exit::Reason::exception;
    exit.vector = vector;
    return exit;
}

Exit exception(std::uint8_t vector, std::uint32_t error_code) {
    Exit exit = exception(vector);
    exit.has_error_code = true;
    exit.error_code = error_code;
    return exit;
}

/// Exits that one run may have dealt with: each takes some time, and clocks of the host go on.
constexpr unsigned most_takings = 32;

/// Host flags that translated code starts with, beside the arithmetic ones: bit 1 and IF.
constexpr std::uint64_t entry_flags = 0x202;

/// Address space for code: what 17 vCPUs may have. Branches reach 2 GiB.
constexpr std::size_t most_growth = 5, most_code = std::size_t{1} << 30;

}  // namespace

TranslatorCore::TranslatorCore(const TranslatorSettings& settings, FrameTable& frames)
    : settings_(settings),
      frames_(frames),
      tables_(frames),
      host_(settings.baseline_host ? HostFeatures::baseline() : HostFeatures::detect()),
      cache_(std::min(most_growth * settings.code_cache_bytes, most_code)),
      stubs_([this] {
          Stubs stubs;
          const auto code =
              make_stubs(cache_.next(), {access_helper, region_helper, refused_helper}, host_,
                         settings_.level, stubs);
          cache_.append(code);
          return stubs;
      }()),
      stubs_size_(cache_.used()),
      translator_(host_, stubs_.addresses, settings.level),
      blocks_(cache_),
      contexts_(frames, this, stubs_.addresses.miss, settings.two_levels, settings.kept_spaces,
                settings.windows_after) {
    two_pages_.resize(2 * page_size);
}

void TranslatorCore::load(const CpuState& state) {
    Context& c = *context_;
    c.gpr = state.gpr;
    c.flags = (state.rflags & rflags::arithmetic) | entry_flags;
    c.direction = (state.rflags & rflags::df) != 0 ? 1 : 0;
    c.fs_base = state.fs_base;
    c.gs_base = state.gs_base;
    c.fpu_disabled = (state.cr0 & cr0::ts) != 0 ? 1 : 0;
    c.fpu_image = reinterpret_cast<std::uint64_t>(state.xsave.data());
    for (std::size_t i = 0; i < state.selector.size(); ++i) c.selector[i] = state.selector[i];
    kernel_mode_ = state.kernel_mode;
    const Windows* const windows = kernel_mode_ ? nullptr : addresses_->windows();
    c.code_fs = windows != nullptr && host_.fsgsbase ? windows->distance() : c.host_fs;
}

void TranslatorCore::store(CpuState& state) const {
    const Context& c = *context_;
    state.gpr = c.gpr;
    state.rflags = (state.rflags & ~(rflags::arithmetic | rflags::df)) |
                   (c.flags & rflags::arithmetic) | (c.direction != 0 ? rflags::df : 0);
    if (context_->fpu_image_changed == 0) return;
    context_->fpu_image_changed = 0;
    make_fpu_image_canonical(state);
}

Exit TranslatorCore::run(CpuState& state, Environment& environment, std::uint64_t budget,
                         RunEnd end) {
    HV_CHECK(budget > 0, "a run needs a budget");
    end_ = end;
    const std::uint64_t first = state.retired;
    addresses_ = nullptr;
    TrapScope traps(cache_.base(), cache_.base() + cache_.size(), stubs_);
    unsigned takings = settings_.takes_exits ? most_takings : 0;
    while (state.retired - first < budget) {
        if (addresses_ == nullptr || !addresses_->serves(state) ||
            contexts_.wants_windows(*addresses_, state))
            enter_space(state, traps);
        if (addresses_->has_worn_windows()) {
            addresses_->give_up_windows();
            ++statistics_.windows_given_up;
        }
        context_->budget = budget - (state.retired - first);
        live_.reset();
        std::optional<Exit> exit = wants_single_steps(state) ? debug_step(state, environment)
                                                             : run_blocks(state, environment);
        if (!exit) continue;
        normalise_flags(state);
        // What is due at the budget's end is due before the exit is dealt with.
        if (takings == 0 || state.retired - first == budget) return *exit;
        --takings;
        switch (environment.take(state, *exit)) {
            case Environment::Taken::no:
                return *exit;
            case Environment::Taken::on:
                if (addresses_->serves(state)) addresses_->use(state);
                continue;
            case Environment::Taken::ended:
                return Exit{};
        }
    }
    normalise_flags(state);
    return Exit{};
}

/// Goes over to what is kept for the vCPU's address space.
void TranslatorCore::enter_space(const CpuState& state, TrapScope& traps) {
    VcpuContext& space = contexts_.of(state);
    context_ = &space.context;
    addresses_ = &space.addresses;
    if (contexts_.wants_windows(*addresses_, state)) {
        addresses_->make_windows(static_cast<std::uint32_t>(++statistics_.windows),
                                 Vaddr{state.rip}, Vaddr{state.reg(Gpr::rsp)});
    }
    traps.belong_to(*context_);
    load_gs_base(*context_, host_.fsgsbase);
    context_->host_fs = HostFs::base(host_.fsgsbase);
}

void TranslatorCore::enter(std::uint64_t entry) {
    context_->entry = entry;
    context_->link = 0;
    reinterpret_cast<void (*)()>(stubs_.enter)();
    Context& c = *context_;
    if (static_cast<Leave>(c.leave) == Leave::trap)
        c.gpr[static_cast<std::size_t>(Gpr::rsp)] = c.trap_rsp;
}

/// Runs blocks until the budget is spent or something must be done in between; `context_->budget`
/// is what may be retired.
std::optional<Exit> TranslatorCore::run_blocks(CpuState& state, Environment& environment) {
    load(state);
    addresses_->refresh();
    break_links();
    Context& c = *context_;
    const std::uint64_t budget = c.budget;
    const auto settle = [&](Vaddr rip, std::optional<std::uint32_t> live) {
        state.retired += budget - c.budget;
        if (!kernel_mode_) addresses_->count_user_insns(budget - c.budget);
        state.rip = rip.raw;
        live_ = live;
        store(state);
    };
    c.target = state.rip;
    std::uint64_t entry = stubs_.lookup[kernel_mode_ ? 1 : 0];
    while (true) {
        enter(entry);
        ++statistics_.leaves[c.leave];
        Vaddr rip{};
        auto variant = Variant::normal;
        std::optional<LinkNumber> link_from;
        switch (static_cast<Leave>(c.leave)) {
            case Leave::link: {
                link_from = LinkNumber{c.link};
                const Block& from = blocks_.at(link_from->block());
                const LinkSite& site = from.links[link_from->number()];
                rip = page_of(from.key.rip) + static_cast<std::uint64_t>(site.target);
                variant = site.variant;
                break;
            }
            case Leave::miss:
                rip = {c.target};
                break;
            case Leave::budget: {
                const Block& next = blocks_.at(LinkNumber{c.link}.block());
                rip = next.key.rip;
                if (c.budget == 0 || (end_ == RunEnd::near && c.budget < budget)) {
                    settle(rip, next.sites.front().live);
                    if (c.budget == 0) return {};
                    return Exit{};
                }
                // Fewer instructions are left than the block has: one by one, to the exact end.
                variant = Variant::single;
                break;
            }
            case Leave::access:
            case Leave::no_fpu:
            case Leave::trap: {
                Block& at = *blocks_.holding(c.site);
                if (c.site < at.host_base + at.sites.front().host_offset) {
                    // Nothing there can fault: the host could not go back to it, see host_traps.
                    if (c.site > at.direct_entry) c.budget += at.sites.size();
                    settle(c.site < at.direct_entry ? Vaddr{c.trap_r11} : at.key.rip, {});
                    return {};
                }
                const InsnSite& site = at.site_of(c.site);
                // The block took its whole length from the budget; what was not retired comes back.
                c.budget += at.sites.size() - at.index_of(site);
                if (static_cast<Leave>(c.leave) == Leave::trap) {
                    for (std::size_t i = 0; i < 2; ++i) {
                        if (site.borrowed[i] == no_register) continue;
                        c.gpr[static_cast<std::size_t>(site.borrowed[i])] = c.borrowed[i];
                    }
                }
                settle(page_of(at.key.rip) + site.guest_offset, site.live);
                if (static_cast<Leave>(c.leave) == Leave::no_fpu) return exception(7);
                const bool is_windowed = at.key.windows != 0;
                if (static_cast<Leave>(c.leave) == Leave::trap) {
                    // An address that is not canonical may be one relative to RSP (Tlb::StackPage),
                    // or one whose place in the windows is not; windows have holes, too.
                    constexpr std::uint32_t general_protection = 13, page_fault = 14;
                    const bool is_refused = c.trap_vector == general_protection;
                    const bool is_in_hole = is_windowed && c.trap_vector == page_fault;
                    if (!is_refused && !is_in_hole) return trapped(state);
                    if (is_refused && is_windowed) note_refusal(state.rip);
                }
                if (is_windowed && windowless_.contains(state.rip))
                    code_written(at.key.frame, page_offset(Vaddr{state.rip}), 1);
                return bounce_at(state, environment);
            }
            case Leave::emulate: {
                const Block& at = blocks_.at(LinkNumber{c.link}.block());
                const InsnSite& site = at.sites.back();
                c.budget += 1;
                settle(page_of(at.key.rip) + site.guest_offset, site.live);
                return emulate_at(at, state, environment);
            }
            case Leave::bounced:
                HV_CHECK(false, "only bounce_at() runs bounced blocks");
        }
        if (c.budget == 0) {
            settle(rip, {});
            return {};
        }
        Exit fault;
        const std::uint64_t epoch = epoch_;
        Windows* const windows = kernel_mode_ ? nullptr : addresses_->windows();
        Block* const block = block_at(rip, kernel_mode_, variant, fault, windows);
        if (block == nullptr) {
            settle(rip, {});
            return fault;
        }
        if (link_from) {
            if (epoch == epoch_ && settings_.links_blocks) link(*link_from, *block);
        } else if (variant == Variant::normal) {
            addresses_->remember_jump(rip, block->checked_entry);
        }
        entry = block->direct_entry;
    }
}

Exit TranslatorCore::trapped(CpuState& state) {
    switch (context_->trap_vector) {
        case 0:
        case 16:
        case 19:
            return exception(static_cast<std::uint8_t>(context_->trap_vector));
        case 13:
            return exception(13, 0);
        default: {
            Exit exit;
            exit.reason = Exit::Reason::not_built;
            Exit fault;
            const auto insn = insn_at({state.rip}, state.kernel_mode, fault);
            exit.text = "host exception " + std::to_string(context_->trap_vector) + " at " +
                        (insn ? disassemble(*insn, {state.rip}) : std::string("an unknown place"));
            return exit;
        }
    }
}

std::optional<Exit> TranslatorCore::emulate_at(const Block& block, CpuState& state,
                                               Environment& environment) {
    // Copied: what it does may drop its own block.
    const Insn insn = *block.emulated;
    const std::uint32_t live_behind = block.live_behind;
    const std::uint64_t behind = state.rip + insn.length;
    const auto exit = emulate_insn(insn, state, environment);
    // What the block knows of the instruction behind, it knows from its own page.
    if (state.rip == behind && page_offset(Vaddr{behind}) >= insn.length) live_ = live_behind;
    return exit;
}

std::optional<Exit> TranslatorCore::emulate_insn(const Insn& insn, CpuState& state,
                                                 Environment& environment) {
    EmulationContext c{state, *this, environment, settings_.level, context_->budget};
    const Emulated done = emulate(insn, c);
    state.retired += done.retired;
    if (done.retired != 0) live_.reset();
    // Another address space is entered by the run loop.
    if (addresses_->serves(state)) addresses_->use(state);
    return done.exit;
}

/// Flags that are dead where the run ended read as zero (FlagScan).
void TranslatorCore::normalise_flags(CpuState& state) {
    const std::uint64_t live = live_ ? *live_ : live_flags_at(state);
    state.rflags &= ~(rflags::arithmetic & ~live);
}

std::uint32_t TranslatorCore::live_flags_at(const CpuState& state) {
    constexpr auto all = static_cast<std::uint32_t>(rflags::arithmetic);
    const Vaddr page = page_of(Vaddr{state.rip});
    if (!is_canonical(page)) return all;
    const WalkResult found = probe(frames_, state.root(), page, Access::execute, state.domain);
    if (found.kind != WalkResult::Kind::mapped || found.mfn == invalid_mfn) return all;
    FlagScan& scan = translator_.scan();
    scan.begin({reinterpret_cast<const std::uint8_t*>(found.host), page_size});
    return scan.live(static_cast<std::uint32_t>(page_offset(Vaddr{state.rip})));
}

}  // namespace ring3
