// SPDX-License-Identifier: MIT
#include "hv/io/store/store.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/io/store/path.hpp"

namespace ring3::store {
namespace {

constexpr DomainId domain0{0};

/// Empty when the path is malformed.
std::string absolute(DomainId who, std::string_view path) {
    if (!is_valid_path(path)) return {};
    if (path.starts_with('/')) return std::string(path);
    return fmt::format("{}/{}", Store::home_of(who), path);
}

}  // namespace

std::string_view error_name(Error error) {
    constexpr std::array<std::string_view, 17> names{
        "OK",        "EINVAL", "EACCES", "EEXIST", "EISDIR", "ENOENT",  "ENOMEM", "ENOSPC", "EIO",
        "ENOTEMPTY", "ENOSYS", "EROFS",  "EBUSY",  "EAGAIN", "EISCONN", "E2BIG",  "EPERM"};
    return names[static_cast<std::size_t>(error)];
}

/// One client's request for one path, on the main tree or on a transaction's. In a transaction it
/// notes what was looked at and what was changed.
class Store::Request {
public:
    Request(Store& store, DomainId who, TransactionId in, std::string_view path)
        : store_(store), who_(who), path_(absolute(who, path)), tree_(&store.tree_) {
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

    const std::string& path() const { return path_; }
    /// The path is well-formed and the transaction exists.
    bool is_valid() const { return error_ == Error::none; }
    const Tree& tree() const { return *tree_; }

    /// The node, or why this client cannot have it. A client that has no right to what lies above a
    /// missing node must not learn that it is missing: `acces`.
    Error find(Rights wanted, const Node*& node) {
        if (error_ != Error::none) return error_;
        if (const Error error = note_access(path_); error != Error::none) return error;
        node = tree_->find(path_);
        const Node& judge = node != nullptr ? *node : tree_->nearest(path_);
        if (!includes(rights_of(who_, judge), wanted)) return Error::acces;
        return node != nullptr ? Error::none : Error::noent;
    }

    /// Writes the node of an earlier find(). Its parent exists.
    Error put(std::string value, Permissions permissions) {
        return change([&](Tree& tree) {
            tree.put(path_, std::move(value), std::move(permissions), store_.next_generation());
        });
    }

    /// Makes the node, and what is missing above it, with the rights of the nearest that exists.
    Error create(std::string_view value) {
        std::vector<std::string> missing;
        for (std::string_view at = path_; tree_->find(at) == nullptr; at = parent_of(at))
            missing.emplace_back(at);
        if (who_ != domain0 &&
            tree_->owned_by(who_) + missing.size() > std::size_t{store_.limits_.nodes})
            return Error::nospc;
        for (const std::string& path : missing)
            if (const Error error = note_access(path); error != Error::none) return error;

        Permissions permissions = tree_->nearest(path_).permissions;
        if (who_ != domain0) permissions.front().domain = who_;
        return change([&](Tree& tree) {
            for (auto path = missing.rbegin(); path != missing.rend(); ++path) {
                if (transaction_ != nullptr) transaction_->written.insert(*path);
                tree.put(*path, *path == path_ ? std::string(value) : "", permissions,
                         store_.next_generation());
            }
        });
    }

    Error remove() {
        // All that goes counts as looked at: who changes it meanwhile is in conflict with us.
        std::vector<std::pair<std::string, const Node*>> gone{{path_, tree_->find(path_)}};
        if (transaction_ != nullptr) {
            for (std::size_t i = 0; i < gone.size(); ++i) {
                const auto [path, node] = gone[i];
                if (const Error error = note_access(path); error != Error::none) return error;
                for (const auto& [name, child] : node->children)
                    gone.emplace_back(fmt::format("{}/{}", path, name), child.get());
            }
            for (const auto& [path, node] : gone) transaction_->written.insert(path);
        }
        return change([&](Tree& tree) { tree.remove(path_, store_.next_generation()); });
    }

private:
    Error note_access(std::string_view path) {
        if (transaction_ == nullptr || transaction_->accessed.contains(path)) return Error::none;
        if (who_ != domain0 &&
            transaction_->accessed.size() >= store_.limits_.nodes_per_transaction)
            return Error::nospc;
        transaction_->accessed.emplace(path);
        return Error::none;
    }

    template <class Change>
    Error change(Change make) {
        if (transaction_ != nullptr) {
            make(transaction_->tree);
            transaction_->written.insert(path_);
            return Error::none;
        }
        const Tree before = store_.tree_;
        make(store_.tree_);
        store_.fire(path_, before);
        return Error::none;
    }

    Store& store_;
    const DomainId who_;
    const std::string path_;
    Tree* tree_;
    Transaction* transaction_ = nullptr;
    Error error_ = Error::none;
};

Store::Store(Deliver deliver, Limits limits) : deliver_(std::move(deliver)), limits_(limits) {}

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
    if (who != domain0 && value.size() > limits_.value_bytes) return Error::nospc;
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
    const Node* node = nullptr;
    const Error error = Request(*this, who, in, path).find(Rights::read, node);
    if (error == Error::none) all = node->permissions;
    return error;
}

Error Store::set_permissions(DomainId who, TransactionId in, std::string_view path,
                             Permissions all) {
    Request request(*this, who, in, path);
    const Node* node = nullptr;
    if (const Error error = request.find(Rights::write, node); error != Error::none) return error;
    if (all.empty()) return Error::inval;
    const DomainId owner = node->permissions.front().domain;
    if (who != domain0) {
        if (owner != who) return Error::acces;
        if (all.front().domain != owner) return Error::perm;
        if (all.size() > limits_.permissions) return Error::nospc;
    }
    return request.put(node->value, std::move(all));
}

Error Store::watch(DomainId who, std::string_view path, std::string_view token) {
    const bool special = path.starts_with('@');
    const bool relative = !special && !path.starts_with('/');
    std::string full = special ? std::string(path) : absolute(who, path);
    if (full.empty() || (special && !is_valid_path(path))) return Error::inval;

    if (watches_.contains(who, full, token)) return Error::exist;
    if (who != domain0 && watches_.used_by(who).count >= limits_.watches) return Error::too_big;
    watches_.add({who, std::move(full), std::string(token), relative});
    deliver_(who, std::string(path), std::string(token));
    return Error::none;
}

Error Store::unwatch(DomainId who, std::string_view path, std::string_view token) {
    const std::string full = path.starts_with('@') ? std::string(path) : absolute(who, path);
    if (full.empty()) return Error::inval;
    return watches_.remove(who, full, token) ? Error::none : Error::noent;
}

void Store::reset_watches(DomainId who) { watches_.remove_all(who); }

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

Error Store::start_transaction(DomainId who, TransactionId& id) {
    const auto own = std::count_if(transactions_.begin(), transactions_.end(),
                                   [&](const auto& entry) { return entry.first.first == who; });
    if (who != domain0 && own >= limits_.transactions) return Error::nospc;
    TransactionId& last = last_transaction_[who];
    do {
        ++last;
    } while (last == 0 || transactions_.contains({who, last}));
    id = last;
    transactions_.emplace(Key{who, id}, Transaction{tree_, tree_, {}, {}});
    return Error::none;
}

Error Store::end_transaction(DomainId who, TransactionId id, End how) {
    const auto it = transactions_.find({who, id});
    if (it == transactions_.end()) return Error::noent;
    const Transaction transaction = std::move(it->second);
    transactions_.erase(it);
    if (how == End::abort) return Error::none;

    const auto generation = [](const Tree& tree, std::string_view path) {
        const Node* const node = tree.find(path);
        return node == nullptr ? std::optional<std::uint64_t>{} : node->generation;
    };
    for (const std::string& path : transaction.accessed)
        if (generation(transaction.base, path) != generation(tree_, path)) return Error::again;

    // In the order of the names, which puts parents before their children.
    Tree merged = tree_;
    for (const std::string& path : transaction.written) {
        if (const Node* const node = transaction.tree.find(path)) {
            if (path != "/" && merged.find(parent_of(path)) == nullptr) return Error::again;
            merged.put(path, node->value, node->permissions, next_generation());
        } else if (merged.find(path) != nullptr) {
            merged.remove(path, next_generation());
        }
    }
    if (who != domain0 && merged.owned_by(who) > limits_.nodes) return Error::nospc;
    const Tree before = std::exchange(tree_, merged);
    for (const std::string& path : transaction.written) fire(path, before);
    return Error::none;
}

void Store::introduce(DomainId domain) {
    if (introduced_.insert(domain).second) fire_special("@introduceDomain");
}

void Store::release(DomainId domain) {
    if (introduced_.erase(domain) == 0) return;
    reset_watches(domain);
    std::erase_if(transactions_, [&](const auto& entry) { return entry.first.first == domain; });
    last_transaction_.erase(domain);
    fire_special("@releaseDomain");
}

/// Tells who watches `path`, something above it, or something below it that is gone now. Only those
/// who may read what changed; `before` is the tree as it was.
void Store::fire(const std::string& path, const Tree& before) {
    const Node* const node = tree_.find(path);
    const Node& judge = node != nullptr ? *node : before.nearest(path);
    for (const Watch& watch : watches_.at_or_above(path))
        if (includes(rights_of(watch.watcher, judge), Rights::read)) tell(watch, path);
    if (node != nullptr) return;
    for (const Watch& watch : watches_.below(path)) {
        const Node* const gone = before.find(watch.path);
        if (gone != nullptr && includes(rights_of(watch.watcher, *gone), Rights::read))
            tell(watch, watch.path);
    }
}

void Store::fire_special(std::string_view name) {
    for (const Watch& watch : watches_.at(name))
        if (watch.watcher == domain0) tell(watch, watch.path);
}

void Store::tell(const Watch& watch, const std::string& path) {
    if (watch.native != 0) return native_.queue(watch.native, path);
    const std::size_t skip = watch.relative ? home_of(watch.watcher).size() + 1 : 0;
    deliver_(watch.watcher, path.substr(skip), watch.token);
}

}  // namespace ring3::store
