// SPDX-License-Identifier: MIT
// set_timer_op: the single-shot timer in the form before vcpu_op.
#include "hv/abi/errors.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

HypercallResult set_timer_op(Vcpu& caller, const HypercallArguments& arguments) {
    const Time now = caller.domain().hypervisor().now(caller);
    const auto timeout = static_cast<std::int64_t>(arguments[0]);
    if (timeout == 0) {
        caller.set_singleshot_timer(std::nullopt, now);
        return 0;
    }
    // Old Linux asked for absurd deadlines when it wanted none; Xen looks again soon instead.
    constexpr std::int64_t longest_ns = std::int64_t{1} << 50;
    const std::int64_t now_ns = now.time_since_epoch().count();
    const bool is_absurd = timeout < 0 || timeout - now_ns > longest_ns;
    caller.set_singleshot_timer(
        is_absurd ? now + std::chrono::milliseconds(100) : Time{Duration{timeout}}, now);
    return 0;
}

}  // namespace ring3::hypercalls
