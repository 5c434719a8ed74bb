// SPDX-License-Identifier: MIT
#include "hv/io/store/protocol.hpp"

#include <array>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "hv/abi/xen.hpp"
#include "hv/abi/xs_wire.hpp"

namespace ring3::store {
namespace {

/// A request that is being answered: its arguments, and room for the reply.
struct Call {
    Store& store;
    DomainId client;
    Store::TransactionId transaction;
    std::string_view payload;
    std::string reply;
};

constexpr DomainId domain0{0};
constexpr std::string_view ok{"OK\0", 3};

/// Takes the text up to the next NUL off the front. False when there is none.
bool take_string(std::string_view& from, std::string_view& text) {
    const std::size_t end = from.find('\0');
    if (end == std::string_view::npos) return false;
    text = from.substr(0, end);
    from.remove_prefix(end + 1);
    return true;
}

/// The whole payload is one string with its NUL.
bool only_string(const Call& call, std::string_view& text) {
    std::string_view rest = call.payload;
    return take_string(rest, text) && rest.empty();
}

bool two_strings(const Call& call, std::string_view& first, std::string_view& second) {
    std::string_view rest = call.payload;
    return take_string(rest, first) && take_string(rest, second) && rest.empty();
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

Error acknowledge(Call& call, Error error) {
    if (error == Error::none) call.reply = ok;
    return error;
}

Error read(Call& call) {
    std::string_view path;
    if (!only_string(call, path)) return Error::inval;
    return call.store.read(call.client, call.transaction, path, call.reply);
}

Error write(Call& call) {
    std::string_view value = call.payload, path;
    if (!take_string(value, path)) return Error::inval;
    return acknowledge(call, call.store.write(call.client, call.transaction, path, value));
}

Error make_directory(Call& call) {
    std::string_view path;
    if (!only_string(call, path)) return Error::inval;
    return acknowledge(call, call.store.make_directory(call.client, call.transaction, path));
}

Error remove(Call& call) {
    std::string_view path;
    if (!only_string(call, path)) return Error::inval;
    return acknowledge(call, call.store.remove(call.client, call.transaction, path));
}

Error list(Call& call, std::string_view path, std::string& names, std::uint64_t& generation) {
    std::vector<std::string> children;
    const Error error =
        call.store.directory(call.client, call.transaction, path, children, generation);
    for (const std::string& name : children) names.append(name).push_back('\0');
    return error;
}

Error directory(Call& call) {
    std::string_view path;
    std::uint64_t generation = 0;
    if (!only_string(call, path)) return Error::inval;
    const Error error = list(call, path, call.reply, generation);
    if (error != Error::none) return error;
    return call.reply.size() > abi::store_payload_max ? Error::too_big : Error::none;
}

/// A part of a list that is too long for one message: generation, then names from an offset on; an
/// empty name ends the list.
Error directory_part(Call& call) {
    std::string_view path, offset_text;
    if (!two_strings(call, path, offset_text)) return Error::inval;
    std::size_t offset = 0;
    if (!parse_number(offset_text, offset)) return Error::inval;
    std::string names;
    std::uint64_t generation = 0;
    if (const Error error = list(call, path, names, generation); error != Error::none) return error;
    if (offset > names.size()) return Error::inval;

    call.reply = fmt::format("{}", generation);
    call.reply.push_back('\0');
    const std::size_t room = abi::store_payload_max - call.reply.size() - 1;
    const std::string_view all = std::string_view(names).substr(offset);
    if (all.size() <= room) {
        call.reply.append(all).push_back('\0');
        return Error::none;
    }
    // Whole names only. Each is far shorter than the room, so that there is a NUL in it.
    call.reply.append(all.substr(0, all.rfind('\0', room - 1) + 1));
    return Error::none;
}

Error permissions(Call& call) {
    std::string_view path;
    if (!only_string(call, path)) return Error::inval;
    Permissions all;
    const Error error = call.store.permissions(call.client, call.transaction, path, all);
    for (const Permission& permission : all)
        call.reply.append(permission_text(permission)).push_back('\0');
    return error;
}

Error set_permissions(Call& call) {
    std::string_view rest = call.payload, path;
    if (!take_string(rest, path)) return Error::inval;
    Permissions all;
    while (!rest.empty()) {
        std::string_view text;
        Permission permission;
        if (!take_string(rest, text) || !parse_permission(text, permission)) return Error::inval;
        all.push_back(permission);
    }
    return acknowledge(
        call, call.store.set_permissions(call.client, call.transaction, path, std::move(all)));
}

Error watch(Call& call) {
    std::string_view path, token;
    if (!two_strings(call, path, token)) return Error::inval;
    return acknowledge(call, call.store.watch(call.client, path, token));
}

Error unwatch(Call& call) {
    std::string_view path, token;
    if (!two_strings(call, path, token)) return Error::inval;
    return acknowledge(call, call.store.unwatch(call.client, path, token));
}

Error reset_watches(Call& call) {
    call.store.reset_watches(call.client);
    return acknowledge(call, Error::none);
}

Error start_transaction(Call& call) {
    if (call.transaction != 0) return Error::busy;
    Store::TransactionId id = 0;
    const Error error = call.store.start_transaction(call.client, id);
    if (error == Error::none) call.reply.append(fmt::format("{}", id)).push_back('\0');
    return error;
}

Error end_transaction(Call& call) {
    std::string_view how;
    if (!only_string(call, how) || (how != "T" && how != "F")) return Error::inval;
    return acknowledge(
        call, call.store.end_transaction(call.client, call.transaction,
                                         how == "T" ? Store::End::commit : Store::End::abort));
}

bool domain_argument(const Call& call, DomainId& domain) {
    std::string_view rest = call.payload, text;
    return take_string(rest, text) && parse_number(text, domain.raw);
}

Error domain_path(Call& call) {
    DomainId domain;
    if (!domain_argument(call, domain)) return Error::inval;
    call.reply.append(Store::home_of(domain)).push_back('\0');
    return Error::none;
}

Error is_domain_introduced(Call& call) {
    DomainId domain;
    if (!domain_argument(call, domain)) return Error::inval;
    const bool known =
        domain == domain0 || domain == abi::domid_self || call.store.is_introduced(domain);
    call.reply.append(known ? "T" : "F").push_back('\0');
    return Error::none;
}

/// What only the toolstack may ask; here it calls the store itself.
Error for_domain0_only(Call& call) { return call.client == domain0 ? Error::nosys : Error::acces; }

using Operation = Error (*)(Call&);

Operation operation_of(std::uint32_t type) {
    switch (type) {
        case XS_DIRECTORY:
            return directory;
        case XS_DIRECTORY_PART:
            return directory_part;
        case XS_READ:
            return read;
        case XS_GET_PERMS:
            return permissions;
        case XS_WATCH:
            return watch;
        case XS_UNWATCH:
            return unwatch;
        case XS_RESET_WATCHES:
            return reset_watches;
        case XS_TRANSACTION_START:
            return start_transaction;
        case XS_TRANSACTION_END:
            return end_transaction;
        case XS_GET_DOMAIN_PATH:
            return domain_path;
        case XS_WRITE:
            return write;
        case XS_MKDIR:
            return make_directory;
        case XS_RM:
            return remove;
        case XS_SET_PERMS:
            return set_permissions;
        case XS_IS_DOMAIN_INTRODUCED:
            return is_domain_introduced;
        case XS_CONTROL:
        case XS_INTRODUCE:
        case XS_RELEASE:
        case XS_RESUME:
        case XS_SET_TARGET:
            return for_domain0_only;
        default:
            return nullptr;
    }
}

}  // namespace

std::string permission_text(const Permission& permission) {
    constexpr std::string_view letters = "nrwb";
    return fmt::format("{}{}", letters[static_cast<std::size_t>(permission.rights)],
                       permission.domain.raw);
}

bool parse_permission(std::string_view text, Permission& permission) {
    if (text.empty()) return false;
    switch (text.front()) {
        case 'n':
            permission.rights = Rights::none;
            break;
        case 'r':
            permission.rights = Rights::read;
            break;
        case 'w':
            permission.rights = Rights::write;
            break;
        case 'b':
            permission.rights = Rights::both;
            break;
        default:
            return false;
    }
    return parse_number(text.substr(1), permission.domain.raw);
}

Message watch_event(std::string_view path, std::string_view token) {
    Message event{XS_WATCH_EVENT, 0, 0, {}};
    event.payload.append(path).push_back('\0');
    event.payload.append(token).push_back('\0');
    return event;
}

Message answer(Store& store, DomainId client, const Message& request) {
    Message reply{request.type, request.request_id, request.transaction, {}};
    Call call{store, client, request.transaction, request.payload, {}};
    const Operation operation = operation_of(request.type);
    const Error error = operation != nullptr ? operation(call) : Error::nosys;
    if (error == Error::none) {
        reply.payload = std::move(call.reply);
    } else {
        reply.type = XS_ERROR;
        reply.payload = std::string(error_name(error)) + '\0';
    }
    return reply;
}

}  // namespace ring3::store
