// SPDX-License-Identifier: MIT
// XenStore without its transport: the tree that domains and tools share, watches on it, and
// transactions. Rules and errors as in Xen's docs/misc/xenstore.txt. Everything in it is ordered by
// name or by time of arrival, so that a run repeats.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/io/store/native_watch.hpp"
#include "hv/io/store/tree.hpp"
#include "hv/io/store/watches.hpp"

namespace ring3::store {

/// The errors that the wire protocol knows; their names there are these with an E in front.
enum class Error : std::uint8_t {
    none,
    inval,
    acces,
    exist,
    isdir,
    noent,
    nomem,
    nospc,
    io,
    notempty,
    nosys,
    rofs,
    busy,
    again,
    isconn,
    too_big,
    perm,
};
/// "ENOENT"
std::string_view error_name(Error error);

/// What a domain other than 0 may have at most (xenstored's defaults).
struct Limits {
    std::uint32_t nodes = 1000;
    /// Of one node: its value and the names of its children.
    std::size_t node_bytes = 2048;
    std::uint32_t watches = 128;
    std::uint32_t transactions = 10;
    std::size_t nodes_per_transaction = 1024;
    std::size_t permissions = 5;
    /// Of a path without the /local/domain/N/ in front.
    std::size_t path_bytes = 2048;
    /// Of all that is kept for the domain: nodes, transactions, watches.
    std::size_t memory_bytes = 2560 * 1024;
    /// What may change in the store while a transaction is open and keeps the old nodes: one that
    /// is older fails, and lets go of them. So bounds what all transactions keep together.
    std::uint64_t churn_bytes = 16 * 1024 * 1024;
};

class Store {
public:
    /// 0 = outside of any transaction.
    using TransactionId = std::uint32_t;
    /// Who is told: the domain that watches, the path as it gave it, its token.
    using Deliver =
        std::function<void(DomainId watcher, const std::string& path, const std::string& token)>;

    explicit Store(Deliver deliver, Limits limits = {});

    /// Everything that a client can ask. A path may be relative to the client's /local/domain/N.
    /// Outputs are set only when Error::none is answered.
    Error read(DomainId who, TransactionId in, std::string_view path, std::string& value);
    Error directory(DomainId who, TransactionId in, std::string_view path,
                    std::vector<std::string>& children, std::uint64_t& generation);
    Error write(DomainId who, TransactionId in, std::string_view path, std::string_view value);
    Error make_directory(DomainId who, TransactionId in, std::string_view path);
    Error remove(DomainId who, TransactionId in, std::string_view path);
    /// Of a node, or of who is told of "@introduceDomain" and "@releaseDomain".
    Error permissions(DomainId who, TransactionId in, std::string_view path, Permissions& all);
    Error set_permissions(DomainId who, TransactionId in, std::string_view path, Permissions all);

    /// Also delivers a first event at once.
    Error watch(DomainId who, std::string_view path, std::string_view token);
    Error unwatch(DomainId who, std::string_view path, std::string_view token);
    /// Drops the client's watches and transactions.
    void reset_watches(DomainId who);
    /// The path, as the client gave it, of its watch with this token at or above `path`; empty when
    /// there is none. "Look at all of it again", when there is no room for single events.
    std::string watched_above(DomainId who, std::string_view path, std::string_view token) const;

    enum class End : std::uint8_t { commit, abort };
    Error start_transaction(DomainId who, TransactionId& id);
    /// `again`: what the transaction read or wrote was changed by others meanwhile.
    Error end_transaction(DomainId who, TransactionId id, End how);

    /// A domain appears to the store (@introduceDomain), or goes away (@releaseDomain) with its
    /// watches, its transactions, the nodes that it owns, and its rights on others.
    void introduce(DomainId domain);
    void release(DomainId domain);
    bool is_introduced(DomainId domain) const { return introduced_.contains(domain); }

    /// Calls the callbacks of all NativeWatches whose paths have changed, in order, until none is
    /// left to call. For whoever drives the store: after it has served a connection or written.
    void deliver_native() { native_.deliver(); }
    bool has_native_events() const { return native_.are_waiting(); }

    static std::string home_of(DomainId domain);
    /// What the store keeps for the domain, in bytes.
    std::size_t memory_of(DomainId domain) const;

private:
    friend class NativeWatch;

    struct Transaction {
        Tree base;
        Tree tree;
        std::set<std::string, std::less<>> accessed;
        std::set<std::string, std::less<>> written;
        /// Nodes whose permissions allowed something below them, not looked at otherwise.
        std::set<std::string, std::less<>> trusted;
        /// About what is kept for it alone.
        std::size_t bytes = 0;
        std::uint64_t started_at_churn = 0;
        std::uint64_t started_at_generation = 0;
        /// Too old to be kept: reads the store as it was when that was found, and will fail.
        bool doomed = false;
    };
    using Key = std::pair<DomainId, TransactionId>;
    using Transactions = std::map<Key, Transaction>;
    /// A watch that is to be told of a path.
    struct News {
        Watch watch;
        std::string path;
    };

    /// One request on one tree, the main one or a transaction's: request.hpp.
    class Request;
    friend class Request;

    std::uint64_t add_native_watch(const std::string& path, NativeWatch::Callback callback);
    void remove_native_watch(const std::string& path, std::uint64_t number);
    bool may_have(DomainId who, std::size_t more_bytes) const;
    void absent_become_stale(Permissions& permissions) const;
    Error set_special_permissions(DomainId who, std::string_view name, Permissions all);

    /// Who watches `path` or above it, and who watches below it in a tree that loses it; only those
    /// who may read what changes.
    void add_watchers(const Tree& tree, const std::string& path, std::vector<News>& news) const;
    void add_watchers_below(const Tree& tree, const std::string& path,
                            std::vector<News>& news) const;
    void tell(const std::vector<News>& news);
    void fire_special(const std::string& name);

    bool was_disturbed(const Transaction& transaction) const;
    void doom_old_transactions();
    std::uint64_t next_generation() { return ++generation_; }

    Deliver deliver_;
    const Limits limits_;
    Tree tree_;
    std::uint64_t generation_ = 0;
    Watches watches_;
    NativeEvents native_;
    Transactions transactions_;
    std::map<DomainId, TransactionId> last_transaction_;
    std::set<DomainId> introduced_;
    /// The generation at which a domain of this number went last.
    std::map<DomainId, std::uint64_t> released_;
    std::map<std::string, Permissions, std::less<>> special_;
};

}  // namespace ring3::store
