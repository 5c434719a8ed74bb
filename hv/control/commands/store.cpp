// SPDX-License-Identifier: MIT
// Commands on the store, with Domain-0's rights. Values are bytes.
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hv/control/command.hpp"
#include "hv/io/store/native_watch.hpp"
#include "hv/io/store/path.hpp"
#include "hv/io/store/protocol.hpp"

namespace ring3 {
namespace {

void check(store::Error error, const std::string& path) {
    if (error == store::Error::none) return;
    throw ControlError{"store", ExitCode::usage,
                       fmt::format("{}: {}", path, store::error_name(error))};
}

std::string permissions_text(store::Store& store, const std::string& path) {
    store::Permissions all;
    check(store.permissions(domain0, 0, path, all), path);
    std::string text;
    for (const store::Permission& permission : all)
        text += (text.empty() ? "" : ",") + store::permission_text(permission);
    return text;
}

/// A node with all below it: {"name", "value", "permissions", "children"}.
Json node_of(store::Store& store, const std::string& path, const std::string& name) {
    std::string value;
    check(store.read(domain0, 0, path, value), path);
    std::vector<std::string> names;
    std::uint64_t generation = 0;
    check(store.directory(domain0, 0, path, names, generation), path);
    Json children = Json::array();
    for (const std::string& child : names)
        children.push_back(node_of(store, (path == "/" ? "" : path) + "/" + child, child));
    return {{"name", name},
            {"value", text_of_bytes(value)},
            {"permissions", permissions_text(store, path)},
            {"children", std::move(children)}};
}

Reply tree(Service& service, const Arguments& arguments) {
    const std::string path = arguments.string("path", "/");
    return {node_of(service.machine.store(), path, path), nullptr};
}

Reply read(Service& service, const Arguments& arguments) {
    const std::string path = arguments.string("path");
    std::string value;
    check(service.machine.store().read(domain0, 0, path, value), path);
    return {text_of_bytes(value), nullptr};
}

Reply write(Service& service, const Arguments& arguments) {
    const std::string path = arguments.string("path");
    check(service.machine.store().write(domain0, 0, path, bytes_of_text(arguments.string("value"))),
          path);
    return {Json::object(), nullptr};
}

Reply remove(Service& service, const Arguments& arguments) {
    const std::string path = arguments.string("path");
    // xenstore-rm complains of what is not there; the store itself does not.
    std::string value;
    check(service.machine.store().read(domain0, 0, path, value), path);
    check(service.machine.store().remove(domain0, 0, path), path);
    return {Json::object(), nullptr};
}

Reply change_mode(Service& service, const Arguments& arguments) {
    const std::string path = arguments.string("path");
    store::Permissions all;
    for (const std::string& text : arguments.strings("permissions")) {
        store::Permission permission;
        if (!store::parse_permission(text, permission))
            throw ControlError{"usage", ExitCode::usage,
                               fmt::format("\"{}\" is no permission: n, r, w or b and a domain's "
                                           "number, such as r3",
                                           text)};
        all.push_back(permission);
    }
    check(service.machine.store().set_permissions(domain0, 0, path, all), path);
    return {Json::object(), nullptr};
}

/// {"changed": PATH} for each change, one for the registration first.
class WatchStream final : public Stream {
public:
    WatchStream(Machine& machine, const std::vector<std::string>& paths) : machine_(machine) {
        for (const std::string& path : paths)
            watches_.push_back(std::make_unique<store::NativeWatch>(
                machine.store(), path, [this](const std::string& changed) { add(changed); }));
    }
    void take(const Json&) override {}
    bool advance(Connection& client) override {
        machine_.store().deliver_native();
        for (std::string& path : changed_) client.send({{"changed", std::move(path)}});
        changed_.clear();
        if (lost_ > 0 && client.unsent() < enough) {
            client.send({{"lost", lost_}});
            lost_ = 0;
        }
        backlog_ = client.unsent();
        return true;
    }

private:
    void add(const std::string& path) {
        if (backlog_ < enough && changed_.size() < most_changes)
            changed_.push_back(path);
        else
            ++lost_;
    }

    static constexpr std::size_t most_changes = 1000;
    Machine& machine_;
    std::vector<std::string> changed_;
    std::uint64_t lost_ = 0;
    std::size_t backlog_ = 0;
    std::vector<std::unique_ptr<store::NativeWatch>> watches_;
};

Reply watch(Service& service, const Arguments& arguments) {
    const auto paths = arguments.strings("paths");
    for (const std::string& path : paths)
        if (!store::is_valid_path(path) || !(path.starts_with('/') || path.starts_with('@')))
            check(store::Error::inval, path);
    return {Json::object(), std::make_unique<WatchStream>(service.machine, paths)};
}

const RegisteredCommands entries{{"store-tree", tree},         {"store-read", read},
                                 {"store-write", write},       {"store-rm", remove},
                                 {"store-chmod", change_mode}, {"store-watch", watch}};

}  // namespace
}  // namespace ring3
