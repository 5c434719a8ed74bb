// SPDX-License-Identifier: MIT
// As one that was built against a later interface.
#include "hv/sched/plug_in.hpp"

const ring3::sched::PlugIn ring3_scheduler = {ring3::sched::plug_in_version + 1,
                                              ring3::sched::plug_in_layout(), "late", nullptr};
