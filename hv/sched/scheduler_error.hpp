// SPDX-License-Identifier: MIT
// The error that ends a run whose scheduler cannot be trusted.
#pragma once

#include <stdexcept>

namespace ring3 {

/// A scheduler did what none may, or starved a vCPU: the run is void. The message says which one
/// did what. Exit code 6.
class SchedulerError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace ring3
