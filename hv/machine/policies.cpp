// SPDX-License-Identifier: MIT
#include "hv/machine/policies.hpp"

#include "hv/clock/clock.hpp"
#include "hv/cpu/engine/engine.hpp"
#include "hv/io/disk_model/disk_model.hpp"
#include "hv/io/link_model/link_model.hpp"
#include "hv/io/path/io_path.hpp"
#include "hv/machine/config/machine_config.hpp"
#include "hv/machine/devices.hpp"
#include "hv/machine/machine_parameters.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

template <class Interface>
PolicyKind describe(const char* summary, const char* table = Interface::kind) {
    return {Interface::kind, table, summary, MachineConfig().policy(table).name,
            Registry<Interface>::names()};
}

/// A policy declares its parameters by being made.
template <class Interface, class... Needs>
std::vector<Params::Declared> declared_by(const std::string& policy, Needs&&... needs) {
    Params params(Interface::kind);
    Registry<Interface>::create(policy, params, std::forward<Needs>(needs)...);
    return params.declared();
}

}  // namespace

std::vector<PolicyKind> policy_kinds() {
    return {describe<Clock>("what time it is, and how it passes"),
            describe<DiskModel>("how long a disk takes under virtual time", "disk"),
            describe<Engine>("what runs guest instructions"),
            describe<IoPath>("when a back end looks at a ring, moves data, and notifies", "io"),
            describe<LinkModel>("when a frame is through a network link, and whether", "net"),
            describe<Scheduler>("which vCPU runs next, and for how long")};
}

std::vector<Params::Declared> parameters_of(const std::string& kind, const std::string& policy) {
    if (kind == Clock::kind) return declared_by<Clock>(policy);
    if (kind == DiskModel::kind) return declared_by<DiskModel>(policy);
    if (kind == IoPath::kind) return declared_by<IoPath>(policy);
    if (kind == LinkModel::kind) return declared_by<LinkModel>(policy, std::uint64_t{0});
    if (kind == Scheduler::kind) return declared_by<Scheduler>(policy);
    if (kind == Engine::kind) {
        FrameTable frames{Frames{16}};
        return declared_by<Engine>(policy, frames);
    }
    std::vector<PolicyName> kinds;
    for (const PolicyKind& known : policy_kinds()) kinds.push_back({known.name, known.summary});
    refuse_policy_name("kind of policy", kind, "", kinds);
}

MachineConfig checked(MachineConfig config) {
    MachineParameters{config.machine()};
    FrameTable frames{Frames{16}};
    const auto make = [&]<class Interface>(Interface*, auto&&... needs) {
        PolicyChoice& choice = config.policy(Interface::kind);
        Registry<Interface>::create(choice.name, choice.params, needs...);
    };
    make(static_cast<Engine*>(nullptr), frames);
    make(static_cast<Clock*>(nullptr));
    make(static_cast<Scheduler*>(nullptr));
    config.reject_empty_kinds();
    check_device_policies(config);
    return config;
}

std::vector<Params::Declared> machine_parameters() {
    Params params("machine");
    MachineParameters{params};
    return params.declared();
}

}  // namespace ring3
