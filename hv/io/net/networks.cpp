// SPDX-License-Identifier: MIT
#include "hv/io/net/networks.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/io/net/outside/nat.hpp"
#include "hv/io/net/outside/tap.hpp"

namespace ring3::net {
namespace {

/// As for interfaces of Linux.
bool is_good_name(std::string_view name) {
    constexpr std::size_t longest = 15;
    return !name.empty() && name.size() <= longest &&
           std::ranges::all_of(name, [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
           });
}

}  // namespace

struct Networks::Bridge {
    Bridge(DriverDomain& domain, const std::string& name) : network(domain, name) {}

    Switch network;
    std::unique_ptr<Nat> nat;
    std::unique_ptr<Tap> tap;
};

Networks::Networks(DriverDomain& domain) : domain_(domain) {}

Networks::~Networks() = default;

Networks::Place Networks::plug(const std::string& bridge, const Mac& mac,
                               std::span<const HostForward> forwards) {
    Bridge& found = find_or_make(bridge);
    if (!found.nat && !forwards.empty())
        throw ConfigError(
            fmt::format("hostfwd={}: ports are forwarded to interfaces with bridge=nat, not "
                        "bridge={}",
                        to_string(forwards[0]), bridge));
    if (!found.nat) return {found.network, nullptr};
    return {found.network, std::make_shared<Nat::Seat>(*found.nat, mac, forwards)};
}

Networks::Bridge& Networks::find_or_make(const std::string& name) {
    const auto known = bridges_.find(name);
    if (known != bridges_.end()) return *known->second;
    auto made = std::make_unique<Bridge>(domain_, name);
    open_outside(*made, name);
    return *bridges_.emplace(name, std::move(made)).first->second;
}

void Networks::open_outside(Bridge& bridge, const std::string& name) {
    const std::size_t colon = name.find(':');
    const std::string kind = name.substr(0, colon);
    const bool is_outside = kind == "nat" || kind == "tap";
    const std::string rest = colon == name.npos ? "" : name.substr(colon + 1);
    const bool is_named = colon != name.npos;
    if ((is_named && !is_outside) || !is_good_name(is_named ? rest : name) ||
        (kind == "tap" && !is_named))
        throw ConfigError(fmt::format(
            "bridge={}: must be the name of a bridge (1 to 15 letters, digits and _ - .), nat, "
            "nat:NAME or tap:DEVICE",
            name));
    if (!is_outside) return;
    if (!domain_.has_outside())
        throw ConfigError(fmt::format(
            "bridge={}: leads to the outside, and virtual time is a closed world: use the wall "
            "clock, --record, or a bridge between guests",
            name));
    if (kind == "nat")
        bridge.nat = std::make_unique<Nat>(domain_, bridge.network);
    else
        bridge.tap = std::make_unique<Tap>(domain_, bridge.network, rest);
}

}  // namespace ring3::net
