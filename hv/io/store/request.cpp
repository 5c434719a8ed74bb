// SPDX-License-Identifier: MIT
#include "hv/io/store/request.hpp"

#include <utility>

#include <fmt/format.h>

#include "hv/io/store/path.hpp"

namespace ring3::store {
namespace {

constexpr DomainId domain0{0};

}  // namespace

std::string absolute(DomainId who, std::string_view path, const Limits& limits) {
    if (!is_valid_path(path)) return {};
    std::string full =
        path.starts_with('/') ? std::string(path) : fmt::format("{}/{}", Store::home_of(who), path);
    if (full.size() > longest_absolute_path) return {};
    if (who != domain0 && full.size() - home_prefix(full) > limits.path_bytes) return {};
    return full;
}

Store::Request::Request(Store& store, DomainId who, TransactionId in, std::string_view path)
    : store_(store), who_(who), path_(absolute(who, path, store.limits_)), tree_(&store.tree_) {
    if (path_.empty()) error_ = Error::inval;
    if (in == 0) return;
    const auto it = store.transactions_.find({who, in});
    if (it == store.transactions_.end()) {
        error_ = Error::noent;
        return;
    }
    transaction_ = &it->second;
    tree_ = &transaction_->tree;
}

Error Store::Request::find(Rights wanted, const Node*& node) {
    if (error_ != Error::none) return error_;
    if (const Error error = note_access(path_); error != Error::none) return error;
    node = tree_->find(path_);
    const std::string_view judge = tree_->nearest(path_);
    // What is missing above a missing node has decided who judges, too.
    for (std::string_view at = path_; at != judge; at = parent_of(at))
        if (const Error error = note_access(at); error != Error::none) return error;
    if (transaction_ != nullptr) transaction_->trusted.emplace(judge);
    if (!includes(rights_of(who_, *tree_->find(judge)), wanted)) return Error::acces;
    return node != nullptr ? Error::none : Error::noent;
}

Error Store::Request::put(std::string value, Permissions permissions) {
    const Node& node = *tree_->find(path_);
    if (is_limited()) {
        if (value.size() + node.name_bytes > store_.limits_.node_bytes) return Error::nospc;
        // In a transaction all of it is new, outside only what is more than before.
        const std::size_t more = transaction_ != nullptr ? node.bytes() + value.size()
                                 : value.size() > node.value.size()
                                     ? value.size() - node.value.size()
                                     : 0;
        if (more != 0 && !store_.may_have(who_, more)) return Error::nomem;
    }
    write(path_, std::move(value), std::move(permissions));
    if (transaction_ != nullptr) return Error::none;
    std::vector<News> news;
    store_.add_watchers(*tree_, path_, news);
    store_.tell(news);
    return Error::none;
}

Error Store::Request::create(std::string_view value) {
    std::vector<std::string> missing;
    for (std::string_view at = path_; tree_->find(at) == nullptr; at = parent_of(at))
        missing.emplace_back(at);
    const Node& parent = *tree_->find(parent_of(missing.back()));
    if (is_limited()) {
        const std::size_t name = missing.back().size() - missing.back().rfind('/');
        const std::size_t limit = store_.limits_.node_bytes;
        if (value.size() > limit || parent.value.size() + parent.name_bytes + name > limit ||
            tree_->owned_by(who_).nodes + missing.size() > std::size_t{store_.limits_.nodes})
            return Error::nospc;
        const std::size_t more = missing.size() * Node{}.bytes() + path_.size() + value.size();
        if (!store_.may_have(who_, more)) return Error::nomem;
    }
    Permissions permissions = parent.permissions;
    if (who_ != domain0) permissions.front() = {who_, permissions.front().rights};
    for (auto path = missing.rbegin(); path != missing.rend(); ++path)
        write(*path, *path == path_ ? std::string(value) : "", permissions);
    if (transaction_ != nullptr) return Error::none;
    std::vector<News> news;
    store_.add_watchers(*tree_, path_, news);
    store_.tell(news);
    return Error::none;
}

Error Store::Request::remove() {
    if (transaction_ != nullptr) {
        if (const Error error = note_removal(); error != Error::none) return error;
        tree_->remove(path_, store_.next_generation());
        return Error::none;
    }
    std::vector<News> news;
    store_.add_watchers(*tree_, path_, news);
    store_.add_watchers_below(*tree_, path_, news);
    tree_->remove(path_, store_.next_generation());
    store_.doom_old_transactions();
    store_.tell(news);
    return Error::none;
}

/// All that goes counts as looked at: who changes it meanwhile is in conflict with us.
Error Store::Request::note_removal() {
    std::vector<std::pair<std::string, const Node*>> gone{{path_, tree_->find(path_)}};
    for (std::size_t i = 0; i < gone.size(); ++i) {
        const auto [path, node] = gone[i];
        if (const Error error = note_access(path); error != Error::none) return error;
        for (const auto& [name, child] : node->children)
            gone.emplace_back(fmt::format("{}/{}", path, name), child.get());
    }
    for (const auto& [path, node] : gone) transaction_->written.insert(path);
    return Error::none;
}

Error Store::Request::note_access(std::string_view path) {
    if (transaction_ == nullptr || transaction_->accessed.contains(path)) return Error::none;
    if (is_limited()) {
        if (transaction_->accessed.size() >= store_.limits_.nodes_per_transaction)
            return Error::nospc;
        // In up to three sets, with what a place in one takes.
        const std::size_t bytes = 3 * (path.size() + 64);
        if (!store_.may_have(who_, bytes)) return Error::nomem;
        transaction_->bytes += bytes;
    }
    transaction_->accessed.emplace(path);
    return Error::none;
}

void Store::Request::write(const std::string& path, std::string value, Permissions permissions) {
    tree_->put(path, std::move(value), std::move(permissions), store_.next_generation());
    if (transaction_ == nullptr) return store_.doom_old_transactions();
    transaction_->written.insert(path);
    transaction_->bytes += tree_->find(path)->bytes();
}

}  // namespace ring3::store
