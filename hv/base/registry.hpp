// SPDX-License-Identifier: MIT
// The name tables of the swappable parts. A policy puts itself in with one line at the end of its
// .cpp, is picked by name, and appears in `ring3 policies` with its parameters:
//
//     const Registered<Scheduler, RoundRobin> entry{"round_robin", "equal turns in FIFO order"};
//
// Its constructor takes Params&; an interface whose policies need more to be built says so with
// `using Factory = std::unique_ptr<Engine> (*)(Params&, FrameTable&);`. To make one:
// `Registry<Engine>::create("translator", params, frames)`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hv/base/params.hpp"

namespace ring3 {

/// What every name table tells of an entry.
struct PolicyName {
    std::string name;
    std::string summary;
};

/// Throws the ConfigError for a name that is not there: the nearest one, and all with summaries.
[[noreturn]] void refuse_policy_name(std::string_view kind, std::string_view name,
                                     std::string_view origin, const std::vector<PolicyName>& known);

template <class Interface>
struct FactoryOf {
    using Type = std::unique_ptr<Interface> (*)(Params&);
};
template <class Interface>
requires requires { typename Interface::Factory; }
struct FactoryOf<Interface> {
    using Type = typename Interface::Factory;
};

/// The implementations of one interface, in the order of their names.
template <class Interface>
class Registry {
public:
    using Factory = typename FactoryOf<Interface>::Type;

    /// Makes the policy; throws ConfigError for an unknown name, and for parameters it does not
    /// have. A name with a slash is the path of one from outside, for kinds that can be loaded.
    template <class... Needs>
    static std::unique_ptr<Interface> create(std::string_view name, Params& params,
                                             Needs&&... needs) {
        if constexpr (requires { Interface::load(std::string(), params); }) {
            if (name.find('/') != name.npos) {
                auto loaded = Interface::load(std::string(name), params);
                params.reject_unknown({"name"});
                return loaded;
            }
        }
        const auto it = table().find(name);
        if (it == table().end())
            refuse_policy_name(Interface::kind, name, params.origin(), names());
        auto made = it->second.factory(params, std::forward<Needs>(needs)...);
        params.reject_unknown({"name"});
        return made;
    }

    static std::vector<PolicyName> names() {
        std::vector<PolicyName> all;
        for (const auto& [name, entry] : table()) all.push_back({name, entry.summary});
        return all;
    }

    static void add(std::string name, std::string summary, Factory factory) {
        table().insert_or_assign(std::move(name), Entry{std::move(summary), factory});
    }

private:
    struct Entry {
        std::string summary;
        Factory factory;
    };
    /// Inside a function, because entries of other files add themselves before main, in any order.
    static std::map<std::string, Entry, std::less<>>& table() {
        static std::map<std::string, Entry, std::less<>> names_of_kind;
        return names_of_kind;
    }
};

/// Adds `Implementation` to the registry of `Interface`.
template <class Interface, class Implementation>
class Registered {
public:
    Registered(std::string name, std::string summary) {
        Registry<Interface>::add(std::move(name), std::move(summary), &Maker<Factory>::make);
    }

private:
    using Factory = typename Registry<Interface>::Factory;

    template <class>
    struct Maker;
    template <class... Arguments>
    struct Maker<std::unique_ptr<Interface> (*)(Arguments...)> {
        static std::unique_ptr<Interface> make(Arguments... arguments) {
            return std::make_unique<Implementation>(static_cast<Arguments>(arguments)...);
        }
    };
};

}  // namespace ring3
