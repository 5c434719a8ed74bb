// SPDX-License-Identifier: MIT
// The store's data: a tree of named nodes with values and permissions. Copying a Tree is a
// snapshot: trees share nodes, and a write copies what it changes, up to the root, only where
// another tree still holds it. Transactions stand on that; without any open, a write changes its
// node in place.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3::store {

/// What a domain may do with a node. Bits, so that rights can be tested together.
enum class Rights : std::uint8_t { none = 0, read = 1, write = 2, both = 3 };

constexpr bool includes(Rights has, Rights wanted) {
    return (static_cast<unsigned>(has) & static_cast<unsigned>(wanted)) ==
           static_cast<unsigned>(wanted);
}

struct Permission {
    DomainId domain{};
    Rights rights = Rights::none;
    /// Names a domain that is gone, or was not there yet: no right of a later one of that number.
    bool stale = false;
    friend bool operator==(const Permission&, const Permission&) = default;
};

/// Never empty. The first names the owner, who may do anything; its rights are those of every
/// domain that no other entry names.
using Permissions = std::vector<Permission>;

struct Node {
    std::string value;
    Permissions permissions;
    /// Changes with the value, the permissions and the list of children; unique in one store.
    std::uint64_t generation = 0;
    /// The generation in which it was made or its permissions were set last.
    std::uint64_t permissions_generation = 0;
    std::map<std::string, std::shared_ptr<Node>, std::less<>> children;
    /// Of all children's names, with a byte more for each.
    std::size_t name_bytes = 0;

    /// About what the node takes here, its children's own nodes aside.
    std::size_t bytes() const;
};

/// Domain 0 and the owner have all rights.
Rights rights_of(DomainId domain, const Permissions& permissions);
inline Rights rights_of(DomainId domain, const Node& node) {
    return rights_of(domain, node.permissions);
}

/// The path without its last name: "/" for "/tool". `path` is not "/".
std::string_view parent_of(std::string_view path);

/// Paths are absolute, well-formed ("/", "/a/b"), as Store makes sure.
class Tree {
public:
    Tree();

    /// Valid until the tree changes.
    const Node* find(std::string_view path) const;
    /// The path of the node, or of the nearest one above it that exists.
    std::string_view nearest(std::string_view path) const;

    /// Makes the node or replaces its value and permissions, keeping its children. Its parent
    /// exists.
    void put(std::string_view path, std::string value, Permissions permissions,
             std::uint64_t generation);
    /// Removes an existing node other than "/" with all below it.
    void remove(std::string_view path, std::uint64_t generation);
    /// The nodes of this domain that do not lie below another of its nodes; never "/".
    std::vector<std::string> owned_roots(DomainId domain) const;
    /// Makes all entries that name the domain stale, and "/" domain 0's if it was given away.
    void forget_rights(DomainId domain, std::uint64_t generation);

    struct Use {
        std::uint32_t nodes = 0;
        std::size_t bytes = 0;
    };
    /// What this domain owns.
    Use owned_by(DomainId domain) const;
    /// Bytes of nodes that were copied or dropped here so far while another tree may hold them.
    std::uint64_t churn() const { return churn_; }

private:
    using NodePointer = std::shared_ptr<Node>;

    /// The node, with no other tree holding it or what leads to it.
    Node& own(std::string_view path);
    Node& own(NodePointer& pointer);
    void count(const Node& node, std::string_view name, int step);
    void uncount_all(const Node& node, std::string_view name);

    NodePointer root_;
    std::map<DomainId, Use> owned_;
    std::uint64_t churn_ = 0;
};

}  // namespace ring3::store
