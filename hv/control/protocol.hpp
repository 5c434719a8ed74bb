// SPDX-License-Identifier: MIT
// What goes over a machine's socket: lines, each one JSON document.
//
//   request  {"ring3": 1, "verb": "pause", "arguments": {"domain": "web"}}
//   reply    {"result": ...} or {"error": {"code": "unknown-domain", "exit": 2, "message": "..."}}
//
// A reply {"result": ..., "stream": true} is followed by any number of documents in both
// directions, then by {"end": ...}. Bytes that need not be text (consoles, values of the store) are
// strings in which the character U+00NN stands for the byte NN.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "hv/base/errors.hpp"

namespace ring3 {

/// Keeps the order in which members were added: documents are for people, too.
using Json = nlohmann::ordered_json;

constexpr int protocol_version = 1;
/// Of requests. A machine answers with longer ones.
constexpr std::size_t longest_request = std::size_t{4} << 20;

/// A request that was not carried out.
class ControlError : public std::runtime_error {
public:
    /// `code` names the kind of error for programs.
    ControlError(std::string code, ExitCode exit, const std::string& message)
        : std::runtime_error(message), code_(std::move(code)), exit_(exit) {}
    const std::string& code() const { return code_; }
    ExitCode exit() const { return exit_; }

private:
    std::string code_;
    ExitCode exit_;
};

/// The line of a document, with its line end.
std::string line_of(const Json& document);
/// Throws ControlError for what is no JSON object, or too deep.
Json document_of(std::string_view line);

std::string text_of_bytes(std::span<const std::byte> bytes);
std::string text_of_bytes(std::string_view bytes);
/// Throws ControlError for a character above U+00FF.
std::string bytes_of_text(std::string_view text);

/// The members of a request's "arguments", checked as they are asked for.
class Arguments {
public:
    explicit Arguments(Json members);
    bool has(const char* name) const { return members_.contains(name); }
    std::string string(const char* name) const;
    std::string string(const char* name, const std::string& otherwise) const;
    /// False when it is not there.
    bool flag(const char* name) const;
    std::int64_t integer(const char* name) const;
    std::vector<std::string> strings(const char* name) const;
    /// An object, or an empty one when it is not there.
    Json object(const char* name) const;

private:
    const Json& member(const char* name) const;
    Json members_;
};

}  // namespace ring3
