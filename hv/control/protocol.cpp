// SPDX-License-Identifier: MIT
#include "hv/control/protocol.hpp"

#include <utility>

#include <fmt/format.h>

namespace ring3 {
namespace {

constexpr int deepest = 16;

[[noreturn]] void refuse(const std::string& message) {
    throw ControlError{"protocol", ExitCode::usage, message};
}

}  // namespace

std::string line_of(const Json& document) {
    // Text that is no UTF-8 (a domain's name from a file) must not end the connection.
    return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json document_of(std::string_view line) {
    const auto limit_depth = [](int depth, Json::parse_event_t, Json&) {
        if (depth > deepest) refuse("a document is nested too deeply");
        return true;
    };
    try {
        Json document = Json::parse(line, limit_depth);
        if (document.is_object()) return document;
    } catch (const Json::exception& error) {
        refuse(fmt::format("a line is no JSON: {}", error.what()));
    }
    refuse("a line is no JSON object");
}

std::string text_of_bytes(std::span<const std::byte> bytes) {
    std::string text;
    text.reserve(bytes.size());
    for (const std::byte byte : bytes) {
        const auto code = std::to_integer<unsigned char>(byte);
        if (code < 0x80) {
            text.push_back(static_cast<char>(code));
        } else {
            text.push_back(static_cast<char>(0xc0 | code >> 6));
            text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
        }
    }
    return text;
}

std::string text_of_bytes(std::string_view bytes) {
    return text_of_bytes(std::as_bytes(std::span{bytes}));
}

std::string bytes_of_text(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto first = static_cast<unsigned char>(text[i]);
        if (first < 0x80) {
            bytes.push_back(text[i]);
            continue;
        }
        // The parser has made sure that this is UTF-8: C2 and C3 begin the characters to U+00FF.
        if (first > 0xc3 || i + 1 >= text.size()) refuse("a character stands for no byte");
        const auto second = static_cast<unsigned char>(text[++i]);
        bytes.push_back(static_cast<char>((first & 3) << 6 | (second & 0x3f)));
    }
    return bytes;
}

Arguments::Arguments(Json members) : members_(std::move(members)) {
    if (members_.is_null()) members_ = Json::object();
    if (!members_.is_object()) refuse("\"arguments\" is no object");
}

const Json& Arguments::member(const char* name) const {
    const auto found = members_.find(name);
    if (found == members_.end()) refuse(fmt::format("the argument \"{}\" is missing", name));
    return *found;
}

std::string Arguments::string(const char* name) const {
    const Json& value = member(name);
    if (!value.is_string()) refuse(fmt::format("the argument \"{}\" is no string", name));
    return value.get<std::string>();
}

std::string Arguments::string(const char* name, const std::string& otherwise) const {
    return has(name) ? string(name) : otherwise;
}

bool Arguments::flag(const char* name) const {
    if (!has(name)) return false;
    const Json& value = member(name);
    if (!value.is_boolean())
        refuse(fmt::format("the argument \"{}\" is neither true nor false", name));
    return value.get<bool>();
}

std::int64_t Arguments::integer(const char* name) const {
    const Json& value = member(name);
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() &&
         value.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}))
        refuse(fmt::format("the argument \"{}\" is no integer", name));
    return value.get<std::int64_t>();
}

std::vector<std::string> Arguments::strings(const char* name) const {
    std::vector<std::string> all;
    if (!has(name)) return all;
    const Json& value = member(name);
    if (!value.is_array()) refuse(fmt::format("the argument \"{}\" is no list", name));
    for (const Json& each : value) {
        if (!each.is_string()) refuse(fmt::format("the argument \"{}\" holds no strings", name));
        all.push_back(each.get<std::string>());
    }
    return all;
}

Json Arguments::object(const char* name) const {
    if (!has(name)) return Json::object();
    const Json& value = member(name);
    if (!value.is_object()) refuse(fmt::format("the argument \"{}\" is no object", name));
    return value;
}

}  // namespace ring3
