// SPDX-License-Identifier: MIT
// A hypercall with a pattern in every register.

    .text
// uint64_t hypercall_register_changes(uint64_t* rcx_offset, uint64_t* r11)
    .globl hypercall_register_changes
hypercall_register_changes:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdi
    push %rsi
    mov %rsp, saved_rsp(%rip)

    mov $0x1003, %ebx
    mov $0x1005, %ebp
    mov $0, %esi
    mov $0, %edi            // XENVER_version
    mov $0x1002, %edx
    mov $0x1008, %r8d
    mov $0x1009, %r9d
    mov $0x100a, %r10d
    mov $0x100c, %r12d
    mov $0x100d, %r13d
    mov $0x100e, %r14d
    mov $0x100f, %r15d
    pushq $0x246
    popfq
    mov $17, %eax
    syscall
1:  mov %rcx, found_rcx(%rip)
    mov %r11, found_r11(%rip)
    xor %eax, %eax

.macro check register:req, expected:req, bit:req
    cmp $\expected, \register
    je 2f
    or $(1 << \bit), %eax
2:
.endm
    check %rdx, 0x1002, 2
    check %rbx, 0x1003, 3
    cmp %rsp, saved_rsp(%rip)
    je 2f
    or $(1 << 4), %eax
2:  check %rbp, 0x1005, 5
    check %rsi, 0, 6
    check %rdi, 0, 7
    check %r8, 0x1008, 8
    check %r9, 0x1009, 9
    check %r10, 0x100a, 10
    check %r12, 0x100c, 12
    check %r13, 0x100d, 13
    check %r14, 0x100e, 14
    check %r15, 0x100f, 15

    pop %rsi
    pop %rdi
    lea 1b(%rip), %rdx
    mov found_rcx(%rip), %rcx
    sub %rdx, %rcx
    mov %rcx, (%rdi)
    mov found_r11(%rip), %r11
    mov %r11, (%rsi)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .bss
    .balign 8
saved_rsp:
    .skip 8
found_rcx:
    .skip 8
found_r11:
    .skip 8
    .section .note.GNU-stack, "", @progbits
