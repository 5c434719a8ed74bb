// SPDX-License-Identifier: MIT
// The accounting of page tables, a second time and in the plainest way: count what is there,
// compare.
#include "hv/memory/accounting_check.hpp"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <utility>

#include "hv/memory/page_entry.hpp"

namespace ring3 {

namespace {

class Recount {
public:
    explicit Recount(const FrameTable& frames) : frames_(frames), found_(frames.total().raw) {}

    std::optional<std::string> run(const OutsideReferences& outside) {
        for (const Mfn mfn : outside.roots) use(mfn, PageType::l4, [] { return "a root"; });
        for (const Mfn mfn : outside.descriptors) {
            use(mfn, PageType::segment_descriptors, [] { return "a GDT"; });
        }
        for (const Mfn mfn : outside.writable)
            use(mfn, PageType::writable, [] { return "a writable page"; });
        for (const Mfn mfn : outside.plain) use(mfn, PageType::none, [] { return "a page"; });
        for (const OutsideReferences::Granted& each : outside.granted) {
            use(each.mfn, each.access == GrantAccess::write ? PageType::writable : PageType::none,
                [] { return "a granted page"; });
            count_foreign(each.user, each.mfn, each.access);
        }
        for_each([&](Mfn mfn, const Frame& frame) {
            if (frame.pinned) use(mfn, frame.type, [] { return "a pin"; });
            if (table_level(frame.type) != 0) scan(mfn, frame);
        });
        for_each([&](Mfn mfn, const Frame& frame) { compare(mfn, frame); });
        for_each([&](Mfn mfn, const Frame& frame) { compare_shares(mfn, frame); });
        report_uncounted();
        return wrong_;
    }

private:
    struct Found {
        std::uint32_t types = 0, references = 0;
    };

    template <class Body>
    void for_each(Body body) {
        for (Mfn mfn = FrameTable::first_mfn; mfn < frames_.end_mfn(); ++mfn) {
            body(mfn, *frames_.find(mfn));
        }
    }

    void report(std::string text) {
        if (!wrong_) wrong_ = std::move(text);
    }

    /// `user()` is a string that says who: asked for only when something is wrong.
    template <class User>
    void use(Mfn mfn, PageType type, User user) {
        const Frame* const frame = frames_.find(mfn);
        if (frame == nullptr || !frame->allocated) {
            return report(fmt::format("{} is mfn {:#x}, which nobody owns", user(), mfn.raw));
        }
        Found& found = found_[mfn - FrameTable::first_mfn];
        ++found.references;
        if (type == PageType::none) return;
        ++found.types;
        if (frame->type != type) {
            report(fmt::format("{} is mfn {:#x}: type {} instead of {}", user(), mfn.raw,
                               static_cast<int>(frame->type), static_cast<int>(type)));
        }
    }

    void scan(Mfn mfn, const Frame& table) {
        const int level = table_level(table.type);
        for (unsigned i = 0; i < entries_per_table; ++i) {
            std::uint64_t entry;
            std::memcpy(&entry, table.host + i * sizeof entry, sizeof entry);
            if (!is_present(entry)) continue;
            const auto place = [&] {
                return fmt::format("L{} {:#x}[{}] = {:#x}", level, mfn.raw, i, entry);
            };
            const Frame* const target = frames_.find(entry_mfn(entry));
            if (!is_guest_slot(level, i)) {
                report(place() + " in a slot of Xen's");
            } else if ((entry & forbidden_bits(level)) != 0 || adjusted(entry, level) != entry) {
                report(place() + " has bits that it must not have");
            } else if (target == nullptr || (target->owner != table.owner && level > 1)) {
                report(place() + " names a frame of somebody else");
            } else {
                const auto access =
                    (entry & entry_bits::writable) != 0 ? GrantAccess::write : GrantAccess::read;
                if (level == 1) count_foreign(table.owner, entry_mfn(entry), access);
                if (target->owner != table.owner &&
                    !frames_.granted().is_allowed(entry_mfn(entry), target->owner, table.owner,
                                                  access)) {
                    report(place() + " names a frame that is not granted");
                }
                const PageType type = level > 1                             ? table_type(level - 1)
                                      : (entry & entry_bits::writable) != 0 ? PageType::writable
                                                                            : PageType::none;
                use(entry_mfn(entry), type, place);
            }
        }
    }

    void count_foreign(DomainId user, Mfn mfn, GrantAccess access) {
        const Frame* const frame = frames_.find(mfn);
        if (frame == nullptr || frame->owner == user) return;
        ++foreign_[{mfn, user}].held[static_cast<std::size_t>(access)];
    }

    void compare_shares(Mfn mfn, const Frame& frame) {
        for (const GrantedFrames::Share& share : frames_.granted().shares_of(mfn)) {
            const bool is_owners = frame.allocated && frame.owner == share.owner;
            const auto found = foreign_.find({mfn, share.user});
            const Held held = is_owners && found != foreign_.end() ? found->second : Held{};
            if (is_owners && found != foreign_.end()) foreign_.erase(found);
            if (held.held[0] != share.held[0] || held.held[1] != share.held[1]) {
                report(
                    fmt::format("mfn {:#x} of domain {}: domain {} holds {} + {} references, "
                                "found {} + {}",
                                mfn.raw, share.owner.raw, share.user.raw, share.held[0],
                                share.held[1], held.held[0], held.held[1]));
            }
        }
    }

    void report_uncounted() {
        for (const auto& [key, held] : foreign_) {
            report(fmt::format("mfn {:#x}: domain {} holds references that nobody counted",
                               key.first.raw, key.second.raw));
        }
    }

    void compare(Mfn mfn, const Frame& frame) {
        const Found& found = found_[mfn - FrameTable::first_mfn];
        if (frame.type_count != found.types || frame.ref_count != found.references) {
            report(fmt::format("mfn {:#x}, type {}: {} types and {} references, found {} and {}",
                               mfn.raw, static_cast<int>(frame.type), frame.type_count,
                               frame.ref_count, found.types, found.references));
        }
        if ((frame.type_count == 0) != (frame.type == PageType::none)) {
            report(fmt::format("mfn {:#x}: a type without a count, or the reverse", mfn.raw));
        }
        if (frame.allocated != (frame.host != nullptr)) {
            report(fmt::format("mfn {:#x}: backing without an owner, or the reverse", mfn.raw));
        }
    }

    struct Held {
        std::uint32_t held[2]{};
    };

    const FrameTable& frames_;
    std::vector<Found> found_;
    /// By frame and user: references on frames of others.
    std::map<std::pair<Mfn, DomainId>, Held> foreign_;
    std::optional<std::string> wrong_;
};

}  // namespace

std::optional<std::string> check_page_accounting(const FrameTable& frames,
                                                 const OutsideReferences& outside) {
    return Recount(frames).run(outside);
}

}  // namespace ring3
