// SPDX-License-Identifier: MIT
#include "experiments/descriptor/cells.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/base/random.hpp"
#include "hv/base/registry.hpp"
#include "hv/clock/clock.hpp"

namespace ring3::experiment {
namespace {

/// Every point of the sweep; one point without a name where there is no sweep.
std::vector<std::string> points_of(const std::vector<SweepAxis>& sweep) {
    std::vector<std::string> points{""};
    for (const SweepAxis& axis : sweep) {
        std::vector<std::string> more;
        for (const std::string& point : points)
            for (const std::string& value : axis.values)
                more.push_back(
                    fmt::format("{}{}{}={}", point, point.empty() ? "" : ";", axis.key, value));
        points = std::move(more);
    }
    return points;
}

/// A platform without policies has no use for those of a point: what is left of it.
std::string points_for(const PlatformChoice& platform, const std::string& point) {
    if (platform.kind == "ring3") return point;
    std::string left;
    for (std::size_t begin = 0; begin < point.size();) {
        const std::size_t end = std::min(point.find(';', begin), point.size());
        const std::string one = point.substr(begin, end - begin);
        if (!is_machine_key(one)) left += (left.empty() ? "" : ";") + one;
        begin = end + 1;
    }
    return left;
}

std::string clock_of(const Descriptor& descriptor, const PlatformChoice& platform,
                     const std::string& factors) {
    if (platform.kind != "ring3") return "wall";
    MachineConfig config = machine_of(descriptor, platform, factors, 1);
    PolicyChoice& choice = config.policy(Clock::kind);
    const auto clock = Registry<Clock>::create(choice.name, choice.params);
    return clock->world() == Clock::World::closed ? "virtual" : "wall";
}

}  // namespace

std::string Cell::label() const {
    std::string text = fmt::format("{}/{}", platform->name, workload_name());
    if (workload) text += "/" + workload->size;
    if (workload && !workload->part.empty()) text += "/" + workload->part;
    if (!factors.empty()) text += " " + factors;
    if (seed != 1) text += fmt::format(" seed={}", seed);
    return text;
}

std::vector<Cell> cells_of(const Descriptor& descriptor) {
    std::vector<Cell> cells;
    const auto add = [&](const PlatformChoice& platform, const WorkloadChoice* workload) {
        std::vector<std::string> seen;
        for (const std::string& point : points_of(descriptor.sweep)) {
            const std::string factors = points_for(platform, point);
            if (std::ranges::find(seen, factors) != seen.end()) continue;
            seen.push_back(factors);
            std::string clock = "wall";
            try {
                clock = clock_of(descriptor, platform, factors);
            } catch (const ConfigError&) {
                // Told by who checks the machines.
            }
            for (const std::uint64_t seed : descriptor.seeds)
                cells.push_back({static_cast<std::uint32_t>(cells.size() + 1), &platform, workload,
                                 factors, seed, clock});
        }
    };
    for (const PlatformChoice& platform : descriptor.platforms) {
        if (platform.kind == "published") continue;
        for (const WorkloadChoice& workload : descriptor.workloads) add(platform, &workload);
        if (!descriptor.domains.empty()) add(platform, nullptr);
    }
    return cells;
}

std::vector<Turn> turns_of(const std::vector<Cell>& cells, unsigned repetition,
                           std::uint64_t order_seed) {
    std::vector<Turn> turns;
    for (const Cell& cell : cells) turns.push_back({&cell, repetition});
    Random random(order_seed, repetition);
    for (std::size_t left = turns.size(); left > 1; --left)
        std::swap(turns[left - 1], turns[random.below(left)]);
    return turns;
}

}  // namespace ring3::experiment
