// SPDX-License-Identifier: MIT
// A campaign that nobody has run: every kind of thing that a report must show is in it once.
#pragma once

#include "analysis/load/campaign.hpp"

namespace ring3::test {

/// Native, ring3, uml and qemu on three workloads of figure 3 and on os-latency, on the wall clock;
/// uml did not run dbench, qemu's web was skipped; one run is noisy; claims of all three verdicts.
analysis::Campaign made_up_campaign();

/// The schedulers bvt and credit2 with two slices each, under the virtual clock, with a memory
/// series.
analysis::Campaign made_up_sweep();

/// Web servers in one to four domains, under the virtual clock.
analysis::Campaign made_up_domains();

/// A database beside a neighbour of three kinds, natively and on ring3; uml is skipped.
analysis::Campaign made_up_neighbours();

}  // namespace ring3::test
