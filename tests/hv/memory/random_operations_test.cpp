// SPDX-License-Identifier: MIT
// Random, mostly hostile operations on a small machine with two domains. After each one: the counts
// are what a recount finds, a refused operation changed no count, no translation leads out of its
// domain or writes to a table, and a TLB that forgets only what it was told to holds nothing that a
// fresh walk would not find. RING3_TEST_SEED repeats a run, RING3_TEST_OPERATIONS sets its length.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>

#include "hv/memory/accounting_check.hpp"
#include "tests/hv/memory/world.hpp"

namespace ring3::test {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

struct Guest {
    DomainId id;
    Mfn root{};
    std::vector<Mfn> descriptors{}, writable{}, plain{};
};

class RandomOperations : public testing::Test {
protected:
    static constexpr std::uint64_t total = 72;
    static constexpr std::array<unsigned, 8> indexes{0, 1, 2, 255, 256, 271, 272, 511};

    RandomOperations() : frames_(Frames{total}), tables_(frames_), guests_{Guest{{1}}, Guest{{2}}} {
        frames_.set_derived_state(&tlb_);
        roles_.resize(total);
        for (auto& role : roles_) role = below(8);
        for (Guest& guest : guests_) refill(guest);
    }

    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    bool one_in(unsigned n) { return below(n) == 0; }
    unsigned any_index() { return one_in(2) ? 1 : indexes[below(indexes.size())]; }

    void refill(Guest& guest) {
        for (unsigned i = 0; i < total / 2 - 2; ++i) frames_.allocate(guest.id);
    }

    /// 1 to 4: will rather be a table of this level; else data.
    int role(Mfn mfn) {
        const unsigned r = roles_[mfn - FrameTable::first_mfn];
        return r >= 1 && r <= 4 ? static_cast<int>(r) : 0;
    }

    Mfn any_mfn() {
        switch (below(40)) {
            case 0:
                return {0};
            case 1:
                return {below(total)};
            case 2:
                return frames_.end_mfn();
            case 3:
                return {frame >> page_shift};
            case 4:
                return invalid_mfn;
            default:
                return FrameTable::first_mfn + below(total);
        }
    }
    Mfn own_mfn(const Guest& guest, int wanted_role) {
        Mfn mfn{};
        for (int attempt = 0; attempt < 60; ++attempt) {
            mfn = FrameTable::first_mfn + below(total);
            const Frame& f = frames_.at(mfn);
            if (f.allocated && f.owner == guest.id && role(mfn) == wanted_role) break;
        }
        return mfn;
    }
    Mfn likely_mfn(const Guest& guest, int wanted_role) {
        return one_in(honesty_) ? any_mfn() : own_mfn(guest, wanted_role);
    }

    std::uint64_t any_entry(const Guest& guest, int level) {
        if (one_in(8)) return random_() & ~present;
        std::uint64_t flags = present | accessed;
        if (!one_in(3)) flags |= writable;
        if (one_in(2)) flags |= user;
        if (one_in(2)) flags |= dirty;
        if (one_in(6)) flags ^= accessed;
        if (one_in(8)) flags |= no_execute;
        if (one_in(2 * honesty_)) flags |= random_() & ~frame;
        int target = level > 1 ? level - 1 : 0;
        if (level == 1 && one_in(4)) {  // read-only mappings of tables
            target = 1 + static_cast<int>(below(4));
            if (!one_in(honesty_)) flags &= ~writable;
        }
        return entry_for({likely_mfn(guest, target).raw & (frame >> page_shift)}, flags);
    }

    /// One time in so many a frame or a flag is not what it should be.
    unsigned honesty_ = 10;

    /// Any address, or one that goes some way down the tree under `root`.
    Vaddr any_va(Mfn root) {
        std::array<unsigned, 4> way{};
        for (int level = 4; level >= 1; --level) {
            const Frame* const table = frames_.find(root);
            unsigned& index = way[static_cast<unsigned>(level - 1)];
            index = any_index();
            if (table == nullptr || table->host == nullptr) continue;
            for (int attempt = 0; attempt < 8; ++attempt) {
                if (is_present(load_entry(frames_, root, index))) break;
                index = any_index();
            }
            root = entry_mfn(load_entry(frames_, root, index));
        }
        return va_of(way[3], way[2], way[1], way[0]);
    }

    /// A table address and a value that suits it.
    std::pair<Maddr, std::uint64_t> any_update(const Guest& guest) {
        const int level = static_cast<int>(below(5));
        const Mfn table = likely_mfn(guest, level);
        const unsigned index = any_index();
        const std::uint64_t misaligned = one_in(50) ? below(8) : 0;
        const Maddr address = maddr_of({table.raw & (frame >> page_shift)}, index * 8 + misaligned);
        const Frame* const there = frames_.find(table);
        if (there != nullptr && there->allocated && one_in(3)) {  // one bit of what is there
            constexpr std::array bits{present, writable, accessed, dirty, no_execute, user};
            return {address, load_entry(frames_, table, index) ^ bits[below(bits.size())]};
        }
        return {address, any_entry(guest, level == 0 ? 1 : level)};
    }

