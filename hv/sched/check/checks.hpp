// SPDX-License-Identifier: MIT
// What every scheduler must do, whatever its idea of a good order is; and what those must do that
// promise more (Scheduler::Promises). Each check is some runs of the simulation.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hv/base/params.hpp"

namespace ring3::sched {

/// Who is checked: a registered name or the path of a plug-in, and its parameters.
struct Subject {
    std::string name;
    Params params{"scheduler"};
};

struct CheckResult {
    /// It does not promise that.
    bool is_skipped = false;
    /// What went wrong; empty: nothing.
    std::vector<std::string> faults;
};

struct SchedulerCheck {
    const char* name;     ///< as a test's: starves_nobody_for_longer_than_it_says
    const char* meaning;  ///< what is asked, in a line
    CheckResult (*run)(const Subject& subject);
};

/// All of them. Each takes below a second, but for the random calls, which take some.
std::span<const SchedulerCheck> scheduler_checks();

}  // namespace ring3::sched
