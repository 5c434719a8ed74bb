// SPDX-License-Identifier: MIT
// Who watches what. Ordered by path, so that a change finds those it concerns without looking at
// the others: a guest may hold many watches, and pays for them alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3::store {

struct Watch {
    DomainId watcher{};
    std::string path;  ///< absolute, or a special name with '@'
    std::string token;
    /// Paths in its events are relative to the watcher's home.
    bool relative = false;
    /// A back end's (NativeWatch), by its number; 0 for one that came over the protocol.
    std::uint64_t native = 0;
    /// Ascends in the order of registration, in which events are told.
    std::uint64_t serial = 0;
};

class Watches {
public:
    struct Use {
        std::uint32_t count = 0;
        std::size_t bytes = 0;
    };

    bool contains(DomainId who, std::string_view path, std::string_view token) const;
    void add(Watch watch);
    /// False: there is none.
    bool remove(DomainId who, std::string_view path, std::string_view token);
    void remove_native(std::uint64_t native, std::string_view path);
    /// All that came over this domain's connection.
    void remove_all(DomainId who);
    Use used_by(DomainId who) const;

    /// What a watch counts with.
    static std::size_t bytes_of(std::string_view path, std::string_view token);

    /// In the order of registration: those on `path` and above it; those below it; those on this
    /// name alone. Valid until a watch is added or removed.
    std::vector<const Watch*> at_or_above(std::string_view path) const;
    std::vector<const Watch*> below(std::string_view path) const;
    std::vector<const Watch*> at(std::string_view path) const;

private:
    using ByPath = std::map<std::string, std::vector<Watch>, std::less<>>;

    void account(const Watch& watch, int step);
    template <class Is>
    bool remove_at(ByPath::iterator place, Is is);

    ByPath by_path_;
    std::map<DomainId, Use> used_;
    std::uint64_t last_serial_ = 0;
};

}  // namespace ring3::store