    /// A frame that is an L4 table, if there is one.
    Mfn some_l4(const Guest& guest) {
        const Mfn start = FrameTable::first_mfn + below(total);
        for (Mfn mfn = start; mfn < frames_.end_mfn(); ++mfn) {
            const Frame& f = frames_.at(mfn);
            if (f.type == PageType::l4 && f.owner == guest.id) return mfn;
        }
        return guest.root;
    }

    // Each operation answers what the hypervisor answered; 0 also where there is nothing to answer.
    int fill_frame(Guest& guest) {
        honesty_ = 60;  // tables that validate at all
        const int level = static_cast<int>(below(5));
        const Mfn mfn = own_mfn(guest, level);
        const Frame& f = frames_.at(mfn);
        if (f.owner != guest.id || !f.allocated) return 0;
        if (f.type != PageType::none && f.type != PageType::writable) return 0;
        if (level == 0 || one_in(3)) {
            if (f.type == PageType::none) tables_.clear_page(guest.id, mfn);
        }
        for (int n = level == 0 ? 0 : 3; n > 0; --n) {
            write_entry(frames_, mfn, any_index(), any_entry(guest, level));
        }
        return 0;
    }

    /// Walks, and keeps what was found. Answers the L1 table that a store would go to.
    std::optional<Mfn> walk_somewhere(Guest& guest) {
        const Mfn root = one_in(8) ? likely_mfn(guest, 4) : some_l4(guest);
        const Vaddr va = any_va(root);
        const auto access = static_cast<Access>(below(3));
        const WalkResult found = walk(frames_, root, va, access, guest.id, one_in(2));
        if (found.kind == WalkResult::Kind::table_write) {
            EXPECT_EQ(frames_.at(found.mfn).type, PageType::l1);
            EXPECT_EQ(frames_.at(found.mfn).owner, guest.id);
            return found.mfn;
        }
        if (found.kind == WalkResult::Kind::mapped) {
            tlb_.entries[{guest.id, root, page_of(va), access == Access::execute}] = {
                found.mfn, found.host, found.writable};
            ++translations_;
        }
        return std::nullopt;
    }

    int run_for_a_while(Guest& guest) {
        for (int n = 0; n < 4; ++n) {
            const std::optional<Mfn> table = walk_somewhere(guest);
            if (!table) continue;
            const unsigned size = 1u << below(4);
            const std::uint64_t offset = any_index() * 8 + below(9 - size);
            return tables_.store(guest.id, maddr_of(*table, offset), any_entry(guest, 1), size);
        }
        return 0;
    }

    int hold_and_drop(Guest& guest) {
        const Mfn mfn = any_mfn();
        int result = 0;
        const auto take = [&](std::vector<Mfn>& held, auto get, auto put) {
            if (!held.empty() && one_in(2)) {
                const Mfn old = held.back();
                held.pop_back();
                put(old);
            } else if (result = get(); result == 0) {
                held.push_back(mfn);
            }
        };
        switch (below(3)) {
            case 0:
                take(
                    guest.plain, [&] { return tables_.get_page(guest.id, mfn); },
                    [&](Mfn old) { tables_.put_page(old); });
                break;
            case 1:
                take(
                    guest.writable, [&] { return tables_.get_writable_page(guest.id, mfn); },
                    [&](Mfn old) { tables_.put_writable_page(old); });
                break;
            default:
                take(
                    guest.descriptors, [&] { return tables_.get_descriptors(guest.id, mfn); },
                    [&](Mfn old) { tables_.put_descriptors(old); });
        }
        return result;
    }

    int end_of_domain(Guest& guest) {
        frames_.release_all(guest.id);
        guest = Guest{guest.id};
        refill(guest);
        return 0;
    }

    int any_operation(Guest& guest) {
        honesty_ = 10;
        const auto how = one_in(4) ? EntryUpdate::preserve_accessed_dirty : EntryUpdate::normal;
        const int level = 1 + static_cast<int>(below(4));
        switch (below(32)) {
            case 0:
            case 1:
            case 2:
                return fill_frame(guest);
            case 3:
            case 4:
                return tables_.pin(guest.id, likely_mfn(guest, level), level);
            case 5:
                return tables_.unpin(guest.id, likely_mfn(guest, level));
            case 6:
            case 7:
                return tables_.replace_root(guest.id, guest.root, likely_mfn(guest, 4));
            case 8:
                return tables_.update_va(guest.id, guest.root, any_va(guest.root),
                                         any_entry(guest, 1));
            case 9: {
                const auto [address, value] = any_update(guest);
                return tables_.store(guest.id, address, value, 1 + below(9));
            }
            case 10:
                return hold_and_drop(guest);
            case 11:
                return tables_.clear_page(guest.id, any_mfn());
            case 12:
                return tables_.copy_page(guest.id, any_mfn(), any_mfn());
            case 13:
                return tables_.set_machphys(guest.id, maddr_of({any_mfn().raw & 0xfffffff}),
                                            {random_()});
            case 14: {
                const Mfn mfn = own_mfn(guest, 0);
                return tables_.update_descriptor(guest.id, maddr_of(mfn, any_index() * 8),
                                                 one_in(2) ? 0x00af9b000000ffff : random_());
            }
            case 15: {
                if (!one_in(8)) return 0;
                const int result = tables_.give_up(guest.id, any_mfn());
                if (result == 0) frames_.allocate(guest.id);
                return result;
            }
            case 16:
                roles_[below(total)] = below(8);
                return 0;
            case 17:
                return one_in(200) ? end_of_domain(guest) : 0;
            default:
                if (one_in(2)) return run_for_a_while(guest);
                const auto [address, value] = any_update(guest);
                return tables_.update(guest.id, address, value, how);
        }
    }

