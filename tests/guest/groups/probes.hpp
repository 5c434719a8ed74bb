// SPDX-License-Identifier: MIT
// The functions of probes.S.
#pragma once

// clang-format off
#define GUEST_PROBES(X) \
    X(divide) \
    X(invalid_opcode) \
    X(breakpoint) \
    X(breakpoint_two_bytes) \
    X(int_0x80) \
    X(int_0x81) \
    X(int_page_fault) \
    X(int_not_there) \
    X(halt) \
    X(clear_interrupts) \
    X(set_interrupts) \
    X(load_bad_selector) \
    X(load_xen_selector) \
    X(load_code_into_ss) \
    X(load_null_into_ss) \
    X(load_null_into_ds) \
    X(load_flat_into_ds) \
    X(read_unmapped) \
    X(write_unmapped) \
    X(jump_unmapped) \
    X(read_not_canonical) \
    X(read_not_canonical_stack) \
    X(jump_not_canonical) \
    X(read_inside_xen) \
    X(write_m2p) \
    X(write_code_of_kernel) \
    X(load_gdt) \
    X(load_idt) \
    X(load_ldt) \
    X(load_tr) \
    X(invlpg) \
    X(wbinvd) \
    X(read_cr0) \
    X(read_cr3) \
    X(read_cr8) \
    X(write_cr0_same) \
    X(write_cr0_without_paging) \
    X(write_cr8) \
    X(swapgs) \
    X(sysret) \
    X(sysenter) \
    X(rdmsr_unknown) \
    X(wrmsr_unknown) \
    X(wrmsr_gs_base_not_canonical) \
    X(in_0x60) \
    X(misaligned_sse) \
    X(far_return) \
    X(iret_to_kernel) \
    X(iret_to_null_cs)
// clang-format on

extern "C" {
#define X(name) void probe_##name();
GUEST_PROBES(X)
#undef X
}
