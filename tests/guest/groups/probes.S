// SPDX-License-Identifier: MIT
// Instructions that trap, one function each; the trap's RIP is reported as an offset from its
// start.

.macro probe name:req
    .balign 16
    .globl probe_\name
probe_\name:
.endm
    .text

    probe divide
    xor %eax, %eax
    xor %edx, %edx
    div %eax
    ret
    probe invalid_opcode
    ud2
    ret
    probe breakpoint
    int3
    ret
    probe breakpoint_two_bytes
    .byte 0xcd, 0x03
    ret
    probe int_0x80
    int $0x80
    ret
    probe int_0x81
    int $0x81
    ret
    probe int_page_fault
    int $14
    ret
    probe int_not_there
    int $0x99
    ret
    probe halt
    hlt
    ret
    probe clear_interrupts
    cli
    ret
    probe set_interrupts
    sti
    ret
    probe load_bad_selector
    mov $0x1234, %eax
    mov %eax, %ds
    ret
    probe load_xen_selector
    mov $0xe008, %eax
    mov %eax, %ds
    ret
    probe load_code_into_ss
    mov $0xe033, %eax
    mov %eax, %ss
    ret
    probe load_null_into_ss
    xor %eax, %eax
    mov %eax, %ss
    ret
    probe load_null_into_ds
    xor %eax, %eax
    mov %eax, %ds
    ret
    probe load_flat_into_ds
    mov $0xe02b, %eax
    mov %eax, %ds
    xor %eax, %eax
    mov %eax, %ds
    ret
    probe read_unmapped
    movabs $0x1000000123, %rax
    mov (%rax), %rax
    ret
    probe write_unmapped
    movabs $0x1000000123, %rax
    mov %rax, (%rax)
    ret
    probe jump_unmapped
    movabs $0x1000000123, %rax
    jmp *%rax
    probe read_not_canonical
    movabs $0x8000000000000000, %rax
    mov (%rax), %rax
    ret
    probe read_not_canonical_stack
    movabs $0x8000000000000000, %rdx
    xchg %rdx, %rbp
    mov (%rbp), %rax
    xchg %rdx, %rbp
    ret
    probe jump_not_canonical
    movabs $0x8000000000000000, %rax
    jmp *%rax
    probe read_inside_xen
    movabs $0xffff830000000123, %rax
    mov (%rax), %rax
    ret
    probe write_m2p
    movabs $0xffff800000000000, %rax
    mov %rax, (%rax)
    ret
    probe write_code_of_kernel
    lea probe_write_code_of_kernel(%rip), %rax
    lock orb $0, (%rax)
    ret
    probe load_gdt
    sub $16, %rsp
    lgdt (%rsp)
    ret
    probe load_idt
    sub $16, %rsp
    lidt (%rsp)
    ret
    probe load_ldt
    xor %eax, %eax
    lldt %ax
    ret
    probe load_tr
    xor %eax, %eax
    ltr %ax
    ret
    probe invlpg
    invlpg (%rsp)
    ret
    probe wbinvd
    wbinvd
    ret
    probe read_cr0
    mov %cr0, %rax
    ret
    probe read_cr3
    mov %cr3, %rax
    ret
    probe read_cr8
    mov %cr8, %rax
    ret
    probe write_cr0_same
    mov %cr0, %rax
    mov %rax, %cr0
    ret
    probe write_cr0_without_paging
    mov $1, %eax
    mov %rax, %cr0
    ret
    probe write_cr8
    xor %eax, %eax
    mov %rax, %cr8
    ret
    probe swapgs
    swapgs
    ret
    probe sysret
    sysretq
    ret
    probe sysenter
    sysenter
    ret
    probe rdmsr_unknown
    mov $0x4e, %ecx
    rdmsr
    ret
    probe wrmsr_unknown
    mov $0x4e, %ecx
    xor %eax, %eax
    xor %edx, %edx
    wrmsr
    ret
    probe wrmsr_gs_base_not_canonical
    mov $0xc0000101, %ecx
    xor %eax, %eax
    mov $0x80000000, %edx
    wrmsr
    ret
    probe in_0x60
    in $0x60, %al
    ret
    probe misaligned_sse
    movaps 8(%rsp), %xmm0
    movaps 16(%rsp), %xmm0
    ret
    probe far_return
    lea 1f(%rip), %rax
    push $0xe033
    push %rax
    lretq
1:  ret
    probe iret_to_kernel
    mov %rsp, %rax
    push $0xe02b
    push %rax
    push $0x246
    push $0xe033
    lea 1f(%rip), %rax
    push %rax
    iretq
1:  ret
    probe iret_to_null_cs
    mov %rsp, %rax
    push $0xe02b
    push %rax
    push $0x246
    push $0
    lea 1f(%rip), %rax
    push %rax
    iretq
1:  ret
    .section .note.GNU-stack, "", @progbits
