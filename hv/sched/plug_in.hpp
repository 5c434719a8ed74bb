// SPDX-License-Identifier: MIT
// A scheduler outside of this tree: a shared object that holds one, compiled against this header
// with the compiler that ring3 was built with, and chosen by its path:
//
//     [scheduler]
//     name = "./mine.so"
//
// It has a class that implements Scheduler and takes Params&, and in one file, at global scope,
//
//     const ring3::sched::PlugIn ring3_scheduler = ring3::sched::plug_in<Mine>("its idea");
//
// Of ring3 it may use hv/base/{params,random,units,errors}.hpp and hv/sched. An example with its
// CMake file: examples/scheduler. `ring3 policies check ./mine.so` tests it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "hv/base/params.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3::sched {

/// One more with each change of what a plug-in compiles against.
constexpr std::uint32_t plug_in_version = 1;

/// What the shared object exports. The first two members stand so in every version.
struct PlugIn {
    std::uint32_t version = plug_in_version;
    /// Another compiler, standard library or header may lay out the same classes otherwise.
    std::uint32_t layout = 0;
    const char* summary = "";
    std::unique_ptr<Scheduler> (*make)(Params&) = nullptr;
};

constexpr std::uint32_t plug_in_layout() {
    std::uint32_t hash = 2166136261u;
    for (const std::size_t size :
         {std::size_t{__GXX_ABI_VERSION}, sizeof(Vcpu), offsetof(Vcpu, data), sizeof(SchedParams),
          sizeof(Kicks), sizeof(Scheduler::Promises), sizeof(Scheduler::Choice), sizeof(Params),
          sizeof(GivenValue)})
        hash = (hash ^ static_cast<std::uint32_t>(size)) * 16777619u;
    return hash;
}

template <class Implementation>
constexpr PlugIn plug_in(const char* summary) {
    PlugIn described;
    described.layout = plug_in_layout();
    described.summary = summary;
    described.make = [](Params& params) -> std::unique_ptr<Scheduler> {
        return std::make_unique<Implementation>(params);
    };
    return described;
}

}  // namespace ring3::sched

extern "C" [[gnu::visibility("default")]] const ring3::sched::PlugIn ring3_scheduler;
