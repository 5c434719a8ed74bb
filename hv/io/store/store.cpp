// SPDX-License-Identifier: MIT
#include "hv/io/store/store.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/io/store/path.hpp"
#include "hv/io/store/request.hpp"

namespace ring3::store {
namespace {

constexpr DomainId domain0{0};

constexpr std::string_view introduce_domain = "@introduceDomain";
constexpr std::string_view release_domain = "@releaseDomain";

/// As the watcher gave it: relative to its home when its watch is.
std::string path_for(const Watch& watch, const std::string& path) {
    return watch.relative ? path.substr(Store::home_of(watch.watcher).size() + 1) : path;
}

}  // namespace

std::string_view error_name(Error error) {
    constexpr std::array<std::string_view, 17> names{
        "OK",        "EINVAL", "EACCES", "EEXIST", "EISDIR", "ENOENT",  "ENOMEM", "ENOSPC", "EIO",
        "ENOTEMPTY", "ENOSYS", "EROFS",  "EBUSY",  "EAGAIN", "EISCONN", "E2BIG",  "EPERM"};
    return names[static_cast<std::size_t>(error)];
}

Store::Store(Deliver deliver, Limits limits) : deliver_(std::move(deliver)), limits_(limits) {
    for (const std::string_view name : {introduce_domain, release_domain})
        special_[std::string(name)] = {{domain0, Rights::none}};
}

std::string Store::home_of(DomainId domain) { return fmt::format("/local/domain/{}", domain.raw); }

Error Store::read(DomainId who, TransactionId in, std::string_view path, std::string& value) {
    const Node* node = nullptr;
    const Error error = Request(*this, who, in, path).find(Rights::read, node);
    if (error == Error::none) value = node->value;
    return error;
}

Error Store::directory(DomainId who, TransactionId in, std::string_view path,
                       std::vector<std::string>& children, std::uint64_t& generation) {
    const Node* node = nullptr;
    const Error error = Request(*this, who, in, path).find(Rights::read, node);
    if (error != Error::none) return error;
    children.clear();
    for (const auto& [name, child] : node->children) children.push_back(name);
    generation = node->generation;
    return Error::none;
}

Error Store::write(DomainId who, TransactionId in, std::string_view path, std::string_view value) {
    Request request(*this, who, in, path);
    const Node* node = nullptr;
    const Error error = request.find(Rights::write, node);
    const bool creates = request.is_valid() && error == Error::noent;
    if (error != Error::none && !creates) return error;
    if (creates) return request.create(value);
    return request.put(std::string(value), node->permissions);
}

Error Store::make_directory(DomainId who, TransactionId in, std::string_view path) {
    Request request(*this, who, in, path);
    const Node* node = nullptr;
    const Error error = request.find(Rights::write, node);
    const bool creates = request.is_valid() && error == Error::noent;
    return creates ? request.create("") : error;
}

Error Store::remove(DomainId who, TransactionId in, std::string_view path) {
    Request request(*this, who, in, path);
    const Node* node = nullptr;
    const Error error = request.find(Rights::write, node);
    if (request.path() == "/") return Error::inval;
    const bool was_gone = request.is_valid() && error == Error::noent;
    if (was_gone && request.tree().find(parent_of(request.path())) != nullptr) return Error::none;
    if (error != Error::none) return error;
    return request.remove();
}

Error Store::permissions(DomainId who, TransactionId in, std::string_view path, Permissions& all) {
    if (const auto special = special_.find(path); special != special_.end()) {
        const Permissions& known = special->second;
        if (!includes(rights_of(who, known), Rights::read)) return Error::acces;
        all = known;
        return Error::none;
    }
    const Node* node = nullptr;
    const Error error = Request(*this, who, in, path).find(Rights::read, node);
    if (error == Error::none) all = node->permissions;
    return error;
}

Error Store::set_permissions(DomainId who, TransactionId in, std::string_view path,
                             Permissions all) {
    if (all.empty()) return Error::inval;
    if (path.starts_with('@')) return set_special_permissions(who, path, std::move(all));
    Request request(*this, who, in, path);
    const Node* node = nullptr;
    if (const Error error = request.find(Rights::write, node); error != Error::none) return error;
    const DomainId owner = node->permissions.front().domain;
    if (who != domain0) {
        if (owner != who) return Error::acces;
        // Who gives a node away gives away what counts against his limits.
        if (all.front().domain != owner) return Error::perm;
        if (all.size() > limits_.permissions) return Error::nospc;
        absent_become_stale(all);
    }
    return request.put(node->value, std::move(all));
}

Error Store::set_special_permissions(DomainId who, std::string_view name, Permissions all) {
    const auto special = special_.find(name);
    if (special == special_.end()) return Error::inval;
    if (who != domain0) return Error::acces;
    if (all.front().domain != domain0) return Error::inval;
    special->second = std::move(all);
    return Error::none;
}

/// Domain 0 prepares nodes for domains that it is about to make; others cannot know them.
void Store::absent_become_stale(Permissions& permissions) const {
    for (std::size_t i = 1; i < permissions.size(); ++i) {
        const DomainId domain = permissions[i].domain;
        permissions[i].stale = domain != domain0 && !introduced_.contains(domain);
    }
}

Error Store::watch(DomainId who, std::string_view path, std::string_view token) {
    const bool special = path.starts_with('@');
    const bool relative = !special && !path.starts_with('/');
    std::string full = special ? std::string(path) : absolute(who, path, limits_);
    if (full.empty() || (special && !is_valid_path(path))) return Error::inval;
    if (watches_.contains(who, full, token)) return Error::exist;
    if (who != domain0 && watches_.used_by(who).count >= limits_.watches) return Error::too_big;
    if (!may_have(who, Watches::bytes_of(full, token))) return Error::nomem;
    watches_.add({who, std::move(full), std::string(token), relative});
    deliver_(who, std::string(path), std::string(token));
    return Error::none;
}

Error Store::unwatch(DomainId who, std::string_view path, std::string_view token) {
    const std::string full =
        path.starts_with('@') ? std::string(path) : absolute(who, path, limits_);
    if (full.empty()) return Error::inval;
    return watches_.remove(who, full, token) ? Error::none : Error::noent;
}

void Store::reset_watches(DomainId who) {
    watches_.remove_all(who);
    std::erase_if(transactions_, [&](const auto& entry) { return entry.first.first == who; });
}

std::string Store::watched_above(DomainId who, std::string_view path,
                                 std::string_view token) const {
    const std::string full =
        path.starts_with('@') ? std::string(path) : absolute(who, path, limits_);
    if (full.empty()) return {};
    for (const Watch* const watch : watches_.at_or_above(full)) {
        if (watch->native == 0 && watch->watcher == who && watch->token == token)
            return path_for(*watch, watch->path);
    }
    return {};
}

std::uint64_t Store::add_native_watch(const std::string& path, NativeWatch::Callback callback) {
    HV_CHECK(is_valid_path(path) && (path.starts_with('/') || path.starts_with('@')),
             "a back end watches a path that cannot exist");
    const std::uint64_t number = native_.add(std::move(callback));
    Watch watch{domain0, path, {}};
    watch.native = number;
    watches_.add(std::move(watch));
    native_.queue(number, path);
    return number;
}

void Store::remove_native_watch(const std::string& path, std::uint64_t number) {
    watches_.remove_native(number, path);
    native_.remove(number);
}

std::size_t Store::memory_of(DomainId domain) const {
    std::size_t bytes = tree_.owned_by(domain).bytes + watches_.used_by(domain).bytes;
    for (auto it = transactions_.lower_bound({domain, 0});
         it != transactions_.end() && it->first.first == domain; ++it)
        bytes += it->second.bytes;
    return bytes;
}

bool Store::may_have(DomainId who, std::size_t more_bytes) const {
    return who == domain0 || memory_of(who) + more_bytes <= limits_.memory_bytes;
}

void Store::introduce(DomainId domain) {
    if (introduced_.insert(domain).second) fire_special(std::string(introduce_domain));
}

void Store::release(DomainId domain) {
    if (introduced_.erase(domain) == 0) return;
    reset_watches(domain);
    last_transaction_.erase(domain);
    for (const std::string& path : tree_.owned_roots(domain)) remove(domain0, 0, path);
    tree_.forget_rights(domain, next_generation());
    for (auto& [name, permissions] : special_) {
        // A new domain of this number must not be told; domain 0, the owner, stays in front.
        const auto others = permissions.begin() + 1;
        permissions.erase(std::remove_if(others, permissions.end(),
                                         [&](const Permission& permission) {
                                             return permission.domain == domain;
                                         }),
                          permissions.end());
    }
    released_[domain] = next_generation();
    fire_special(std::string(release_domain));
}

void Store::add_watchers(const Tree& tree, const std::string& path, std::vector<News>& news) const {
    const Node& judge = *tree.find(path);
    for (const Watch* const watch : watches_.at_or_above(path))
        if (includes(rights_of(watch->watcher, judge), Rights::read))
            news.push_back({*watch, path});
}

void Store::add_watchers_below(const Tree& tree, const std::string& path,
                               std::vector<News>& news) const {
    for (const Watch* const watch : watches_.below(path)) {
        const Node* const gone = tree.find(watch->path);
        if (gone != nullptr && includes(rights_of(watch->watcher, *gone), Rights::read))
            news.push_back({*watch, watch->path});
    }
}

void Store::fire_special(const std::string& name) {
    const Permissions& judge = special_.at(name);
    std::vector<News> news;
    for (const Watch* const watch : watches_.at(name))
        if (includes(rights_of(watch->watcher, judge), Rights::read))
            news.push_back({*watch, name});
    tell(news);
}

/// Only now: whoever is told may ask for more.
void Store::tell(const std::vector<News>& news) {
    for (const auto& [watch, path] : news) {
        if (watch.native != 0) {
            native_.queue(watch.native, path);
        } else {
            deliver_(watch.watcher, path_for(watch, path), watch.token);
        }
    }
}

}  // namespace ring3::store
