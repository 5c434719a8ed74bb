// SPDX-License-Identifier: MIT
// What one vCPU derived from its page tables: TLB entries, pages it fetches code from, and the jump
// cache. Guests cannot see any of it: every change of the tables drops what it made stale.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/cpu/state.hpp"
#include "hv/cpu/translate/context.hpp"
#include "hv/cpu/translate/windows.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {

class AddressCaches {
public:
    /// Pages that code is fetched from and that are remembered; more than any kernel has. A guest
    /// can map one frame at 2^35 pages and jump through all of them.
    static constexpr std::size_t max_fetch_pages = 16384;

    struct FetchPage {
        Mfn frame{};
        const std::uint8_t* host = nullptr;
        /// Offsets in this page that the jump cache leads to.
        std::vector<std::uint16_t> jumps;
        /// Of other pages' blocks, leading to this one's.
        std::vector<LinkNumber> links;
    };

    /// `two_levels`: the TLB and the jump cache have a second one.
    AddressCaches(Context& context, FrameTable& frames, DomainId domain, std::uint64_t miss_stub,
                  bool two_levels);

    /// Before the guest runs: what belongs to roots that are no longer in use is dropped. The state
    /// must be that of the vCPU that this was made for.
    void use(const CpuState& state);

    /// Whether use() would find what it left.
    bool serves(const CpuState& state) const {
        return !modes_[0].is_lost && !modes_[1].is_lost && modes_[0].root == state.user_root &&
               modes_[1].root == state.kernel_root;
    }
    /// It serves no address space that is still there.
    bool is_left() const { return is_stale_ || modes_[0].is_lost || modes_[1].is_lost; }

    /// Where a data access goes that the TLB knows; null: data() must find out.
    std::byte* known(Vaddr address, Access access) {
        if (is_stale_ || is_lower_half_stale_) return nullptr;
        const Tlb& t = tlb();
        const std::size_t i = Tlb::index(address.raw);
        const std::uint64_t tag = access == Access::write ? t.write_tag[i] : t.read_tag[i];
        if (tag != page_of(address).raw) return nullptr;
        return reinterpret_cast<std::byte*>(t.host[i]) + page_offset(address);
    }
    /// Walks for a data access; a good answer stays in the TLB. Stores to frames with translated
    /// code never do: they must be seen.
    WalkResult data(Vaddr address, Access access);
    /// The page that code is fetched from; null: `fault` holds the walk's answer.
    FetchPage* fetch(Vaddr page, WalkResult& fault);
    /// From now on an indirect branch to `rip` enters at `entry`.
    void remember_jump(Vaddr rip, std::uint64_t entry);
    /// A link of another page's block leads to `rip`, for as long as that page does not change.
    void remember_link(Vaddr rip, LinkNumber link);
    /// Links that must be broken before guest code runs again.
    std::vector<LinkNumber>& broken_links() { return broken_links_; }

    Mfn user_root() const { return modes_[0].root; }
    /// Of the user address space; null: it has none.
    Windows* windows() const { return windows_.get(); }
    /// Maps a page that data() found there, and what is around it.
    void map_in_window(Vaddr page, const WalkResult& found);
    /// Gives it some. Blocks that do without are not entered any more.
    /// `number` is like no other's; `code` and `stack` are where the program's are.
    void make_windows(std::uint32_t number, Vaddr code, Vaddr stack);
    /// Takes them back, until it is another address space.
    void give_up_windows();
    bool gave_up_windows() const { return gave_up_windows_; }
    /// Whether they cost more than they can be worth.
    bool has_worn_windows() const;
    /// User instructions retired in this address space.
    std::uint64_t user_insns() const { return user_insns_; }
    void count_user_insns(std::uint64_t more) { user_insns_ += more; }

    void page_changed(Vaddr page);
    void region_changed(Vaddr first, std::uint64_t pages);
    /// What was derived in the upper half is kept for a root that has the same there.
    void root_lost(Mfn root);
    /// Before guest code runs again: what was dropped in name is dropped.
    void refresh() {
        if (is_stale_ || is_lower_half_stale_) [[unlikely]]
            empty_stale();
        if (windows_ != nullptr && !kernel_mode_) windows_->settle();
    }
    /// Everything; done at once only in name, before the next use of any of it: a vCPU that does
    /// not run may be told many times.
    void drop_all() { is_stale_ = true; }
    /// Translations to this frame: all of them, or only the right to store.
    void drop_frame(Mfn frame, Access right);
    /// Blocks in this frame cannot be entered any more.
    void forget_code(Mfn frame);
    /// All blocks are gone.
    void forget_jumps();
    /// The block that could be entered here is gone.
    void forget_jump(Vaddr rip, bool kernel_mode, std::uint64_t entry);

private:
    /// Pages by the low bits of their numbers: what is not in it was never translated.
    class PageFilter {
    public:
        void add(std::uint64_t page) { word(page) |= bit(page); }
        bool may_have(std::uint64_t page) const {
            return (words_[place(page) / 64] & bit(page)) != 0;
        }
        void clear() { words_.fill(0); }

    private:
        static constexpr std::size_t bits = 32768;
        static std::size_t place(std::uint64_t page) { return (page >> page_shift) % bits; }
        static std::uint64_t bit(std::uint64_t page) {
            return std::uint64_t{1} << place(page) % 64;
        }
        std::uint64_t& word(std::uint64_t page) { return words_[place(page) / 64]; }

        std::array<std::uint64_t, bits / 64> words_{};
    };

    struct Mode {
        /// Of data and of code, in the lower and the upper half.
        PageFilter seen[2];
        /// Of the lower and the upper half: goes on when the half is emptied (SecondTlb::tag).
        std::uint64_t second_epoch[2] = {1, 1};
        /// At most max_fetch_pages.
        std::unordered_map<std::uint64_t, FetchPage> pages;
        Mfn root = invalid_mfn;
        /// The upper half of a root that was lost.
        std::array<std::byte, page_size / 2> lost_root{};
        bool is_lost = false;
    };

    Mode& mode() { return modes_[kernel_mode_ ? 1 : 0]; }
    Tlb& tlb() { return context_.tlb[kernel_mode_ ? 1 : 0]; }
    void empty_stale();
    void begin_user_space();
    void see(std::uint64_t page);
    void fill(Vaddr address, const WalkResult& found, bool store);
    void fill_second(Vaddr page, const WalkResult& found, bool store);
    void empty_second(unsigned m, unsigned half);
    void show_mode();
    void empty(unsigned m);
    void empty_lower_half(unsigned m);
    void forget_jumps(unsigned m);
    void forget_rip(unsigned m, std::uint64_t rip);
    void forget_page(unsigned m, std::uint64_t page, FetchPage& entry);
    bool has_upper_half(const Mode& mode, Mfn root) const;

    Context& context_;
    FrameTable& frames_;
    const std::uint64_t miss_stub_;
    const bool two_levels_;
    Mode modes_[2];
    bool kernel_mode_ = true;
    bool table_write_assist_ = false;
    std::unique_ptr<Windows> windows_;
    bool gave_up_windows_ = false;
    bool is_near_ = false;  ///< its windows must be near (Windows::Place)
    std::uint64_t user_insns_ = 0, windows_since_ = 0;
    std::vector<LinkNumber> broken_links_;
    bool is_stale_ = true;
    bool is_lower_half_stale_ = false;
    const DomainId domain_;
};

}  // namespace ring3
