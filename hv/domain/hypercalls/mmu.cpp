// SPDX-License-Identifier: MIT
// Page tables: single entries (mmu_update, update_va_mapping) and whole tables, roots and flushes
// (mmuext_op). Flushes have nothing to do: what is derived from an entry goes when the entry
// changes, so no guest ever sees a stale translation.
#include <fmt/format.h>

#include "hv/abi/errors.hpp"
#include "hv/abi/xen.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

/// 0 when the guest works on its own pages. Only privileged domains may name others; and a domain
/// that names itself by number is refused (Xen: "Cannot specify itself as foreign domain").
int check_foreign_domain(Vcpu& caller, std::uint64_t argument) {
    const DomainId page_owner{static_cast<std::uint16_t>(argument)};
    const auto table_owner_plus_1 = static_cast<std::uint16_t>(argument >> 16);
    if (table_owner_plus_1 != 0) {
        const DomainId owner{static_cast<std::uint16_t>(table_owner_plus_1 - 1)};
        if (owner != caller.domain().id()) return -XEN_ESRCH;
    }
    if (page_owner == abi::domid_self) return 0;
    if (page_owner == domain0 || page_owner == DomainId{DOMID_IO} ||
        page_owner == DomainId{DOMID_XEN}) {
        return -XEN_EPERM;
    }
    if (page_owner == caller.domain().id()) return -XEN_ESRCH;
    return caller.domain().hypervisor().find_domain(page_owner) != nullptr ? -XEN_EPERM
                                                                           : -XEN_ESRCH;
}

void note(Vcpu& caller, trace::Event event, std::uint64_t first, std::uint64_t second, int result) {
    caller.domain().trace().note(event, caller.domain().id(), caller.id(), first, second,
                                 static_cast<std::uint64_t>(std::int64_t{result}));
}

int update_one(Domain& domain, const mmu_update_t& request) {
    // Commands have three bits, of which two are used.
    constexpr std::uint64_t command_mask = 7;
    const Maddr target{request.ptr & ~command_mask};
    PageTables& tables = domain.tables();
    switch (request.ptr & command_mask) {
        case MMU_NORMAL_PT_UPDATE:
        case MMU_PT_UPDATE_NO_TRANSLATE:
            return tables.update(domain.id(), target, request.val, EntryUpdate::normal);
        case MMU_PT_UPDATE_PRESERVE_AD:
            return tables.update(domain.id(), target, request.val,
                                 EntryUpdate::preserve_accessed_dirty);
        case MMU_MACHPHYS_UPDATE:
            return tables.set_machphys(domain.id(), target, Pfn{request.val});
        default:
            return -XEN_ENOSYS;
    }
}

int extended_one(Vcpu& caller, const mmuext_op_t& request) {
    Domain& domain = caller.domain();
    PageTables& tables = domain.tables();
    const Mfn mfn{request.arg1.mfn};
    switch (request.cmd) {
        case MMUEXT_PIN_L1_TABLE:
        case MMUEXT_PIN_L2_TABLE:
        case MMUEXT_PIN_L3_TABLE:
        case MMUEXT_PIN_L4_TABLE:
            return tables.pin(domain.id(), mfn,
                              static_cast<int>(request.cmd) - MMUEXT_PIN_L1_TABLE + 1);
        case MMUEXT_UNPIN_TABLE:
            return tables.unpin(domain.id(), mfn);
        case MMUEXT_NEW_BASEPTR:
            caller.charge(Cost::cr3_load);
            return caller.set_kernel_root(mfn);
        case MMUEXT_NEW_USER_BASEPTR:
            return caller.set_user_root(mfn);
        case MMUEXT_TLB_FLUSH_LOCAL:
        case MMUEXT_INVLPG_LOCAL:
        case MMUEXT_TLB_FLUSH_ALL:
        case MMUEXT_INVLPG_ALL:
            caller.charge(Cost::flush);
            return 0;
        case MMUEXT_TLB_FLUSH_MULTI:
        case MMUEXT_INVLPG_MULTI: {
            caller.charge(Cost::flush);
            std::uint64_t vcpus;
            const Vaddr mask = abi::address_of(request.arg2.vcpumask);
            return copy_from_guest(caller, mask.raw, vcpus) ? 0 : -XEN_EINVAL;
        }
        case MMUEXT_FLUSH_CACHE:  // for domains with devices
            return -XEN_EACCES;
        case MMUEXT_FLUSH_CACHE_GLOBAL:
            return -XEN_EINVAL;
        case MMUEXT_SET_LDT:
            // No entries: no LDT, which is what there is.
            if (request.arg2.nr_ents == 0 && page_offset(Vaddr{request.arg1.linear_addr}) == 0) {
                return 0;
            }
            domain.warn_once(Domain::Lack::ldt,
                             fmt::format("LDTs are not supported ({} entries at {:016x})",
                                         request.arg2.nr_ents, request.arg1.linear_addr));
            return -XEN_EINVAL;
        case MMUEXT_CLEAR_PAGE:
            return tables.clear_page(domain.id(), mfn);
        case MMUEXT_COPY_PAGE:
            return tables.copy_page(domain.id(), mfn, Mfn{request.arg2.src_mfn});
        case MMUEXT_MARK_SUPER:
        case MMUEXT_UNMARK_SUPER:
            return -XEN_EOPNOTSUPP;
        default:
            return -XEN_ENOSYS;
    }
}

