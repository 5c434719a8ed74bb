// SPDX-License-Identifier: MIT
// What a descriptor asks for, point by point: every platform with every workload at every point of
// the sweep, for every seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/descriptor/descriptor.hpp"

namespace ring3::experiment {

struct Cell {
    std::uint32_t number = 0;  ///< from 1
    const PlatformChoice* platform = nullptr;
    /// Null where a machine of several domains is measured as a whole.
    const WorkloadChoice* workload = nullptr;
    std::string factors;  ///< "key=value;key=value", in the order of the sweep
    std::uint64_t seed = 1;
    std::string clock;  ///< wall or virtual

    /// "ring3/spec-int-like/test scheduler.name=bvt": for people.
    std::string label() const;
    bool is_of_domains() const { return workload == nullptr; }
    /// Several guests run at once: domains, or one that needs another beside it.
    bool has_several_guests() const { return !workload || !workload->peer.empty(); }
    std::string workload_name() const { return workload ? workload->name : "domains"; }
    std::string size() const { return workload ? workload->size : ""; }
};

/// In a fixed order. The cells point into the descriptor.
std::vector<Cell> cells_of(const Descriptor& descriptor);

/// One run of one cell.
struct Turn {
    const Cell* cell;
    unsigned repetition;  ///< from 1
};

/// All cells once, in the random order of this repetition: no platform always runs behind the same
/// other one. The order is the seed's alone.
std::vector<Turn> turns_of(const std::vector<Cell>& cells, unsigned repetition,
                           std::uint64_t order_seed);

}  // namespace ring3::experiment
