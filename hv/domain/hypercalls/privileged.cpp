// SPDX-License-Identifier: MIT
// What is there, but not for an unprivileged PV guest.
#include "hv/abi/errors.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

/// Control calls read their argument before they look at who asks.
int refuse_after_reading(Vcpu& caller, std::uint64_t address) {
    std::uint64_t command_and_version;
    return copy_from_guest(caller, address, command_and_version) ? -XEN_EPERM : -XEN_EFAULT;
}

}  // namespace

HypercallResult not_permitted(Vcpu&, const HypercallArguments&) { return -XEN_EPERM; }

/// A release build of Xen lets only the hardware domain write to its console.
HypercallResult console_io(Vcpu&, const HypercallArguments&) { return -XEN_EPERM; }

HypercallResult platform_op(Vcpu& caller, const HypercallArguments& arguments) {
    return refuse_after_reading(caller, arguments[0]);
}

HypercallResult domctl(Vcpu& caller, const HypercallArguments& arguments) {
    return refuse_after_reading(caller, arguments[0]);
}

HypercallResult sysctl(Vcpu& caller, const HypercallArguments& arguments) {
    return refuse_after_reading(caller, arguments[0]);
}

/// Parameters are those of HVM guests; a PV guest has none, and no other operation is for it.
HypercallResult hvm_op(Vcpu&, const HypercallArguments& arguments) {
    constexpr std::uint32_t set_parameter = 0, get_parameter = 1;
    const auto operation = static_cast<std::uint32_t>(arguments[0]);
    const bool is_parameter = operation == set_parameter || operation == get_parameter;
    return is_parameter ? -XEN_EINVAL : -XEN_ENOSYS;
}

/// Device models serve HVM guests: it is looked for buffers, then for a domain that is not the
/// caller's own, which would have to be one.
HypercallResult dm_op(Vcpu& caller, const HypercallArguments& arguments) {
    constexpr std::uint32_t most_buffers = 3;
    const DomainId id{static_cast<std::uint16_t>(arguments[0])};
    const auto buffers = static_cast<std::uint32_t>(arguments[1]);
    if (buffers == 0) return -XEN_ENODATA;
    if (buffers > most_buffers) return -XEN_E2BIG;
    if (id == abi::domid_self || id == caller.domain().id()) return -XEN_EPERM;
    const bool exists = id == domain0 || caller.domain().hypervisor().find_domain(id) != nullptr;
    return exists ? -XEN_EINVAL : -XEN_ESRCH;
}

/// No virtual performance counters, as Xen answers without `vpmu=1` on its command line.
HypercallResult xenpmu_op(Vcpu&, const HypercallArguments&) { return -XEN_EOPNOTSUPP; }

}  // namespace ring3::hypercalls