/// The frame of both calls: (requests, count, *done, foreign domain). Works through the requests
/// until one fails; `*done` gets how many did not.
template <class Request, class One>
HypercallResult for_each_request(Vcpu& caller, const HypercallArguments& arguments, One one) {
    auto count = static_cast<std::uint32_t>(arguments[1]);
    const std::uint64_t done_address = arguments[2];
    std::uint32_t done_before = 0;
    if ((count & abi::mmu_update_preempted) != 0) {
        count &= ~abi::mmu_update_preempted;
        if (done_address != 0 && !copy_from_guest(caller, done_address, done_before)) {
            return -XEN_EFAULT;
        }
    }
    int result = check_foreign_domain(caller, arguments[3]);
    std::uint32_t i = 0;
    for (; result == 0 && i < count && i < items_per_call; ++i) {
        Request request;
        const bool copied = copy_from_guest(caller, arguments[0] + i * sizeof request, request);
        result = copied ? one(request) : -XEN_EFAULT;
        if (result != 0) break;
    }
    // Told on a best-effort basis: a bad address here is no error.
    if (done_address != 0) static_cast<void>(copy_to_guest(caller, done_address, done_before + i));
    if (result == 0 && i < count) {
        HypercallArguments rest = arguments;
        rest[0] += i * sizeof(Request);
        rest[1] = (count - i) | abi::mmu_update_preempted;
        return HypercallResult::again(rest);
    }
    return result;
}

int map_at(Vcpu& caller, std::uint64_t va, std::uint64_t value, std::uint64_t flags) {
    Domain& domain = caller.domain();
    caller.charge(Cost::table_update);
    if ((flags & UVMF_FLUSHTYPE_MASK) != UVMF_NONE) caller.charge(Cost::flush);
    const int result =
        domain.tables().update_va(domain.id(), caller.cpu.kernel_root, Vaddr{va}, value);
    note(caller, trace::Event::va_update, va, value, result);
    if (result != 0) return result;
    // Above the flush type: this vCPU (0), all (UVMF_ALL), or the address of a bitmap of vCPUs.
    const std::uint64_t which = flags & ~std::uint64_t{UVMF_FLUSHTYPE_MASK};
    const bool names_bitmap =
        (flags & UVMF_FLUSHTYPE_MASK) != 0 && which != UVMF_LOCAL && which != UVMF_ALL;
    std::uint64_t vcpus;
    return names_bitmap && !copy_from_guest(caller, which, vcpus) ? -XEN_EFAULT : 0;
}

}  // namespace

HypercallResult mmu_update(Vcpu& caller, const HypercallArguments& arguments) {
    return for_each_request<mmu_update_t>(caller, arguments, [&](const mmu_update_t& request) {
        caller.charge(Cost::table_update);
        const int result = update_one(caller.domain(), request);
        note(caller, trace::Event::table_update, request.ptr, request.val, result);
        return result;
    });
}

HypercallResult mmuext_op(Vcpu& caller, const HypercallArguments& arguments) {
    return for_each_request<mmuext_op_t>(caller, arguments, [&](const mmuext_op_t& request) {
        const int result = extended_one(caller, request);
        note(caller, trace::Event::table_operation, request.cmd, request.arg1.mfn, result);
        return result;
    });
}

HypercallResult update_va_mapping(Vcpu& caller, const HypercallArguments& arguments) {
    return map_at(caller, arguments[0], arguments[1], arguments[2]);
}

HypercallResult update_va_mapping_otherdomain(Vcpu& caller, const HypercallArguments& arguments) {
    if (const int refused = check_foreign_domain(caller, arguments[3] & 0xffff)) return refused;
    return map_at(caller, arguments[0], arguments[1], arguments[2]);
}

}  // namespace ring3::hypercalls
