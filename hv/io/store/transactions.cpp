// SPDX-License-Identifier: MIT
// The store's transactions: each works on a snapshot; its end puts what it wrote into the store
// when nothing that it looked at has changed meanwhile, and fails otherwise.
#include <algorithm>
#include <optional>
#include <utility>

#include "hv/io/store/store.hpp"

namespace ring3::store {
namespace {

constexpr DomainId domain0{0};

}  // namespace

Error Store::start_transaction(DomainId who, TransactionId& id) {
    const auto own = std::count_if(transactions_.begin(), transactions_.end(),
                                   [&](const auto& entry) { return entry.first.first == who; });
    if (who != domain0 && own >= limits_.transactions) return Error::nospc;
    if (!may_have(who, sizeof(Transaction))) return Error::nomem;
    TransactionId& last = last_transaction_[who];
    do {
        ++last;
    } while (last == 0 || transactions_.contains({who, last}));
    id = last;
    Transaction transaction;
    transaction.base = transaction.tree = tree_;
    transaction.bytes = sizeof(Transaction);
    transaction.started_at_churn = tree_.churn();
    transaction.started_at_generation = generation_;
    transactions_.emplace(Key{who, id}, std::move(transaction));
    return Error::none;
}

bool Store::was_disturbed(const Transaction& transaction) const {
    if (transaction.doomed) return true;
    for (const std::string& path : transaction.accessed) {
        const Node* const then = transaction.base.find(path);
        const Node* const now = tree_.find(path);
        if ((then == nullptr) != (now == nullptr)) return true;
        if (then != nullptr && then->generation != now->generation) return true;
    }
    for (const std::string& path : transaction.trusted) {
        const Node* const then = transaction.base.find(path);
        const Node* const now = tree_.find(path);
        if (then == nullptr) continue;  // made by the transaction itself
        if (now == nullptr || then->permissions_generation != now->permissions_generation)
            return true;
    }
    // Nothing may be given to, or shared with, a domain that went away meanwhile.
    const auto is_gone = [&](const Permission& permission) {
        const auto at = released_.find(permission.domain);
        return !permission.stale && at != released_.end() &&
               at->second > transaction.started_at_generation;
    };
    for (const std::string& path : transaction.written) {
        const Node* const node = transaction.tree.find(path);
        if (node != nullptr &&
            std::any_of(node->permissions.begin(), node->permissions.end(), is_gone))
            return true;
    }
    return false;
}

Error Store::end_transaction(DomainId who, TransactionId id, End how) {
    const auto it = transactions_.find({who, id});
    if (it == transactions_.end()) return Error::noent;
    const Transaction transaction = std::move(it->second);
    transactions_.erase(it);
    if (how == End::abort) return Error::none;
    if (was_disturbed(transaction)) return Error::again;

    // In the order of the names, which puts parents before their children.
    Tree merged = tree_;
    std::vector<News> news;
    std::vector<std::string> changed;
    for (const std::string& path : transaction.written) {
        if (const Node* const node = transaction.tree.find(path)) {
            if (path != "/" && merged.find(parent_of(path)) == nullptr) return Error::again;
            merged.put(path, node->value, node->permissions, next_generation());
            add_watchers(merged, path, news);
        } else if (merged.find(path) != nullptr) {
            add_watchers(merged, path, news);
            add_watchers_below(merged, path, news);
            merged.remove(path, next_generation());
        }
    }
    if (who != domain0 && !transaction.written.empty()) {
        if (merged.owned_by(who).nodes > limits_.nodes) return Error::nospc;
        const std::size_t before = tree_.owned_by(who).bytes, after = merged.owned_by(who).bytes;
        if (after > before && !may_have(who, after - before)) return Error::nomem;
    }
    tree_ = std::move(merged);
    doom_old_transactions();
    tell(news);
    return Error::none;
}

/// Called after each change. A client's next request in a transaction that is too old still gets
/// answers, from the store as it is now.
void Store::doom_old_transactions() {
    for (auto& [key, transaction] : transactions_) {
        if (tree_.churn() - transaction.started_at_churn <= limits_.churn_bytes) continue;
        transaction.doomed = true;
        transaction.base = transaction.tree = tree_;
        transaction.started_at_churn = tree_.churn();
    }
}

}  // namespace ring3::store
