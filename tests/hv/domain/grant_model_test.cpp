// SPDX-License-Identifier: MIT
// Random operations of three domains and of native back ends on grants, against a model; after each
// one all counts of all frames, all flags and all rights are compared. RING3_SEED repeats a run,
// RING3_ROUNDS sets its length.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>

#include <fmt/format.h>

#include "hv/domain/granted_page.hpp"
#include "hv/memory/walk.hpp"
#include "tests/hv/domain/grant_model.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3::test {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

class GrantModelTest : public testing::Test {
protected:
    static constexpr grant_ref_t first_ref = 8, refs = 4;
    static constexpr std::uint64_t slots_va = SmallDomain::data_va + 0x20'0000;
    static constexpr std::uint64_t slot_table = 44, first_frame = 8, frames_used = 3;
    static constexpr std::uint64_t nr = __HYPERVISOR_grant_table_op;

    GrantModelTest() {
        for (int i = 0; i < 3; ++i) add_domain();
    }

    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    bool one_in(unsigned n) { return below(n) == 0; }

    void add_domain() {
        const std::uint16_t id = ++last_id_;
        auto domain = std::make_unique<SmallDomain>(machine_, DomainId{id});
        ASSERT_TRUE(domain->domain.grants().grow(1));
        model_.domains[id];
        // What any_frame() names.
        for (std::uint64_t i = 0; i < frames_used; ++i) {
            model_.owner[domain->p2m[first_frame + i]] = id;
        }
        model_.owner[Mfn{domain->table_mfn(1)}] = id;
        model_.is_table[Mfn{domain->table_mfn(1)}] = true;
        for (grant_ref_t ref = 0; ref < SmallDomain::pages; ++ref) {
            const grant_entry_v1 entry = *domain->domain.grants().entry(ref);
            model_.domains[id].table[ref] = {entry.flags, entry.domid, Mfn{entry.frame}};
        }
        domains_[id] = std::move(domain);
        ASSERT_EQ(attach(id, true), 0);
        model_.domains[id].attached = true;
    }
    std::uint16_t any_domain() {
        auto it = domains_.begin();
        std::advance(it, static_cast<std::ptrdiff_t>(below(domains_.size())));
        return it->first;
    }
    SmallDomain& at(std::uint16_t id) { return *domains_.at(id); }
    Mfn any_frame(std::uint16_t id) {
        if (one_in(12)) return Mfn{at(id).table_mfn(1)};
        return at(one_in(12) ? any_domain() : id).p2m[first_frame + below(frames_used)];
    }
    static std::uint64_t slot_va(std::uint64_t slot) { return slots_va + slot * page_size; }
    std::uint64_t slot_entry(std::uint16_t id, std::uint64_t slot) {
        return at(id).p2m[slot_table].raw << page_shift | slot * 8;
    }

    std::int64_t mmu_update(std::uint16_t id, std::uint64_t address, std::uint64_t value) {
        at(id).put(SmallDomain::data_va, mmu_update_t{address, value});
        return at(id).hypercall(__HYPERVISOR_mmu_update, {SmallDomain::data_va, 1, 0, DOMID_SELF});
    }
    /// Puts the table of the slots in, or takes it out.
    std::int64_t attach(std::uint16_t id, bool in) {
        const std::uint64_t index = slots_va >> 21 & 511;
        const std::uint64_t table = at(id).p2m[slot_table].raw << page_shift;
        return mmu_update(id, at(id).table_mfn(2) << page_shift | index * 8, in ? table | 0x27 : 0);
    }

    // Operations --------------------------------------------------------------------------------

    void write_entry() {
        const std::uint16_t id = any_domain();
        const auto ref = static_cast<grant_ref_t>(first_ref + below(refs));
        unsigned flags = one_in(6) ? static_cast<unsigned>(below(4)) : GTF_permit_access;
        if (one_in(4)) flags |= GTF_readonly;
        if (one_in(20)) flags |= GTF_sub_page;
        if (one_in(10)) flags |= GTF_reading | GTF_writing;
        const std::uint16_t to = one_in(4) ? GrantModel::native : any_domain();
        const Mfn frame = any_frame(id);
        at(id).domain.grants().set_entry(
            ref, {static_cast<std::uint16_t>(flags), to, static_cast<std::uint32_t>(frame.raw)});
        model_.domains.at(id).table[ref] = {flags, to, frame};
    }

