// SPDX-License-Identifier: MIT
// Physical devices: a guest without any may set its I/O privilege, which it needs for the silent
// CLI and for probing ports.
#include "hv/abi/errors.hpp"
#include "hv/abi/physdev.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

/// Interrupts that a domain without devices may name: those that Xen keeps ready for domU (extra
/// ones included), all without a source.
constexpr std::uint32_t physical_interrupts = 256;

int set_iopl(Vcpu& caller, std::uint64_t address) {
    physdev_set_iopl_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    if (request.iopl > 3) return -XEN_EINVAL;
    caller.iopl = request.iopl;
    return 0;
}

int set_iobitmap(Vcpu& caller, std::uint64_t address) {
    constexpr std::uint32_t all_ports = 65536;
    physdev_set_iobitmap_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    if (request.nr_ports > all_ports) return -XEN_EINVAL;
    caller.io_bitmap = abi::address_of(request.bitmap);
    caller.io_bitmap_ports = request.nr_ports;
    return 0;
}

int irq_status_query(Vcpu& caller, std::uint64_t address) {
    physdev_irq_status_query_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    if (request.irq >= physical_interrupts) return -XEN_EINVAL;
    request.flags = XENIRQSTAT_needs_eoi;
    return copy_to_guest(caller, address, request) ? 0 : -XEN_EFAULT;
}

int eoi(Vcpu& caller, std::uint64_t address) {
    physdev_eoi_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    return request.irq < physical_interrupts ? 0 : -XEN_EINVAL;
}

/// The page stays all zeroes: no interrupt ever needs an EOI. Held, so that it stays what it is.
int set_eoi_map(Vcpu& caller, std::uint64_t address) {
    physdev_pirq_eoi_gmfn_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    Domain& domain = caller.domain();
    if (domain.eoi_map) return -XEN_EBUSY;
    if (domain.tables().get_writable_page(domain.id(), Mfn{request.gmfn}) != 0) {
        return -XEN_EINVAL;
    }
    domain.eoi_map = Mfn{request.gmfn};
    return 0;
}

}  // namespace

HypercallResult physdev_op(Vcpu& caller, const HypercallArguments& arguments) {
    const std::uint64_t address = arguments[1];
    switch (static_cast<std::uint32_t>(arguments[0])) {
        case PHYSDEVOP_set_iopl:
            return set_iopl(caller, address);
        case PHYSDEVOP_set_iobitmap:
            return set_iobitmap(caller, address);
        case PHYSDEVOP_irq_status_query:
            return irq_status_query(caller, address);
        case PHYSDEVOP_eoi:
            return eoi(caller, address);
        case PHYSDEVOP_pirq_eoi_gmfn_v1:
        case PHYSDEVOP_pirq_eoi_gmfn_v2:
            return set_eoi_map(caller, address);
        case PHYSDEVOP_apic_read:
        case PHYSDEVOP_apic_write:
        case PHYSDEVOP_alloc_irq_vector:
        case PHYSDEVOP_map_pirq:
        case PHYSDEVOP_unmap_pirq:
        case PHYSDEVOP_get_free_pirq:
        case PHYSDEVOP_setup_gsi:
        case PHYSDEVOP_manage_pci_add:
        case PHYSDEVOP_manage_pci_add_ext:
        case PHYSDEVOP_manage_pci_remove:
        case PHYSDEVOP_pci_mmcfg_reserved:
        case PHYSDEVOP_pci_device_add:
        case PHYSDEVOP_pci_device_remove:
        case PHYSDEVOP_restore_msi:
        case PHYSDEVOP_restore_msi_ext:
        case PHYSDEVOP_prepare_msix:
        case PHYSDEVOP_release_msix:
        case PHYSDEVOP_dbgp_op:
            return -XEN_EPERM;  // for the hardware domain
        default:
            return -XEN_ENOSYS;
    }
}

/// The form before: the operation stands in front of its argument in memory.
HypercallResult physdev_op_compat(Vcpu& caller, const HypercallArguments& arguments) {
    std::uint32_t operation;
    if (!copy_from_guest(caller, arguments[0], operation)) return -XEN_EFAULT;
    switch (operation) {
        case PHYSDEVOP_irq_status_query:
        case PHYSDEVOP_set_iopl:
        case PHYSDEVOP_set_iobitmap:
        case PHYSDEVOP_apic_read:
        case PHYSDEVOP_apic_write:
        case PHYSDEVOP_alloc_irq_vector:
            return physdev_op(caller, {operation, arguments[0] + offsetof(physdev_op_t, u)});
        case PHYSDEVOP_IRQ_UNMASK_NOTIFY:
            return 0;
        default:
            return -XEN_ENOSYS;
    }
}

}  // namespace ring3::hypercalls