    struct Counts {
        PageType type;
        bool pinned, allocated;
        std::uint32_t types, references;
        friend bool operator==(const Counts&, const Counts&) = default;
    };
    std::vector<Counts> counts() {
        std::vector<Counts> all;
        for (std::uint64_t i = 0; i < total; ++i) {
            const Frame& f = frames_.at(FrameTable::first_mfn + i);
            all.push_back({f.type, f.pinned, f.allocated, f.type_count, f.ref_count});
        }
        return all;
    }

    std::optional<std::string> check_counts() {
        OutsideReferences outside;
        const auto add = [](std::vector<Mfn>& to, const std::vector<Mfn>& from) {
            to.insert(to.end(), from.begin(), from.end());
        };
        for (const Guest& guest : guests_) {
            if (guest.root != Mfn{}) outside.roots.push_back(guest.root);
            add(outside.descriptors, guest.descriptors);
            add(outside.writable, guest.writable);
            add(outside.plain, guest.plain);
        }
        return check_page_accounting(frames_, outside);
    }

    /// What is stale in the TLB, by a reading of the tables that shares nothing with walk().
    std::optional<std::string> check_translation(const EndlessTlb::Key& key,
                                                 const EndlessTlb::Entry& entry) {
        if (is_in_xen_hole(key.page)) {
            if (entry.host != frames_.m2p_page((key.page - m2p_start) / page_size)) return "moved";
            return entry.writable ? std::optional<std::string>("writable M2P") : std::nullopt;
        }
        Mfn at = key.root;
        bool may_write = true;
        for (int level = 4; level >= 1; --level) {
            const Frame* const table = frames_.find(at);
            if (table == nullptr || table->type != table_type(level)) return "a lost table";
            if (table->owner != key.domain) return "a foreign table";
            const std::uint64_t e = load_entry(frames_, at, entry_index(key.page, level));
            if ((e & present) == 0) return "an entry that went away";
            if ((e & accessed) == 0) return "an entry that is not accessed";
            if ((e & no_execute) != 0 && key.is_fetch) return "a right to execute that is gone";
            may_write = may_write && (e & writable) != 0 && (level > 1 || (e & dirty) != 0);
            at = entry_mfn(e);
        }
        const Frame& page = frames_.at(at);
        if (at != entry.mfn || page.host != entry.host) return "another frame";
        if (!page.allocated || page.owner != key.domain) return "a foreign frame";
        if (entry.writable && !may_write) return "a right to write that is gone";
        if (entry.writable && page.type != PageType::writable) return "a writable table";
        return std::nullopt;
    }

    FrameTable frames_;
    PageTables tables_;
    EndlessTlb tlb_;
    std::array<Guest, 2> guests_;
    std::vector<unsigned> roles_;
    std::uint64_t translations_ = 0;
    std::mt19937_64 random_{from_environment("RING3_TEST_SEED", 20240229)};
};

TEST_F(RandomOperations, keep_the_accounting_exact_and_the_tlb_invisible) {
    const std::uint64_t seed = from_environment("RING3_TEST_SEED", 20240229);
    const std::uint64_t operations = from_environment("RING3_TEST_OPERATIONS", 120'000);
    std::uint64_t done = 0;
    for (std::uint64_t i = 0; i < operations; ++i) {
        SCOPED_TRACE(testing::Message() << "seed " << seed << ", operation " << i);
        const auto before = counts();
        const int result = any_operation(guests_[below(2)]);
        ASSERT_LE(result, 0);
        if (result != 0) {
            ASSERT_EQ(before, counts()) << "refused with " << result << ", not undone";
        }
        if (result == 0) ++done;
        for (const auto& [key, entry] : tlb_.entries) {
            const auto stale = check_translation(key, entry);
            ASSERT_FALSE(stale) << *stale << ": va " << std::hex << key.page.raw;
        }
        if (result == 0 || i % 16 == 0) {
            const auto wrong = check_counts();
            ASSERT_FALSE(wrong) << *wrong;
        }
        if (HasFatalFailure()) return;
    }
    RecordProperty("seed", std::to_string(seed));
    // A generator that gets nowhere tests nothing.
    EXPECT_GT(translations_, operations / 50);
    EXPECT_GT(done, operations / 4);
    if (std::getenv("RING3_TEST_SEED") != nullptr) {
        std::printf("%lu done, %lu translations\n", done, translations_);
    }
}

}  // namespace
}  // namespace ring3::test