    /// A reference that is for this domain, if there is one.
    void choose_granted(std::uint16_t user, gnttab_map_grant_ref_t& request) {
        for (int i = 0; i < 20; ++i) {
            const std::uint16_t granter = any_domain();
            const auto ref = static_cast<grant_ref_t>(first_ref + below(refs));
            const GrantModel::Entry& entry = model_.domains.at(granter).table.at(ref);
            if (entry.to != user || (entry.flags & GTF_type_mask) != GTF_permit_access) continue;
            request.dom = granter;
            request.ref = ref;
            return;
        }
    }

    void map() {
        const std::uint16_t user = any_domain();
        gnttab_map_grant_ref_t request{};
        request.dom = one_in(12) ? static_cast<std::uint16_t>(below(last_id_ + 2u)) : any_domain();
        request.ref = static_cast<grant_ref_t>(one_in(30) ? 512 : first_ref + below(refs));
        if (!one_in(4)) choose_granted(user, request);
        const std::uint64_t slot = below(GrantModel::slots);
        request.flags = one_in(20) ? 0 : one_in(5) ? GNTMAP_device_map : GNTMAP_host_map;
        if (one_in(5)) request.flags |= GNTMAP_device_map;
        if (one_in(2)) request.flags |= GNTMAP_readonly;
        if (one_in(3)) request.flags |= GNTMAP_contains_pte;
        const bool by_entry = (request.flags & GNTMAP_contains_pte) != 0;
        request.host_addr = by_entry ? slot_entry(user, slot) : slot_va(slot);

        GrantModel::Handle handle{.user = user, .granter = request.dom, .ref = request.ref};
        handle.writes = (request.flags & GNTMAP_readonly) == 0;
        handle.contains_pte = by_entry;
        std::int16_t expected = GNTST_okay;
        GrantModel::Domain& mapper = model_.domains.at(user);
        if (request.flags == 0 || (request.flags & (GNTMAP_host_map | GNTMAP_device_map)) == 0) {
            expected = GNTST_bad_gntref;
        } else if (request.dom == 0) {
            expected = GNTST_general_error;
        } else if (!model_.domains.contains(request.dom)) {
            expected = GNTST_bad_domain;
        } else {
            expected = model_.begin(request.dom, request.ref, user, handle.writes, handle.frame);
            if (expected == GNTST_okay) {
                handle.host = (request.flags & GNTMAP_host_map) != 0;
                handle.device = (request.flags & GNTMAP_device_map) != 0;
                if (handle.host && !mapper.attached) {
                    handle.host = handle.device = false;
                    expected = GNTST_general_error;
                    model_.settle(request.dom, request.ref, handle.writes);
                }
                if (handle.host) {
                    mapper.slot[slot] = {handle.frame, handle.writes, request.dom != user};
                }
            }
        }
        ASSERT_EQ(at(user).hypercall_with(nr, GNTTABOP_map_grant_ref, request), 0);
        const auto answer = at(user).argument<gnttab_map_grant_ref_t>();
        ASSERT_EQ(answer.status, expected);
        if (expected != GNTST_okay) return;
        ASSERT_EQ(answer.dev_bus_addr, handle.frame.raw << page_shift);
        model_.handles.push_back(handle);
        numbers_.push_back(answer.handle);
        ++maps_;
    }

