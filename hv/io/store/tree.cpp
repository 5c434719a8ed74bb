// SPDX-License-Identifier: MIT
#include "hv/io/store/tree.hpp"

#include <utility>

#include "hv/base/check.hpp"

namespace ring3::store {
namespace {

/// Splits the first name off a path without leading '/': "a/b/c" becomes {"a", "b/c"}.
std::pair<std::string_view, std::string_view> first_name(std::string_view path) {
    const std::size_t slash = path.find('/');
    if (slash == std::string_view::npos) return {path, {}};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string_view below_root(std::string_view path) {
    HV_CHECK(path.starts_with('/'), "paths in the store's tree are absolute");
    return path.substr(1);
}

}  // namespace

Rights rights_of(DomainId domain, const Node& node) {
    const Permission& owner = node.permissions.front();
    if (domain == DomainId{0} || domain == owner.domain) return Rights::both;
    for (std::size_t i = 1; i < node.permissions.size(); ++i)
        if (node.permissions[i].domain == domain) return node.permissions[i].rights;
    return owner.rights;
}

std::string_view parent_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

Tree::Tree() {
    Node root;
    root.permissions = {{DomainId{0}, Rights::none}};
    root_ = std::make_shared<const Node>(std::move(root));
    count(*root_, +1);
}

const Node* Tree::find(std::string_view path) const {
    const Node* node = root_.get();
    for (std::string_view rest = below_root(path); !rest.empty();) {
        const auto [name, below] = first_name(rest);
        const auto child = node->children.find(name);
        if (child == node->children.end()) return nullptr;
        node = child->second.get();
        rest = below;
    }
    return node;
}

const Node& Tree::nearest(std::string_view path) const {
    const Node* node = root_.get();
    for (std::string_view rest = below_root(path); !rest.empty();) {
        const auto [name, below] = first_name(rest);
        const auto child = node->children.find(name);
        if (child == node->children.end()) break;
        node = child->second.get();
        rest = below;
    }
    return *node;
}

Tree::NodePointer Tree::with_change(
    const Node& from, std::string_view rest,
    const std::function<void(Node&, std::string_view name)>& change) const {
    const auto [name, below] = first_name(rest);
    Node copy = from;
    if (below.empty()) {
        change(copy, name);
    } else {
        const auto child = copy.children.find(name);
        HV_CHECK(child != copy.children.end(), "a parent is missing in the store");
        child->second = with_change(*child->second, below, change);
    }
    return std::make_shared<const Node>(std::move(copy));
}

void Tree::put(std::string_view path, std::string value, Permissions permissions,
               std::uint64_t generation) {
    HV_CHECK(!permissions.empty(), "a node of the store has an owner");
    const Node* const before = find(path);
    Node node;
    if (before != nullptr) {
        node = *before;
        count(*before, -1);
    }
    node.value = std::move(value);
    node.permissions = std::move(permissions);
    node.generation = generation;
    count(node, +1);
    auto made = std::make_shared<const Node>(std::move(node));
    if (path == "/") {
        root_ = std::move(made);
        return;
    }
    root_ = with_change(*root_, below_root(path), [&](Node& parent, std::string_view name) {
        if (parent.children.insert_or_assign(std::string(name), made).second)
            parent.generation = generation;
    });
}

void Tree::remove(std::string_view path, std::uint64_t generation) {
    // Counted node by node: those below may have other owners.
    std::vector<const Node*> gone{find(path)};
    for (std::size_t i = 0; i < gone.size(); ++i) {
        count(*gone[i], -1);
        for (const auto& [name, child] : gone[i]->children) gone.push_back(child.get());
    }
    root_ = with_change(*root_, below_root(path), [&](Node& parent, std::string_view name) {
        parent.children.erase(parent.children.find(name));
        parent.generation = generation;
    });
}

std::uint32_t Tree::owned_by(DomainId domain) const {
    const auto it = owned_.find(domain);
    return it == owned_.end() ? 0 : it->second;
}

void Tree::count(const Node& node, std::int32_t step) {
    owned_[node.permissions.front().domain] += static_cast<std::uint32_t>(step);
}

}  // namespace ring3::store
