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

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view below_root(std::string_view path) {
    HV_CHECK(path.starts_with('/'), "paths in the store's tree are absolute");
    return path.substr(1);
}

}  // namespace

Rights rights_of(DomainId domain, const Permissions& permissions) {
    const Permission& owner = permissions.front();
    if (domain == DomainId{0} || domain == owner.domain) return Rights::both;
    for (std::size_t i = 1; i < permissions.size(); ++i) {
        const Permission& permission = permissions[i];
        if (permission.domain == domain && !permission.stale) return permission.rights;
    }
    return owner.rights;
}

std::string_view parent_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::size_t Node::bytes() const {
    // A map's entry: its links, a short string, a pointer with its counts.
    constexpr std::size_t per_child = 112;
    return sizeof(Node) + value.size() + permissions.size() * sizeof(Permission) +
           children.size() * per_child + name_bytes;
}

Tree::Tree() : root_(std::make_shared<Node>()) {
    root_->permissions = {{DomainId{0}, Rights::none}};
    count(*root_, "", +1);
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

std::string_view Tree::nearest(std::string_view path) const {
    const Node* node = root_.get();
    std::size_t length = 0;
    for (std::string_view rest = below_root(path); !rest.empty();) {
        const auto [name, below] = first_name(rest);
        const auto child = node->children.find(name);
        if (child == node->children.end()) break;
        node = child->second.get();
        length += 1 + name.size();
        rest = below;
    }
    return length == 0 ? "/" : path.substr(0, length);
}

Node& Tree::own(NodePointer& pointer) {
    if (pointer.use_count() > 1) {
        churn_ += pointer->bytes();
        pointer = std::make_shared<Node>(*pointer);
    }
    return *pointer;
}

Node& Tree::own(std::string_view path) {
    Node* node = &own(root_);
    for (std::string_view rest = below_root(path); !rest.empty();) {
        const auto [name, below] = first_name(rest);
        const auto child = node->children.find(name);
        HV_CHECK(child != node->children.end(), "a node of the store is missing");
        node = &own(child->second);
        rest = below;
    }
    return *node;
}

void Tree::put(std::string_view path, std::string value, Permissions permissions,
               std::uint64_t generation) {
    HV_CHECK(!permissions.empty(), "a node of the store has an owner");
    if (find(path) == nullptr) {
        Node& parent = own(parent_of(path));
        count(parent, name_of(parent_of(path)), -1);
        parent.children.emplace(name_of(path), std::make_shared<Node>());
        parent.name_bytes += name_of(path).size() + 1;
        parent.generation = generation;
        count(parent, name_of(parent_of(path)), +1);
    } else {
        count(*find(path), name_of(path), -1);
    }
    Node& node = own(path);
    if (node.permissions != permissions) node.permissions_generation = generation;
    node.value = std::move(value);
    node.permissions = std::move(permissions);
    node.generation = generation;
    count(node, name_of(path), +1);
}

void Tree::remove(std::string_view path, std::uint64_t generation) {
    Node& parent = own(parent_of(path));
    const auto child = parent.children.find(name_of(path));
    HV_CHECK(child != parent.children.end(), "a node of the store is missing");
    uncount_all(*child->second, name_of(path));
    count(parent, name_of(parent_of(path)), -1);
    parent.children.erase(child);
    parent.name_bytes -= name_of(path).size() + 1;
    parent.generation = generation;
    count(parent, name_of(parent_of(path)), +1);
}

std::vector<std::string> Tree::owned_roots(DomainId domain) const {
    std::vector<std::string> roots;
    std::vector<std::pair<std::string, const Node*>> left{{"", root_.get()}};
    while (!left.empty()) {
        const auto [path, node] = std::move(left.back());
        left.pop_back();
        // "/" stays whoever it was given to: nothing could be in the store without it.
        if (!path.empty() && node->permissions.front().domain == domain) {
            roots.push_back(path);
            continue;
        }
        for (auto child = node->children.rbegin(); child != node->children.rend(); ++child)
            left.emplace_back(path + '/' + child->first, child->second.get());
    }
    return roots;
}

void Tree::forget_rights(DomainId domain, std::uint64_t generation) {
    std::vector<std::string> named;
    std::vector<std::pair<std::string, const Node*>> left{{"", root_.get()}};
    while (!left.empty()) {
        const auto [path, node] = std::move(left.back());
        left.pop_back();
        for (const Permission& permission : node->permissions) {
            if (permission.domain == domain && !permission.stale)
                named.push_back(path.empty() ? "/" : path);
        }
        for (const auto& [name, child] : node->children)
            left.emplace_back(path + '/' + name, child.get());
    }
    for (const std::string& path : named) {
        Node& node = own(path);
        count(node, name_of(path), -1);
        node.permissions_generation = node.generation = generation;
        Permission& owner = node.permissions.front();
        if (owner.domain == domain) owner.domain = DomainId{0};
        for (std::size_t i = 1; i < node.permissions.size(); ++i)
            node.permissions[i].stale |= node.permissions[i].domain == domain;
        count(node, name_of(path), +1);
    }
}

Tree::Use Tree::owned_by(DomainId domain) const {
    const auto it = owned_.find(domain);
    return it == owned_.end() ? Use{} : it->second;
}

void Tree::count(const Node& node, std::string_view name, int step) {
    const DomainId owner = node.permissions.empty() ? DomainId{0} : node.permissions[0].domain;
    Use& use = owned_[owner];
    if (step > 0) {
        ++use.nodes;
        use.bytes += node.bytes() + name.size();
    } else {
        --use.nodes;
        use.bytes -= node.bytes() + name.size();
    }
    if (use.nodes == 0) owned_.erase(owner);
}

/// Node by node: those below may have other owners.
void Tree::uncount_all(const Node& node, std::string_view name) {
    std::vector<std::pair<std::string_view, const Node*>> left{{name, &node}};
    while (!left.empty()) {
        const auto [at, each] = left.back();
        left.pop_back();
        count(*each, at, -1);
        churn_ += each->bytes();
        for (const auto& [child_name, child] : each->children)
            left.emplace_back(child_name, child.get());
    }
}

}  // namespace ring3::store
