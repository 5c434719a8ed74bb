// SPDX-License-Identifier: MIT
// One client's request for one path of the store, on the main tree or on a transaction's: finds and
// judges the node, keeps the client within its limits, and notes in a transaction what was looked
// at and what was changed.
#pragma once

#include <string>
#include <string_view>

#include "hv/io/store/store.hpp"

namespace ring3::store {

/// The absolute form; empty when the path is malformed or too long for this client.
std::string absolute(DomainId who, std::string_view path, const Limits& limits);

class Store::Request {
public:
    Request(Store& store, DomainId who, TransactionId in, std::string_view path);

    const std::string& path() const { return path_; }
    /// The path is well-formed and the transaction exists.
    bool is_valid() const { return error_ == Error::none; }
    const Tree& tree() const { return *tree_; }

    /// The node, or why this client cannot have it. A client that has no right to what lies above a
    /// missing node must not learn that it is missing: `acces`.
    Error find(Rights wanted, const Node*& node);
    /// Writes the node of an earlier find().
    Error put(std::string value, Permissions permissions);
    /// Makes the node that find() missed, and what is missing above it, with the rights of the
    /// nearest that exists.
    Error create(std::string_view value);
    /// Removes the node of an earlier find() with all below it.
    Error remove();

private:
    bool is_limited() const { return who_ != DomainId{0}; }
    Error note_access(std::string_view path);
    Error note_removal();
    void write(const std::string& path, std::string value, Permissions permissions);

    Store& store_;
    const DomainId who_;
    const std::string path_;
    Tree* tree_;
    Transaction* transaction_ = nullptr;
    Error error_ = Error::none;
};

}  // namespace ring3::store
