// SPDX-License-Identifier: MIT
// The store's data: a tree of named nodes with values and permissions. Copying a Tree is a snapshot
// (nodes never change once made, a write makes new ones up to the root): what transactions stand
// on.
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
    std::map<std::string, std::shared_ptr<const Node>, std::less<>> children;
};

/// Domain 0 and the owner have all rights.
Rights rights_of(DomainId domain, const Node& node);

/// The path without its last name: "/" for "/tool". `path` is not "/".
std::string_view parent_of(std::string_view path);

/// Paths are absolute, well-formed ("/", "/a/b"), as Store makes sure.
class Tree {
public:
    Tree();

    const Node* find(std::string_view path) const;
    /// The node, or the nearest one above it that exists.
    const Node& nearest(std::string_view path) const;

    /// Makes the node or replaces its value and permissions, keeping its children. Its parent
    /// exists.
    void put(std::string_view path, std::string value, Permissions permissions,
             std::uint64_t generation);
    /// Removes an existing node other than "/" with all below it.
    void remove(std::string_view path, std::uint64_t generation);

    /// How many nodes this domain owns.
    std::uint32_t owned_by(DomainId domain) const;

private:
    using NodePointer = std::shared_ptr<const Node>;
    /// A copy of the tree's spine down to `path`, the last node changed by `change`.
    NodePointer with_change(const Node& from, std::string_view rest,
                            const std::function<void(Node&, std::string_view name)>& change) const;
    void count(const Node& node, std::int32_t step);

    NodePointer root_;
    std::map<DomainId, std::uint32_t> owned_;
};

}  // namespace ring3::store