    void unmap() {
        const std::uint16_t user = any_domain();
        std::size_t which = below(model_.handles.size() + 1);
        for (int i = 0; i < 8 && which < model_.handles.size(); ++i) {
            if (model_.handles[which].user == user) break;
            which = below(model_.handles.size() + 1);
        }
        const bool is_known = which < model_.handles.size() && model_.handles[which].user == user;
        GrantModel::Handle none;
        GrantModel::Handle& handle = is_known ? model_.handles[which] : none;
        GrantModel::Domain& mapper = model_.domains.at(user);
        std::uint64_t slot = below(GrantModel::slots);
        for (std::uint64_t i = 0; i < GrantModel::slots && !one_in(5); ++i) {
            const auto& found = mapper.slot[i];
            if (found && found->frame == handle.frame && found->writes == handle.writes) slot = i;
        }
        const bool replace = one_in(4);
        const std::uint64_t other = below(GrantModel::slots);
        const std::uint64_t bus = replace || one_in(3) ? 0
                                  : one_in(8)          ? 0x1000
                                                       : handle.frame.raw << page_shift;
        const std::uint64_t host = one_in(8)             ? 0
                                   : handle.contains_pte ? slot_entry(user, slot)
                                                         : slot_va(slot);
        const std::uint64_t address = SmallDomain::data_va;
        const std::uint32_t number = is_known ? numbers_[which] : 100'000;
        std::int16_t status = 0;
        if (replace) {
            gnttab_unmap_and_replace_t request{host, slot_va(other), number, 0};
            ASSERT_EQ(at(user).hypercall_with(nr, GNTTABOP_unmap_and_replace, request), 0);
            status = at(user).get<gnttab_unmap_and_replace_t>(address).status;
        } else {
            gnttab_unmap_grant_ref_t request{host, bus, number, 0};
            ASSERT_EQ(at(user).hypercall_with(nr, GNTTABOP_unmap_grant_ref, request), 0);
            status = at(user).get<gnttab_unmap_grant_ref_t>(address).status;
        }
        ASSERT_EQ(status, expect_unmap(handle, mapper, host != 0, slot,
                                       replace ? std::optional{other} : std::nullopt, bus));
    }
    std::int16_t expect_unmap(GrantModel::Handle& handle, GrantModel::Domain& mapper, bool host,
                              std::uint64_t slot, std::optional<std::uint64_t> other,
                              std::uint64_t bus) {
        if (!handle.in_use()) return GNTST_bad_handle;
        if (bus != 0 && bus != handle.frame.raw << page_shift) return GNTST_general_error;
        if (host && handle.host) {
            if (!mapper.attached || (other && handle.contains_pte)) return GNTST_general_error;
            std::optional<GrantModel::Slot> moved;
            if (other) std::swap(moved, mapper.slot[*other]);
            const auto& found = mapper.slot[slot];
            if (!found || found->frame != handle.frame || found->writes != handle.writes) {
                return GNTST_general_error;
            }
            mapper.slot[slot] = moved;
            handle.host = false;
            model_.settle(handle.granter, handle.ref, handle.writes);
        }
        if (bus != 0 && handle.device) {
            handle.device = false;
            model_.settle(handle.granter, handle.ref, handle.writes);
        }
        return GNTST_okay;
    }

    /// A guest's own change of a slot, whatever was there.
    void set_slot() {
        const std::uint16_t id = any_domain();
        const std::uint64_t slot = below(GrantModel::slots);
        GrantModel::Domain& domain = model_.domains.at(id);
        std::optional<GrantModel::Slot> wanted;
        if (!one_in(domain.attached ? 3 : 2)) wanted = {any_frame(id), one_in(2), false};
        const bool is_own = !wanted || model_.owner.at(wanted->frame) == id;
        const bool is_good =
            is_own && !(wanted && wanted->writes && model_.is_table.contains(wanted->frame));
        const auto& old = domain.slot[slot];
        const bool is_similar = domain.attached && old && wanted && old->frame == wanted->frame &&
                                old->writes == wanted->writes;
        const std::uint64_t value =
            wanted ? wanted->frame.raw << page_shift | 0x21u | (wanted->writes ? 2u : 0u) : 0;
        const std::int64_t result = mmu_update(id, slot_entry(id, slot), value);
        if (!domain.attached) {
            // No table: an ordinary store.
            ASSERT_EQ(result, 0);
            domain.slot[slot] = wanted;
            if (wanted) domain.slot[slot]->foreign = !is_own;
            return;
        }
        ASSERT_EQ(result == 0, is_good || is_similar);
        if (result != 0 || is_similar) return;
        domain.slot[slot] = wanted;
    }

    void toggle_table() {
        const std::uint16_t id = any_domain();
        GrantModel::Domain& domain = model_.domains.at(id);
        if (domain.attached && !one_in(6)) return;
        bool is_good = true;
        for (const auto& slot : domain.slot) {
            if (!slot || domain.attached) continue;
            if (slot->foreign || (slot->writes && model_.is_table.contains(slot->frame))) {
                is_good = false;
            }
        }
        ASSERT_EQ(attach(id, !domain.attached) == 0, is_good);
        if (is_good) domain.attached = !domain.attached;
    }

