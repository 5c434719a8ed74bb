// SPDX-License-Identifier: MIT
// --trace FILE[,classes=CLASS,...]: where a run's events are written to, and which.
#pragma once

#include <string>

#include "hv/trace/schema.hpp"

namespace ring3 {

struct TraceOption {
    std::string path;
    trace::Classes classes;
};

/// Throws ConfigError.
TraceOption parse_trace_option(const std::string& text);

}  // namespace ring3
