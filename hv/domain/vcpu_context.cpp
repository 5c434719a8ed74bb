// SPDX-License-Identifier: MIT
#include "hv/domain/vcpu_context.hpp"

#include <cstring>
#include <utility>

#include "hv/abi/errors.hpp"
#include "hv/base/check.hpp"
#include "hv/domain/debug_registers.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/segments.hpp"

namespace ring3 {

namespace {

std::uint16_t ring3_selector(std::uint16_t selector) {
    return static_cast<std::uint16_t>(selector | 3);
}

bool is_acceptable(const vcpu_guest_context_t& context) {
    const Vaddr addresses[] = {{context.user_regs.rip},
                               {context.event_callback_eip},
                               {context.failsafe_callback_eip},
                               {context.syscall_callback_eip},
                               {context.fs_base},
                               {context.gs_base_kernel},
                               {context.gs_base_user}};
    for (const Vaddr each : addresses) {
        if (!is_canonical(each)) return false;
    }
    return context.gdt_ents <= FIRST_RESERVED_GDT_ENTRY && context.ldt_ents == 0;
}

void set_registers(CpuState& cpu, const vcpu_guest_context_t& context) {
    const cpu_user_regs_t& regs = context.user_regs;
    cpu.gpr = {regs.rax, regs.rcx, regs.rdx, regs.rbx, regs.rsp, regs.rbp, regs.rsi, regs.rdi,
               regs.r8,  regs.r9,  regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15};
    cpu.rip = regs.rip;
    constexpr std::uint64_t settable = rflags::arithmetic | rflags::df | rflags::ac | rflags::id;
    cpu.rflags = (regs.rflags & settable) | rflags::fixed | rflags::interrupt;
    cpu.sel(Segment::cs) = ring3_selector(regs.cs);
    cpu.sel(Segment::ss) = ring3_selector(regs.ss);
    cpu.sel(Segment::ds) = regs.ds;
    cpu.sel(Segment::es) = regs.es;
    cpu.sel(Segment::fs) = regs.fs;
    cpu.sel(Segment::gs) = regs.gs;
    cpu.kernel_mode = (context.flags & VGCF_in_kernel) != 0;
    cpu.fs_base = context.fs_base;
    cpu.gs_base = cpu.kernel_mode ? context.gs_base_kernel : context.gs_base_user;
    cpu.gs_base_inactive = cpu.kernel_mode ? context.gs_base_user : context.gs_base_kernel;
    reset_fpu(cpu);
    if ((context.flags & VGCF_i387_valid) != 0) {
        // The first 512 bytes of the XSAVE format are those of FXSAVE.
        std::memcpy(cpu.xsave.data(), context.fpu_ctxt.x, sizeof context.fpu_ctxt.x);
    }
    // Errors leave the register as it was after reset, as Xen does.
    for (unsigned n = 0; n < 8; ++n) {
        if (n != 4 && n != 5) static_cast<void>(set_debug_register(cpu, n, context.debugreg[n]));
    }
}

void set_entry_points(Vcpu& vcpu, const vcpu_guest_context_t& context) {
    for (std::size_t i = 0; i < vcpu.traps.size(); ++i) {
        const trap_info_t& trap = context.trap_ctxt[i];
        vcpu.traps[i] = {.address = trap.address,
                         .cs = ring3_selector(trap.cs),
                         .privilege = static_cast<std::uint8_t>(TI_GET_DPL(&trap)),
                         .masks_events = TI_GET_IF(&trap) != 0};
    }
    vcpu.event_callback = {context.event_callback_eip, true};
    vcpu.failsafe_callback = {context.failsafe_callback_eip,
                              (context.flags & VGCF_failsafe_disables_events) != 0};
    vcpu.syscall_callback = {context.syscall_callback_eip,
                             (context.flags & VGCF_syscall_disables_events) != 0};
    vcpu.kernel_ss = context.kernel_ss | 3;
    vcpu.kernel_sp = context.kernel_sp;
}

}  // namespace

int set_vcpu_context(Vcpu& vcpu, const vcpu_guest_context_t& context) {
    HV_CHECK(!vcpu.is_initialised, "a vCPU's context is set twice");
    if (!is_acceptable(context)) return -XEN_EINVAL;
    if (vcpu.set_kernel_root(Mfn{xen_cr3_to_pfn(context.ctrlreg[3])}) != 0) return -XEN_EINVAL;
    // Bit 0 of the user root was a flag once and is ignored.
    const Mfn user_root{xen_cr3_to_pfn(context.ctrlreg[1])};
    const std::uint64_t gdt_pages = (context.gdt_ents + 511) / 512;
    int result = vcpu.set_user_root(user_root);
    if (result == 0) {
        result = set_gdt_frames(vcpu, std::span{context.gdt_frames, gdt_pages},
                                static_cast<std::uint32_t>(context.gdt_ents));
    }
    if (result != 0) {
        static_cast<void>(vcpu.set_user_root(Mfn{}));
        vcpu.domain().tables().put_table(std::exchange(vcpu.cpu.kernel_root, Mfn{}));
        return -XEN_EINVAL;
    }
    set_registers(vcpu.cpu, context);
    // The level is the vCPU's, not in its RFLAGS: a guest that has it on one vCPU asks for it so.
    vcpu.iopl = static_cast<unsigned>(context.user_regs.rflags >> 12 & 3);
    vcpu.cpu.table_write_assist = vcpu.domain().has_assist(VMASST_TYPE_writable_pagetables);
    set_entry_points(vcpu, context);
    vcpu.is_initialised = true;
    if ((context.flags & VGCF_online) != 0) vcpu.bring_up();
    return 0;
}

}  // namespace ring3