    void copy() {
        const std::uint16_t user = any_domain(), from = any_domain(), to = any_domain();
        gnttab_copy_t request{};
        request.source.u.ref = static_cast<grant_ref_t>(first_ref + below(refs));
        request.source.domid = from;
        request.dest.u.ref = static_cast<grant_ref_t>(first_ref + below(refs));
        request.dest.domid = to;
        request.len = 8;
        request.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
        Mfn source{}, destination{};
        std::int16_t expected = model_.begin(from, request.source.u.ref, user, false, source);
        if (expected == GNTST_okay) {
            // In use for the time of the copy.
            model_.handles.push_back({.user = user,
                                      .granter = from,
                                      .ref = request.source.u.ref,
                                      .frame = source,
                                      .host = true});
            expected = model_.begin(to, request.dest.u.ref, user, true, destination);
            model_.handles.pop_back();
            if (expected == GNTST_okay) model_.settle(to, request.dest.u.ref, true);
            model_.settle(from, request.source.u.ref, false);
        }
        ASSERT_EQ(at(user).hypercall_with(nr, GNTTABOP_copy, request), 0);
        ASSERT_EQ(at(user).argument<gnttab_copy_t>().status, expected);
    }

    void use_natively() {
        if (!native_.empty() && one_in(2)) {
            const auto which = static_cast<std::ptrdiff_t>(below(native_.size()));
            end_native(which);
            return;
        }
        GrantModel::Handle handle{.user = GrantModel::native, .granter = any_domain()};
        handle.ref = static_cast<grant_ref_t>(first_ref + below(refs));
        handle.writes = one_in(2);
        auto page =
            GrantedPage::map(at(handle.granter).domain, handle.ref,
                             handle.writes ? GrantedPage::Use::write : GrantedPage::Use::read);
        const bool expected = model_.begin(handle.granter, handle.ref, GrantModel::native,
                                           handle.writes, handle.frame) == GNTST_okay;
        ASSERT_EQ(page.has_value(), expected);
        if (!page) return;
        ASSERT_EQ(page->mfn(), handle.frame);
        handle.host = true;
        native_.emplace_back(std::move(*page), model_.handles.size());
        model_.handles.push_back(handle);
        numbers_.push_back(~0u);
    }
    void end_native(std::ptrdiff_t which) {
        GrantModel::Handle& handle =
            model_.handles[native_[static_cast<std::size_t>(which)].second];
        native_.erase(native_.begin() + which);
        handle.host = false;
        model_.settle(handle.granter, handle.ref, handle.writes);
    }

    void destroy() {
        const std::uint16_t id = any_domain();
        for (std::size_t i = native_.size(); i-- > 0;) {
            if (model_.handles[native_[i].second].granter == id) {
                end_native(static_cast<std::ptrdiff_t>(i));
            }
        }
        kill(id);
        add_domain();
    }
    void kill(std::uint16_t id) {
        at(id).domain.release_memory();
        machine_.hypervisor.others.erase(id);
        domains_.erase(id);
        model_.domains.erase(id);
        for (GrantModel::Handle& each : model_.handles) {
            if (each.user != id || !each.in_use()) continue;
            each.host = each.device = false;
            model_.settle(each.granter, each.ref, each.writes);
        }
        tidy();
    }

    void step() {
        switch (below(20)) {
            case 0:
            case 1:
            case 2:
            case 3:
                return write_entry();
            case 4:
            case 5:
            case 6:
            case 7:
            case 8:
                return map();
            case 9:
            case 10:
            case 11:
            case 12:
                return unmap();
            case 13:
            case 14:
                return set_slot();
            case 15:
                return toggle_table();
            case 16:
            case 17:
                return copy();
            case 18:
                return use_natively();
            default:
                if (one_in(12)) destroy();
        }
    }

    // Comparison --------------------------------------------------------------------------------

