// SPDX-License-Identifier: MIT
// HV_CHECK: an invariant of our own, on in every build. Nothing that a guest or a user does may
// reach one: a failed check means that ring3 is wrong, so the process stops at once and loudly.
#pragma once

namespace ring3 {

/// Prints the failed condition with its place to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* message, const char* file,
                               int line) noexcept;

}  // namespace ring3

#define HV_CHECK(condition, message) \
    (static_cast<bool>(condition)    \
         ? static_cast<void>(0)      \
         : ::ring3::check_failed(#condition, message, __FILE__, __LINE__))
