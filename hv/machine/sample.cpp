// SPDX-License-Identifier: MIT
// What a machine looks like at one moment.
#include <cstdlib>

#include <fmt/format.h>

#include "hv/machine/runner.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t kib_per_frame = page_size / 1024;

Frames target_of(store::Store& store, const Domain& domain) {
    std::string kib;
    const std::string path = store::Store::home_of(domain.id()) + "/memory/target";
    if (store.read(domain0, 0, path, kib) != store::Error::none) return {};
    return Frames{std::strtoull(kib.c_str(), nullptr, 10) / kib_per_frame};
}

std::vector<DomainSample::Ring> rings_of(Guest& guest) {
    std::vector<DomainSample::Ring> rings;
    const auto add = [&](const std::string& device, std::vector<RingDepth> depths) {
        for (RingDepth& depth : depths) rings.push_back({device, std::move(depth)});
    };
    if (guest.console() != nullptr) add("console", guest.console()->ring_depths());
    for (const auto& device : guest.devices())
        add(fmt::format("{}-{}", device->kind(), device->number()), device->ring_depths());
    return rings;
}

}  // namespace

MachineSample Machine::sample() {
    MachineSample sample{time(), {}};
    for (Member& member : members_) {
        Domain* const domain = member.guest.domain();
        if (domain == nullptr || member.guest.console() == nullptr) continue;
        DomainSample& one = sample.domains.emplace_back();
        one.id = domain->id();
        one.name = member.guest.name();
        one.memory = domain->memory();
        one.target = target_of(store_, *domain);
        for (const Runner& runner : member.runners) {
            const vcpu_runstate_info info = runner.vcpu.run_state_info(sample.at);
            std::array<Duration, 4>& states = one.run_states.emplace_back();
            for (std::size_t i = 0; i < states.size(); ++i)
                states[i] = Duration{static_cast<std::int64_t>(info.time[i])};
        }
        one.rings = rings_of(member.guest);
    }
    return sample;
}

void Machine::sample_if_due(Time now) {
    if (sampler_ && sampler_->is_due(now)) sampler_->take(sample());
}

}  // namespace ring3
