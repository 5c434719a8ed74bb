// SPDX-License-Identifier: MIT
#include "hv/io/store/watches.hpp"

#include <algorithm>
#include <utility>

#include "hv/io/store/path.hpp"
#include "hv/io/store/tree.hpp"

namespace ring3::store {
namespace {

void append(const std::vector<Watch>& watches, std::vector<const Watch*>& to) {
    for (const Watch& watch : watches) to.push_back(&watch);
}

void in_order(std::vector<const Watch*>& watches) {
    std::sort(watches.begin(), watches.end(),
              [](const Watch* a, const Watch* b) { return a->serial < b->serial; });
}

}  // namespace

bool Watches::contains(DomainId who, std::string_view path, std::string_view token) const {
    const auto place = by_path_.find(path);
    return place != by_path_.end() &&
           std::any_of(place->second.begin(), place->second.end(), [&](const Watch& watch) {
               return watch.native == 0 && watch.watcher == who && watch.token == token;
           });
}

void Watches::add(Watch watch) {
    watch.serial = ++last_serial_;
    account(watch, +1);
    std::string path = watch.path;
    by_path_[std::move(path)].push_back(std::move(watch));
}

template <class Is>
bool Watches::remove_at(ByPath::iterator place, Is is) {
    std::vector<Watch>& watches = place->second;
    const auto gone = std::stable_partition(watches.begin(), watches.end(),
                                            [&](const Watch& watch) { return !is(watch); });
    const bool any = gone != watches.end();
    for (auto watch = gone; watch != watches.end(); ++watch) account(*watch, -1);
    watches.erase(gone, watches.end());
    return any;
}

bool Watches::remove(DomainId who, std::string_view path, std::string_view token) {
    const auto place = by_path_.find(path);
    if (place == by_path_.end()) return false;
    const bool any = remove_at(place, [&](const Watch& watch) {
        return watch.native == 0 && watch.watcher == who && watch.token == token;
    });
    if (place->second.empty()) by_path_.erase(place);
    return any;
}

void Watches::remove_native(std::uint64_t native, std::string_view path) {
    const auto place = by_path_.find(path);
    if (place == by_path_.end()) return;
    remove_at(place, [&](const Watch& watch) { return watch.native == native; });
    if (place->second.empty()) by_path_.erase(place);
}

void Watches::remove_all(DomainId who) {
    for (auto place = by_path_.begin(); place != by_path_.end();) {
        remove_at(place,
                  [&](const Watch& watch) { return watch.native == 0 && watch.watcher == who; });
        place = place->second.empty() ? by_path_.erase(place) : std::next(place);
    }
}

Watches::Use Watches::used_by(DomainId who) const {
    const auto use = used_.find(who);
    return use == used_.end() ? Use{} : use->second;
}

std::vector<const Watch*> Watches::at_or_above(std::string_view path) const {
    std::vector<const Watch*> found;
    for (std::string_view at = path;; at = parent_of(at)) {
        if (const auto place = by_path_.find(at); place != by_path_.end())
            append(place->second, found);
        if (at == "/") break;
    }
    in_order(found);
    return found;
}

std::vector<const Watch*> Watches::below(std::string_view path) const {
    const std::string first = path == "/" ? std::string(path) : std::string(path) + '/';
    std::vector<const Watch*> found;
    for (auto place = by_path_.lower_bound(first);
         place != by_path_.end() && place->first.starts_with(first); ++place) {
        if (is_below(place->first, path)) append(place->second, found);
    }
    in_order(found);
    return found;
}

std::vector<const Watch*> Watches::at(std::string_view path) const {
    std::vector<const Watch*> found;
    if (const auto place = by_path_.find(path); place != by_path_.end())
        append(place->second, found);
    return found;
}

std::size_t Watches::bytes_of(std::string_view path, std::string_view token) {
    return sizeof(Watch) + 2 * path.size() + token.size();  // the path is a key as well
}

void Watches::account(const Watch& watch, int step) {
    if (watch.native != 0) return;
    Use& use = used_[watch.watcher];
    const std::size_t bytes = bytes_of(watch.path, watch.token);
    if (step > 0) {
        ++use.count;
        use.bytes += bytes;
    } else {
        --use.count;
        use.bytes -= bytes;
    }
    if (use.count == 0) used_.erase(watch.watcher);
}

}  // namespace ring3::store
