// SPDX-License-Identifier: MIT
// XenStore without its transport: the tree that domains and tools share, watches on it, and
// transactions. Rules and errors as in Xen's docs/misc/xenstore.txt. Everything in it is ordered by
// name or by time of arrival, so that a run repeats.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
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
    std::size_t value_bytes = 2048;
    std::uint32_t watches = 128;
    std::uint32_t transactions = 10;
    std::size_t nodes_per_transaction = 1024;
    std::size_t permissions = 5;
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
    Error permissions(DomainId who, TransactionId in, std::string_view path, Permissions& all);
    Error set_permissions(DomainId who, TransactionId in, std::string_view path, Permissions all);

    /// Also delivers a first event at once.
    Error watch(DomainId who, std::string_view path, std::string_view token);
    Error unwatch(DomainId who, std::string_view path, std::string_view token);
    void reset_watches(DomainId who);

    enum class End : std::uint8_t { commit, abort };
    Error start_transaction(DomainId who, TransactionId& id);
    /// `again`: what the transaction read or wrote was changed by others meanwhile.
    Error end_transaction(DomainId who, TransactionId id, End how);

    /// A domain appears to the store (@introduceDomain), or goes away with its watches and
    /// transactions (@releaseDomain). Its nodes stay: they are the tool's to remove.
    void introduce(DomainId domain);
    void release(DomainId domain);
    bool is_introduced(DomainId domain) const { return introduced_.contains(domain); }

    /// Calls the callbacks of all NativeWatches whose paths have changed, in order, until none is
    /// left to call. For whoever drives the store: after it has served a connection or written.
    void deliver_native() { native_.deliver(); }
    bool has_native_events() const { return native_.are_waiting(); }

    static std::string home_of(DomainId domain);

private:
    friend class NativeWatch;
    struct Transaction {
        Tree base;
        Tree tree;
        std::set<std::string, std::less<>> accessed;
        std::set<std::string, std::less<>> written;
    };
    using Key = std::pair<DomainId, TransactionId>;

    /// One request on one tree, the main one or a transaction's: see store.cpp.
    class Request;
    friend class Request;

    std::uint64_t add_native_watch(const std::string& path, NativeWatch::Callback callback);
    void remove_native_watch(const std::string& path, std::uint64_t number);
    void tell(const Watch& watch, const std::string& path);
    void fire(const std::string& path, const Tree& before);
    void fire_special(std::string_view name);
    std::uint64_t next_generation() { return ++generation_; }

    Deliver deliver_;
    const Limits limits_;
    Tree tree_;
    std::uint64_t generation_ = 0;
    Watches watches_;
    NativeEvents native_;
    std::map<Key, Transaction> transactions_;
    std::map<DomainId, TransactionId> last_transaction_;
    std::set<DomainId> introduced_;
};

}  // namespace ring3::store