    void compare() {
        OutsideReferences held;
        for (const auto& [id, domain] : domains_) domain->add_references(held);
        for (const auto& [page, number] : native_) {
            held.granted.push_back(
                {domain0, page.mfn(), page.is_writable() ? GrantAccess::write : GrantAccess::read});
        }
        const auto wrong = check_page_accounting(machine_.frames, held);
        ASSERT_FALSE(wrong) << *wrong;
        for (const auto& [id, domain] : model_.domains) {
            compare_table(id, domain);
            compare_rights(id, domain);
        }
        for (const auto& [frame, owner] : model_.owner) compare_frame(frame, owner);
    }
    void compare_table(std::uint16_t id, const GrantModel::Domain& domain) {
        for (const auto& [ref, entry] : domain.table) {
            ASSERT_EQ(at(id).domain.grants().entry(ref)->flags, entry.flags)
                << "domain " << id << " reference " << ref;
        }
    }
    void compare_rights(std::uint16_t id, const GrantModel::Domain& domain) {
        for (unsigned i = 0; i < GrantModel::slots; ++i) {
            const auto& slot = domain.slot[i];
            for (const bool writes : {false, true}) {
                const bool expected = domain.attached && slot && (slot->writes || !writes);
                if (expected && slot->foreign) {
                    ASSERT_TRUE(model_.is_allowed(id, slot->frame, slot->writes));
                }
                const WalkResult found =
                    walk(machine_.frames, at(id).cpu().kernel_root, Vaddr{slot_va(i)},
                         writes ? Access::write : Access::read, DomainId{id}, false);
                ASSERT_EQ(found.kind == WalkResult::Kind::mapped, expected)
                    << "domain " << id << " slot " << i;
                if (found.kind == WalkResult::Kind::mapped) {
                    ASSERT_EQ(found.mfn, slot->frame);
                }
            }
        }
    }
    void compare_frame(Mfn mfn, std::uint16_t owner) {
        const Frame& frame = machine_.frames.at(mfn);
        const GrantModel::References count = model_.references(mfn);
        ASSERT_EQ(frame.allocated ? frame.owner.raw : 0, owner) << std::hex << mfn.raw;
        if (domains_.contains(owner)) {
            const auto& p2m = at(owner).p2m;
            const bool is_plain =
                std::find(p2m.begin() + first_frame, p2m.begin() + first_frame + frames_used,
                          mfn) != p2m.begin() + first_frame + frames_used;
            if (!is_plain) return;
            // Mapped once by its owner, writable.
            ASSERT_EQ(frame.ref_count, count.all + 1) << std::hex << mfn.raw;
            ASSERT_EQ(frame.type_count, count.writable + 1) << std::hex << mfn.raw;
        } else if (count.all == 0) {
            FAIL() << "a frame of a domain that is gone, and nobody's";
        } else {
            ASSERT_EQ(frame.ref_count, count.all) << std::hex << mfn.raw;
            ASSERT_EQ(frame.type_count, count.writable) << std::hex << mfn.raw;
        }
    }
    /// Handles that are no more; and frames of domains that are gone, which are the machine's once
    /// the last mapping has gone.
    void tidy() {
        std::vector<std::size_t> moved(model_.handles.size());
        std::size_t kept = 0;
        for (std::size_t i = 0; i < model_.handles.size(); ++i) {
            moved[i] = kept;
            if (!model_.handles[i].in_use()) continue;
            model_.handles[kept] = model_.handles[i];
            numbers_[kept++] = numbers_[i];
        }
        model_.handles.resize(kept);
        numbers_.resize(kept);
        for (auto& [page, number] : native_) number = moved[number];
        std::erase_if(model_.owner, [&](const auto& frame) {
            const bool is_gone =
                !domains_.contains(frame.second) && model_.references(frame.first).all == 0;
            if (is_gone) model_.is_table.erase(frame.first);
            return is_gone;
        });
    }

    SmallMachine machine_;
    std::map<std::uint16_t, std::unique_ptr<SmallDomain>> domains_;
    GrantModel model_;
    /// The real number of each handle of the model.
    std::vector<grant_handle_t> numbers_;
    std::vector<std::pair<GrantedPage, std::size_t>> native_;
    std::uint16_t last_id_ = 0;
    std::uint64_t maps_ = 0;
    std::mt19937_64 random_;

    void run(std::uint64_t seed, std::uint64_t rounds) {
        SCOPED_TRACE(fmt::format("RING3_SEED={}", seed));
        random_.seed(seed);
        for (std::uint64_t i = 0; i < rounds; ++i) {
            SCOPED_TRACE(fmt::format("round {}", i));
            step();
            tidy();
            if (!HasFatalFailure()) compare();
            if (HasFatalFailure()) return;
        }
        native_.clear();
        while (!domains_.empty()) kill(domains_.begin()->first);
        EXPECT_EQ(machine_.frames.free(), machine_.frames.total());
        EXPECT_GT(maps_, rounds / 20) << "else it tests little";
        EXPECT_TRUE(machine_.frames.granted().is_empty());
    }
};

TEST_F(GrantModelTest, holds_after_any_sequence_of_operations) {
    run(from_environment("RING3_SEED", 20'241'107), from_environment("RING3_ROUNDS", 20'000));
}

}  // namespace
}  // namespace ring3::test
