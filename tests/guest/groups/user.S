// SPDX-License-Identifier: MIT
// Code that runs in user mode, on a page of its own: user_code_page + (symbol - user_code).

    .section .user, "ax"
    .balign 4096
    .globl user_code
user_code:
.macro user name:req
    .balign 16
    .globl user_\name
user_\name:
.endm

    user system_call
    syscall
    ud2
    user system_call_flags
    pushq $0x10ed7          // DF, AC and the arithmetic flags... TF left out
    andq $~0x100, (%rsp)
    popfq
    syscall
    ud2
    user invalid_opcode
    ud2
    user divide
    xor %eax, %eax
    xor %edx, %edx
    div %eax
    user breakpoint
    int3
    ud2
    user int_0x80
    int $0x80
    ud2
    user int_0x81
    int $0x81
    ud2
    user halt
    hlt
    user read_unmapped
    movabs $0x1000000123, %rax
    mov (%rax), %rax
    user write_own_code
    lea user_write_own_code(%rip), %rax
    movb $0, (%rax)
    user write_stack
    push %rax
    push %rax
    syscall
    user jump_unmapped
    movabs $0x1000000123, %rax
    jmp *%rax
    user read_kernel
    mov $0xffffffff80100000, %rax
    mov (%rax), %rax
    user read_m2p
    movabs $0xffff800000000000, %rax
    mov (%rax), %rax
    user clear_interrupts
    cli
    user flags
    pushfq
    pop %rax
    syscall
    user segments
    mov %cs, %eax
    mov %ss, %ebx
    mov %ds, %edx
    syscall
    user gs_read
    mov %gs:0, %rax
    syscall
    user single_step
    pushfq
    orq $0x100, (%rsp)
    popfq
    nop
    ud2
    .section .note.GNU-stack, "", @progbits
