// SPDX-License-Identifier: MIT
// It has no factory.
#include "hv/sched/plug_in.hpp"

const ring3::sched::PlugIn ring3_scheduler = {
    ring3::sched::plug_in_version, ring3::sched::plug_in_layout(), "no factory", nullptr};
