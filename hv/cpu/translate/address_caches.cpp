// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/address_caches.hpp"

#include <algorithm>
#include <cstring>

namespace ring3 {
namespace {

void empty_entry(Tlb& tlb, std::size_t i) {
    tlb.read_tag[i] = tlb.write_tag[i] = Tlb::unused_tag(i);
}

void forget_stack(Tlb& tlb) { tlb.stack = {}; }

/// For pages that belong to no frame: rights to them are never taken away by frame.
constexpr std::uint64_t always = 0;

constexpr bool in_upper_half(std::uint64_t address) { return address >> 63 != 0; }

}  // namespace

AddressCaches::AddressCaches(Context& context, FrameTable& frames, DomainId domain,
                             std::uint64_t miss_stub, bool two_levels)
    : context_(context),
      frames_(frames),
      miss_stub_(miss_stub),
      two_levels_(two_levels),
      domain_(domain) {
    for (auto& jumps : context_.jumps) jumps.fill(miss_stub_);
    for (auto& tlb : context_.tlb) forget_stack(tlb);
    for (auto& table : context_.jump_tables) table.entry[0] = JumpTable::unused(0);
}

/// Whether the upper half of a root is that of the mode's root, or of the one that was lost.
bool AddressCaches::has_upper_half(const Mode& mode, Mfn root) const {
    const Frame* const before = frames_.find(mode.root);
    const Frame* const now = frames_.find(root);
    const std::byte* half = nullptr;
    if (mode.is_lost) {
        half = mode.lost_root.data();
    } else if (before != nullptr && before->host != nullptr) {
        half = before->host + page_size / 2;
    }
    if (half == nullptr || now == nullptr || now->host == nullptr) return false;
    // Compared with their A bits: an entry is used in place of another one only where the walk
    // through the other would have left the same trace.
    return std::memcmp(half, now->host + page_size / 2, page_size / 2) == 0;
}

void AddressCaches::use(const CpuState& state) {
    kernel_mode_ = state.kernel_mode;
    table_write_assist_ = state.table_write_assist;
    refresh();
    const Mfn roots[2] = {state.user_root, state.kernel_root};
    for (unsigned m = 0; m < 2; ++m) {
        if (modes_[m].root == roots[m] && !modes_[m].is_lost) continue;
        if (has_upper_half(modes_[m], roots[m])) {
            empty_lower_half(m);
            frames_.mark_walked(roots[m]);
        } else {
            empty(m);
        }
        if (m == 0) begin_user_space();
        modes_[m].root = roots[m];
        modes_[m].is_lost = false;
    }
    show_mode();
}

void AddressCaches::begin_user_space() {
    give_up_windows();
    gave_up_windows_ = is_near_ = false;
    user_insns_ = 0;
}

void AddressCaches::map_in_window(Vaddr page, const WalkResult& found) {
    constexpr std::uint64_t reach = 16;
    if (found.mfn == invalid_mfn) return;
    const PageRun run = run_around(frames_, mode().root, page, found, domain_, reach);
    for (std::uint64_t i = 0; i < run.pages; ++i) see(run.first.raw + i * page_size);
    windows_->map(page, run);
}

/// A program that goes on mapping and unmapping takes more time for its windows than they save.
bool AddressCaches::has_worn_windows() const {
    // Some 20 us of the host's time, and what a program may map before it runs on.
    constexpr std::uint64_t insns_of_a_page = 40'000, pages_at_first = 40'000;
    if (windows_ == nullptr) return false;
    const std::uint64_t worth = (user_insns_ - windows_since_) / 2 / insns_of_a_page;
    return windows_->is_full() || windows_->is_misplaced() ||
           windows_->mapped() > pages_at_first + worth;
}

void AddressCaches::make_windows(std::uint32_t number, Vaddr code, Vaddr stack) {
    windows_since_ = user_insns_;
    const auto place = is_near_ ? Windows::Place::near : Windows::place_for(code);
    windows_ = std::make_unique<Windows>(number, place, code, stack, context_, frames_.memory());
    forget_jumps(0);
}

void AddressCaches::give_up_windows() {
    if (windows_ == nullptr) return;
    // Once more, elsewhere.
    is_near_ = windows_->is_misplaced();
    gave_up_windows_ = !is_near_;
    windows_.reset();
    forget_jumps(0);
}

/// Tells the access stub where the mode's TLBs are.
void AddressCaches::show_mode() {
    const unsigned m = kernel_mode_ ? 1 : 0;
    context_.mode = m * sizeof(Tlb);
    context_.jump_mode = m * sizeof context_.jumps[0];
    context_.second_tlb = &context_.second[m];
    context_.jump_table = &context_.jump_tables[m];
    std::copy_n(modes_[m].second_epoch, 2, context_.second_epoch);
}

void AddressCaches::see(std::uint64_t page) { mode().seen[in_upper_half(page) ? 1 : 0].add(page); }

void AddressCaches::fill(Vaddr address, const WalkResult& found, bool store) {
    Tlb& t = tlb();
    const std::size_t i = Tlb::index(address.raw);
    const std::uint64_t page = page_of(address).raw;
    t.read_tag[i] = page;
    t.write_tag[i] = store ? page : Tlb::unused_tag(i);
    t.host[i] = reinterpret_cast<std::uint64_t>(found.host);
    t.distance[i] = t.host[i] - page;
    t.lower_half[i / 64] = 1;
    see(page);
    if (two_levels_) fill_second({page}, found, store);
}

void AddressCaches::fill_second(Vaddr page, const WalkResult& found, bool store) {
    const unsigned half = in_upper_half(page.raw) ? 1 : 0;
    const std::uint64_t* const epoch =
        found.mfn == invalid_mfn ? &always : &frames_.at(found.mfn).right_epoch;
    context_.second[kernel_mode_ ? 1 : 0].entry[SecondTlb::index(page.raw)] = {
        page.raw + mode().second_epoch[half], reinterpret_cast<std::uint64_t>(found.host), epoch,
        *epoch + (store ? 1 : 0)};
}

WalkResult AddressCaches::data(Vaddr address, Access access) {
    // Xen maps its machine-to-phys table into the guest kernel's address space alone.
    if (!kernel_mode_ && is_in_xen_hole(address)) {
        WalkResult refused;
        refused.error_code = access == Access::write ? fault_bits::write : 0;
        return refused;
    }
    refresh();
    const WalkResult found =
        walk(frames_, mode().root, address, access, domain_, table_write_assist_ && kernel_mode_);
    if (found.kind != WalkResult::Kind::mapped) return found;
    const bool has_code = found.mfn != invalid_mfn && frames_.at(found.mfn).has_code;
    if (found.mfn != invalid_mfn) frames_.expect_use(found.mfn);
    fill(address, found, found.writable && !has_code);
    return found;
}

AddressCaches::FetchPage* AddressCaches::fetch(Vaddr page, WalkResult& fault) {
    refresh();
    auto& pages = mode().pages;
    const auto known = pages.find(page.raw);
    if (known != pages.end()) return &known->second;
    const WalkResult found =
        walk(frames_, mode().root, page, Access::execute, domain_, table_write_assist_);
    if (found.kind != WalkResult::Kind::mapped || found.mfn == invalid_mfn) {
        fault = found;
        return nullptr;
    }
    if (pages.size() == max_fetch_pages) {
        for (auto& [address, entry] : pages) forget_page(kernel_mode_ ? 1 : 0, address, entry);
        pages.clear();
    }
    see(page.raw);
    FetchPage entry;
    entry.frame = found.mfn;
    entry.host = reinterpret_cast<const std::uint8_t*>(found.host);
    return &pages.emplace(page.raw, std::move(entry)).first->second;
}

void AddressCaches::remember_jump(Vaddr rip, std::uint64_t entry) {
    const auto page = mode().pages.find(page_of(rip).raw);
    // Forgotten again when an instruction that straddles needed room for its second page.
    if (page == mode().pages.end()) return;
    const unsigned m = kernel_mode_ ? 1 : 0;
    auto& jumps = page->second.jumps;
    if (jumps.size() >= 2 * page_size) forget_page(m, page->first, page->second);
    context_.jumps[m][rip.raw & (Context::jump_entries - 1)] = entry;
    if (two_levels_) context_.jump_tables[m].entry[JumpTable::index(rip.raw)] = {rip.raw, entry};
    jumps.push_back(static_cast<std::uint16_t>(page_offset(rip)));
}

void AddressCaches::remember_link(Vaddr rip, LinkNumber link) {
    const auto page = mode().pages.find(page_of(rip).raw);
    if (page == mode().pages.end()) {
        broken_links_.push_back(link);
        return;
    }
    auto& links = page->second.links;
    if (links.size() >= 2 * page_size) forget_page(kernel_mode_ ? 1 : 0, page->first, page->second);
    links.push_back(link);
}

void AddressCaches::forget_rip(unsigned m, std::uint64_t rip) {
    context_.jumps[m][rip & (Context::jump_entries - 1)] = miss_stub_;
    JumpTable::Entry& second = context_.jump_tables[m].entry[JumpTable::index(rip)];
    if (second.rip == rip) second = JumpTable::unused(JumpTable::index(rip));
}

void AddressCaches::forget_page(unsigned m, std::uint64_t page, FetchPage& entry) {
    for (const std::uint16_t offset : entry.jumps) forget_rip(m, page + offset);
    entry.jumps.clear();
    broken_links_.insert(broken_links_.end(), entry.links.begin(), entry.links.end());
    entry.links.clear();
}

void AddressCaches::page_changed(Vaddr page) {
    if (windows_ != nullptr) windows_->page_changed(page);
    if (is_stale_ || (is_lower_half_stale_ && !in_upper_half(page.raw))) return;
    const std::size_t i = Tlb::index(page.raw);
    for (unsigned m = 0; m < 2; ++m) {
        const PageFilter& seen = modes_[m].seen[in_upper_half(page.raw) ? 1 : 0];
        if (!seen.may_have(page.raw) && !seen.may_have(page.raw - page_size)) continue;
        Tlb& t = context_.tlb[m];
        if (t.read_tag[i] == page.raw) empty_entry(t, i);
        if (t.stack.tag == page.raw) forget_stack(t);
        SecondTlb::Entry& second = context_.second[m].entry[SecondTlb::index(page.raw)];
        if (page_of(Vaddr{second.tag}) == page) second.tag = 0;
        // An instruction at the end of the page before may straddle into this one.
        for (const std::uint64_t p : {page.raw, page.raw - page_size}) {
            const auto known = modes_[m].pages.find(p);
            if (known == modes_[m].pages.end()) continue;
            forget_page(m, p, known->second);
            if (p == page.raw) modes_[m].pages.erase(known);
        }
    }
}

void AddressCaches::empty(unsigned m) {
    if (m == 0 && windows_ != nullptr) windows_->empty();
    Tlb& t = context_.tlb[m];
    for (std::size_t i = 0; i < Tlb::entries; ++i) empty_entry(t, i);
    t.lower_half.fill(0);
    forget_stack(t);
    for (auto& seen : modes_[m].seen) seen.clear();
    for (const unsigned half : {0u, 1u}) empty_second(m, half);
    forget_jumps(m);
    modes_[m].pages.clear();
}

void AddressCaches::empty_second(unsigned m, unsigned half) {
    if (++modes_[m].second_epoch[half] < SecondTlb::epochs) return;
    // The tags of long ago would be right again.
    context_.second[m].entry.fill({});
    std::fill_n(modes_[m].second_epoch, 2, 1);
}

void AddressCaches::empty_lower_half(unsigned m) {
    Tlb& t = context_.tlb[m];
    if (!in_upper_half(t.stack.tag)) forget_stack(t);
    for (std::size_t group = 0; group < t.lower_half.size(); ++group) {
        if (t.lower_half[group] == 0) continue;
        t.lower_half[group] = 0;
        for (std::size_t i = group * 64; i < (group + 1) * 64; ++i) {
            if (!in_upper_half(t.read_tag[i])) empty_entry(t, i);
        }
    }
    empty_second(m, 0);
    modes_[m].seen[0].clear();
    for (auto entry = modes_[m].pages.begin(); entry != modes_[m].pages.end();) {
        if (in_upper_half(entry->first)) {
            ++entry;
            continue;
        }
        forget_page(m, entry->first, entry->second);
        entry = modes_[m].pages.erase(entry);
    }
}

void AddressCaches::empty_stale() {
    for (unsigned m = 0; m < 2; ++m) {
        if (is_stale_)
            empty(m);
        else
            empty_lower_half(m);
    }
    is_stale_ = is_lower_half_stale_ = false;
    show_mode();
}

void AddressCaches::region_changed(Vaddr first, std::uint64_t pages) {
    if (windows_ != nullptr) windows_->region_changed(first, pages);
    // Told one by one a region of this size costs as much as what it would save.
    constexpr std::uint64_t few_pages = 32;
    if (pages <= few_pages) {
        for (std::uint64_t i = 0; i < pages; ++i) page_changed(first + i * page_size);
    } else if (in_upper_half(first.raw)) {
        is_stale_ = true;
    } else {
        is_lower_half_stale_ = true;
    }
}

void AddressCaches::root_lost(Mfn root) {
    for (Mode& mode : modes_) {
        if (mode.root != root) continue;
        const Frame* const frame = frames_.find(root);
        mode.root = invalid_mfn;
        is_lower_half_stale_ = true;
        // Others may want the place.
        if (&mode == &modes_[0]) begin_user_space();
        if (frame == nullptr || frame->host == nullptr) {
            is_stale_ = true;
            continue;
        }
        // Its entries are what was told of, for the last time.
        std::copy_n(frame->host + page_size / 2, page_size / 2, mode.lost_root.begin());
        mode.is_lost = true;
    }
}

void AddressCaches::drop_frame(Mfn frame, Access right) {
    if (is_stale_) return;
    if (windows_ != nullptr) windows_->drop_frame(frames_.at(frame).host, right);
    const auto host = reinterpret_cast<std::uint64_t>(frames_.at(frame).host);
    for (unsigned m = 0; m < 2; ++m) {
        Tlb& t = context_.tlb[m];
        if (t.stack.host == host) forget_stack(t);
        for (std::size_t i = 0; i < Tlb::entries; ++i) {
            if (t.host[i] != host) continue;
            t.write_tag[i] = Tlb::unused_tag(i);
            if (right != Access::write) t.read_tag[i] = Tlb::unused_tag(i);
        }
        if (right == Access::write) continue;
        for (auto entry = modes_[m].pages.begin(); entry != modes_[m].pages.end();) {
            if (entry->second.frame != frame) {
                ++entry;
                continue;
            }
            forget_page(m, entry->first, entry->second);
            entry = modes_[m].pages.erase(entry);
        }
    }
}

void AddressCaches::forget_code(Mfn frame) {
    for (unsigned m = 0; m < 2; ++m)
        for (auto& [page, entry] : modes_[m].pages)
            if (entry.frame == frame) forget_page(m, page, entry);
}

void AddressCaches::forget_jumps() {
    for (Mode& mode : modes_)
        for (auto& [page, entry] : mode.pages) entry.links.clear();
    broken_links_.clear();
    if (is_stale_) return;
    for (unsigned m = 0; m < 2; ++m) forget_jumps(m);
}

void AddressCaches::forget_jumps(unsigned m) {
    for (auto& [page, entry] : modes_[m].pages) forget_page(m, page, entry);
}

void AddressCaches::forget_jump(Vaddr rip, bool kernel_mode, std::uint64_t entry) {
    const unsigned m = kernel_mode ? 1 : 0;
    auto& known = context_.jumps[m][rip.raw & (Context::jump_entries - 1)];
    if (known == entry) known = miss_stub_;
    JumpTable::Entry& second = context_.jump_tables[m].entry[JumpTable::index(rip.raw)];
    if (second.entry == entry) second = JumpTable::unused(JumpTable::index(rip.raw));
}

}  // namespace ring3
