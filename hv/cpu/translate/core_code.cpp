// SPDX-License-Identifier: MIT
// TranslatorCore: from RIP to a block, and back to nothing when its code is written.
#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "hv/base/build_id.hpp"
#include "hv/base/check.hpp"
#include "hv/base/sha256.hpp"
#include "hv/cpu/translate/relocation.hpp"
#include "hv/cpu/translate/translator_core.hpp"

namespace ring3 {
namespace {

/// A block must find room, whatever its length: a page holds at most 4096 instructions, and each
/// becomes at most some 250 bytes.
constexpr std::size_t room_for_a_block = 1 << 20;

}  // namespace

/// The guest code from `rip` to the end of its page, or, for an instruction that goes on in the
/// next page, a view of both pages. Null: `fault` is what the fetch gives.
const std::uint8_t* TranslatorCore::code_at(Vaddr rip, std::size_t& size, BlockKey& key,
                                            Exit& fault) {
    const auto refuse = [&](Vaddr address, const WalkResult& found) {
        fault = Exit{};
        fault.reason = Exit::Reason::exception;
        fault.has_error_code = true;
        if (!is_canonical(address)) {
            fault.vector = 13;
            return;
        }
        fault.vector = 14;
        fault.address = address.raw;
        fault.error_code = found.error_code | (kernel_mode_ ? 0 : fault_bits::user);
    };
    WalkResult found;
    if (!is_canonical(rip)) {
        refuse(rip, found);
        return nullptr;
    }
    const AddressCaches::FetchPage* first = addresses_->fetch(page_of(rip), found);
    if (first == nullptr) {
        refuse(rip, found);
        return nullptr;
    }
    key.frame = first->frame;
    const std::uint8_t* const host = first->host;
    const std::uint64_t offset = page_offset(rip);
    size = page_size;
    constexpr std::uint64_t longest_insn = 15;
    if (offset + longest_insn <= page_size) return host;
    Insn insn;
    if (translator_.decoder().decode({host + offset, page_size - offset}, insn)) return host;
    // The instruction straddles: only now is the next page fetched, as the CPU would.
    const Vaddr next = page_of(rip) + page_size;
    if (!is_canonical(next)) {
        refuse(next, found);
        return nullptr;
    }
    const AddressCaches::FetchPage* second = addresses_->fetch(next, found);
    if (second == nullptr) {
        refuse(next, found);
        return nullptr;
    }
    key.second_frame = second->frame;
    std::memcpy(two_pages_.data(), host, page_size);
    std::memcpy(two_pages_.data() + page_size, second->host, page_size);
    size = 2 * page_size;
    return two_pages_.data();
}

std::optional<Insn> TranslatorCore::insn_at(Vaddr rip, bool kernel_mode, Exit& fault) {
    BlockKey key;
    std::size_t size = 0;
    kernel_mode_ = kernel_mode;
    const std::uint8_t* const code = code_at(rip, size, key, fault);
    if (code == nullptr) return {};
    Insn insn;
    const std::uint64_t offset = page_offset(rip);
    HV_CHECK(translator_.decoder().decode({code + offset, size - offset}, insn),
             "fifteen bytes are enough for any instruction");
    return insn;
}

Block* TranslatorCore::block_at(Vaddr rip, bool kernel_mode, Variant variant, Exit& fault,
                                Windows* windows) {
    BlockKey key;
    key.rip = rip;
    key.kernel_mode = kernel_mode;
    key.variant = variant;
    if (variant == Variant::single || variant == Variant::bounced) windows = nullptr;
    key.windows = windows != nullptr ? windows->number() : 0;
    std::size_t size = 0;
    const std::uint8_t* const code = code_at(rip, size, key, fault);
    if (code == nullptr) return nullptr;
    const std::array<Mfn, 2> frames{key.frame, key.second_frame};
    const auto known = [&]() -> Block* {
        if (kernel_mode) {
            key.frame = shared_code_.original_of(frames[0]);
            key.second_frame = shared_code_.original_of(frames[1]);
        }
        return blocks_.find(key);
    };
    Block* found = known();
    if (found == nullptr && kernel_mode && share(frames, page_of(rip))) found = known();
    if (found != nullptr) {
        note_user(*found);
        return found;
    }
    make_room();
    TranslationRequest request;
    request.rip = rip;
    request.kernel_mode = kernel_mode;
    request.variant = variant;
    request.windows = windows;
    request.windowless = &windowless_;
    request.max_insns = 1;
    // What follows a group that was looked up in vain may be merged again.
    constexpr unsigned unmerged_limit = 16;
    if (variant == Variant::normal && size == page_size) request.max_insns = settings_.block_limit;
    if (variant == Variant::unmerged)
        request.max_insns = std::min(settings_.block_limit, unmerged_limit);
    request.merges = settings_.merges;
    request.keeps_lookups = settings_.keeps_lookups;
    request.has_stack_page = settings_.has_stack_page;
    request.follows_branches = settings_.superblocks;
    request.strings_inline = settings_.inline_strings;
    request.code = {code, size};
    request.block = blocks_.next_number();
    request.host_base = cache_.next();
    request.page = page_of(rip);
    Block& block = make_block(key, request);
    note_user(block);
    for (const Mfn frame : frames)
        if (frame != invalid_mfn) watch(frame);
    return &block;
}

/// From now on stores to the frame must be seen.
void TranslatorCore::watch(Mfn frame) {
    Frame& entry = frames_.at(frame);
    if (entry.has_code) return;
    entry.has_code = true;
    entry.right_epoch += 2;
    contexts_.for_each_user_of(
        entry, [frame](AddressCaches& addresses) { addresses.drop_frame(frame, Access::write); });
}

/// Looks for blocks of other frames that serve for these, at `page` and behind it. False: nothing
/// has changed.
bool TranslatorCore::share(std::span<const Mfn> frames, Vaddr page) {
    if (!settings_.shares_code) return false;
    bool has_changed = false;
    for (const Mfn frame : frames) {
        if (frame != invalid_mfn && !shared_code_.is_shared(frame) && !shared_code_.is_alone(frame))
            has_changed |= share(frame, page);
        page = page + page_size;
    }
    return has_changed;
}

bool TranslatorCore::share(Mfn frame, Vaddr page) {
    const std::byte* const code = frames_.at(frame).host;
    for (const Mfn other : shared_code_.at(page)) {
        if (other == frame || shared_code_.is_shared(other) || !blocks_.has_code(other)) continue;
        if (std::memcmp(code, frames_.at(other).host, page_size) != 0) continue;
        // What it has of its own is not needed, and nobody shares that any more.
        code_written(frame, 0, page_size);
        shared_code_.share(frame, other);
        watch(frame);
        ++statistics_.shared;
        return true;
    }
    shared_code_.stay_alone(frame, page);
    return false;
}

/// The frame is about to differ: nothing leads from it to the original's blocks any more.
void TranslatorCore::leave_shared(Mfn frame) {
    const auto straddlers = blocks_.straddling_into(shared_code_.original_of(frame));
    shared_code_.leave(frame);
    Frame& entry = frames_.at(frame);
    entry.has_code = false;
    ++epoch_;
    contexts_.for_each_user_of(entry, [&](AddressCaches& addresses) {
        addresses.forget_code(frame);
        for (const auto& block : straddlers)
            addresses.forget_jump(block.rip, block.kernel_mode, block.checked_entry);
    });
}

/// Translated only where neither another block nor what is stored serves for the same code.
Block& TranslatorCore::make_block(const BlockKey& key, TranslationRequest& request) {
    if (Block* const block = take_over(key, request)) return *block;
    if (settings_.moves_blocks && is_movable_address(request.rip)) {
        const Block* const twin = blocks_.find_twin(key);
        if (twin != nullptr && serves(image_of(*twin), request)) {
            ++statistics_.moved;
            return copy_block(key, image_of(*twin), request);
        }
    }
    const bool is_kept = store_ != nullptr && TranslationStore::takes(request);
    if (is_kept) {
        if (const auto found = store_->find(request)) {
            ++statistics_.stored;
            return copy_block(key, found->image, request);
        }
    }
    EngineProfile::Block* const counted = count_block(request);
    const Translation made = translator_.translate(request);
    ++statistics_.translated;
    statistics_.instructions += made.sites.size();
    // Of the longest variant: what is made of it is a bound.
    if (counted != nullptr)
        counted->length = std::max(counted->length, static_cast<std::uint32_t>(made.sites.size()));
    const BlockImage image = image_of(made, request);
    if (is_kept && !has_windowless(image.sites, request)) store_->add(request, image);
    return blocks_.add(key, image, image.distance);
}

void TranslatorCore::note_user(const Block& block) {
    if (block.key.kernel_mode) return;
    blocks_.note_user(block, user_spaces_.number_of(addresses_->user_root()), is_living_);
}

/// A program's pages are at other addresses each time that it is started: the blocks of one that
/// has ended become its.
Block* TranslatorCore::take_over(const BlockKey& key, const TranslationRequest& request) {
    if (!settings_.moves_blocks || key.kernel_mode || key.second_frame != invalid_mfn)
        return nullptr;
    CodePage* const page = blocks_.abandoned_page(key, is_living_);
    if (page == nullptr) return nullptr;
    ++statistics_.taken_over;
    const Windows* const windows = request.windows;
    TranslationRequest of_block = request;
    blocks_.take_over(*page, key, windows != nullptr ? windows->distance() : 0,
                      [&of_block](const Block& block, Vaddr rip) {
                          of_block.rip = rip;
                          return serves(image_of(block), of_block);
                      });
    if (windows != nullptr)
        blocks_.for_each_in(*page, [&](Block& block) { keep_known_regions(block, *windows); });
    return blocks_.find(key);
}

/// What its checks have learnt is kept where these windows have the same regions.
void TranslatorCore::keep_known_regions(Block& block, const Windows& windows) {
    for (WindowSite& site : block.window_sites) {
        const std::span<const std::uint32_t> known{site.region, site.known};
        if (std::ranges::all_of(known, [&](std::uint32_t r) { return windows.has_region(r); }))
            continue;
        blocks_.forget_regions(block, site);
        blocks_.set_branch(block, site.jump, stubs_.addresses.open_window);
    }
}

Block& TranslatorCore::copy_block(const BlockKey& key, const BlockImage& image,
                                  const TranslationRequest& request) {
    const Windows* const windows = request.windows;
    Block& block = blocks_.add(key, image, windows != nullptr ? windows->distance() : 0);
    if (windows != nullptr) keep_known_regions(block, *windows);
    return block;
}

/// Has the block's entries counted, if the profile wants that.
EngineProfile::Block* TranslatorCore::count_block(TranslationRequest& request) {
    if (!settings_.counts_blocks) return nullptr;
    EngineProfile::Block& counted = block_counts_[{request.rip.raw, request.kernel_mode}];
    counted.rip = request.rip;
    counted.kernel_mode = request.kernel_mode;
    request.counter = &counted.entered;
    return &counted;
}

/// Guests that take turns must find their code, or each of their slices translates anew: a kernel
/// that boots goes through 80 MiB, and through a third of that again and again. The host's memory
/// is taken only where there is somebody to use it.
std::size_t TranslatorCore::code_limit() const {
    const std::size_t further_vcpus = std::max<std::size_t>(contexts_.size(), 1) - 1;
    return std::min(settings_.code_cache_bytes + further_vcpus * (settings_.code_cache_bytes / 4),
                    cache_.size());
}

void TranslatorCore::make_room() {
    if (cache_.used() + room_for_a_block < code_limit()) return;
    for (const Mfn frame : blocks_.frames()) frames_.at(frame).has_code = false;
    shared_code_.for_each_sharer([this](Mfn frame) { frames_.at(frame).has_code = false; });
    shared_code_.clear();
    blocks_.clear();
    ++statistics_.emptied;
    contexts_.for_each([](AddressCaches& addresses) { addresses.forget_jumps(); });
    cache_.truncate(stubs_size_);
    ++epoch_;
}

void TranslatorCore::code_written(Mfn frame, std::uint64_t offset, std::uint64_t length) {
    shared_code_.written(frame);
    for (const Mfn sharer : shared_code_.sharers_of(frame)) leave_shared(sharer);
    if (shared_code_.is_shared(frame)) leave_shared(frame);
    const auto dropped = blocks_.drop(frame, offset, length);
    Frame& entry = frames_.at(frame);
    entry.has_code = blocks_.has_code(frame);
    statistics_.dropped += dropped.size();
    if (dropped.empty()) return;
    // Links are taken back by the table.
    ++epoch_;
    contexts_.for_each_user_of(entry, [&dropped](AddressCaches& addresses) {
        for (const auto& block : dropped)
            addresses.forget_jump(block.rip, block.kernel_mode, block.checked_entry);
    });
}

void TranslatorCore::link(LinkNumber from, Block& to) {
    blocks_.link(from, to);
    if (page_of(blocks_.at(from.block()).key.rip) != page_of(to.key.rip))
        addresses_->remember_link(to.key.rip, from);
}

/// Before guest code runs again: what leads to pages that have changed does not any more.
void TranslatorCore::break_links() {
    auto& broken = addresses_->broken_links();
    for (const LinkNumber link : broken) blocks_.break_link(link);
    broken.clear();
}

void TranslatorCore::page_changed(DomainId domain, Vaddr page) {
    contexts_.for_each_of(domain,
                          [page](AddressCaches& addresses) { addresses.page_changed(page); });
}

void TranslatorCore::region_changed(DomainId domain, Vaddr first, std::uint64_t pages) {
    contexts_.for_each_of(domain, [first, pages](AddressCaches& addresses) {
        addresses.region_changed(first, pages);
    });
}

void TranslatorCore::root_lost(DomainId domain, Mfn root) {
    contexts_.root_lost(domain, root);
    user_spaces_.root_lost(root);
}

void TranslatorCore::all_pages_changed(DomainId domain) {
    contexts_.for_each_of(domain, [](AddressCaches& addresses) { addresses.drop_all(); });
}

void TranslatorCore::xen_page_changed(Vaddr page) {
    contexts_.for_each([page](AddressCaches& addresses) { addresses.page_changed(page); });
}

void TranslatorCore::frame_lost(Mfn frame) {
    Frame& entry = frames_.at(frame);
    entry.right_epoch += 2;
    contexts_.for_each_user_of(
        entry, [frame](AddressCaches& addresses) { addresses.drop_frame(frame, Access::execute); });
    if (entry.has_code) code_written(frame, 0, page_size);
}

void TranslatorCore::frame_written(Mfn frame, std::uint64_t offset, std::uint64_t length) {
    code_written(frame, offset, length);
}

void TranslatorCore::forget_domain(DomainId domain) { contexts_.forget(domain); }

void TranslatorCore::keep_translations_in(const std::filesystem::path& folder) {
    const std::string build = build_id();
    // What counts holds the addresses of its counters.
    if (!settings_.keeps_translations || settings_.counts_blocks || build.empty()) return;
    // All that a translation depends on beside the guest's code. Jumps to stubs are kept as
    // distances: the stubs must stand where they stood.
    const std::string basis = fmt::format(
        "{} {} {} {} {} {} {} {} {} {} {} {}", build, settings_.block_limit, settings_.merges,
        settings_.keeps_lookups, settings_.has_stack_page, settings_.superblocks,
        settings_.inline_strings, static_cast<int>(settings_.level), host_.bmi2, host_.fsgsbase,
        host_.avx, stubs_size_);
    constexpr std::size_t name_digits = 32;
    store_ = std::make_unique<TranslationStore>(folder, sha256_hex(basis).substr(0, name_digits),
                                                cache_.base(), settings_.store_chunk_bytes);
}

}  // namespace ring3
