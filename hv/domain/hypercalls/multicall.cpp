// SPDX-License-Identifier: MIT
// Several hypercalls in one. A multicall inside of a multicall is refused; iret ends it.
#include <algorithm>

#include "hv/abi/errors.hpp"
#include "hv/abi/xen.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

HypercallResult call_one(Vcpu& caller, const multicall_entry_t& entry) {
    const Hypercall handler = find_hypercall(entry.op);
    if (handler == nullptr) return -XEN_ENOSYS;
    ++caller.domain().hypercall_count[entry.op];
    HypercallArguments arguments;
    std::copy_n(entry.args, arguments.size(), arguments.begin());
    caller.in_multicall = true;
    const HypercallResult result = handler(caller, arguments);
    caller.in_multicall = false;
    note_hypercall(caller, trace::Event::multicall_entry, entry.op, result, arguments[0]);
    return result;
}

}  // namespace

HypercallResult multicall(Vcpu& caller, const HypercallArguments& arguments) {
    if (caller.in_multicall) return -XEN_EINVAL;
    const auto count = static_cast<std::uint32_t>(arguments[1]);
    // Each call may do as much as one alone: few of them bound the whole.
    constexpr std::uint32_t calls_at_once = 256;
    std::uint32_t i = 0;
    for (; i < count && i < calls_at_once; ++i) {
        const std::uint64_t at = arguments[0] + i * sizeof(multicall_entry_t);
        multicall_entry_t entry;
        if (!copy_from_guest(caller, at, entry)) return -XEN_EFAULT;
        const HypercallResult result = call_one(caller, entry);
        if (result.kind == HypercallResult::Kind::state_replaced) return result;
        if (result.kind == HypercallResult::Kind::again) {
            std::copy(result.arguments.begin(), result.arguments.end(), entry.args);
            if (!copy_to_guest(caller, at, entry)) return -XEN_EFAULT;
            break;
        }
        const auto answer = static_cast<xen_ulong_t>(result.value);
        if (!copy_to_guest(caller, at + offsetof(multicall_entry_t, result), answer)) {
            return -XEN_EFAULT;
        }
        if (caller.domain().shutdown_reason() || caller.is_blocked()) {
            ++i;
            break;
        }
    }
    if (i == count) return 0;
    HypercallArguments rest = arguments;
    rest[0] += i * sizeof(multicall_entry_t);
    rest[1] = count - i;
    return HypercallResult::again(rest);
}

}  // namespace ring3::hypercalls
