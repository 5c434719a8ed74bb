// SPDX-License-Identifier: MIT
// Ways for a guest to ruin itself.

    .text
// Events masked, forever.
    .globl hostile_spin
hostile_spin:
    jmp hostile_spin

// Jumps to an address that is none, with a stack that is none: no frame can be pushed.
    .globl hostile_no_stack
hostile_no_stack:
    movabs $0x8000000000000000, %rax
    mov %rax, %rsp
    jmp *%rax

    .globl hostile_jump_not_canonical
hostile_jump_not_canonical:
    movabs $0x8000000000000000, %rax
    jmp *%rax

// An iret hypercall whose frame cannot be read.
    .globl hostile_iret_no_stack
hostile_iret_no_stack:
    movabs $0x1000000000, %rsp
    mov $23, %eax
    syscall
    ud2

// An iret hypercall to an address that is none.
    .globl hostile_iret_not_canonical
hostile_iret_not_canonical:
    pushq $0xe02b
    push %rsp
    pushq $0x202
    pushq $0xe033
    movabs $0x8000000000000000, %rax
    push %rax
    push $0
    jmp hypercall_iret
    .section .note.GNU-stack, "", @progbits
