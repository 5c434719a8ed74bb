// SPDX-License-Identifier: MIT
// Code to single-step and to set breakpoints on.

    .text
    .balign 16
    .globl step_code, step_code_end, break_here, watched
// Sets TF; the handler clears it in the frame when it has seen enough.
step_code:
    pushfq
    orq $0x100, (%rsp)
    popfq
    nop
    mov $3, %ecx
    xor %eax, %eax
1:  inc %eax
    loop 1b
    mov $17, %eax
    xor %edi, %edi
    xor %esi, %esi
    syscall
    nop
    push %rax
    pop %rax
    pushfq
    andq $~0x100, (%rsp)
    popfq
    nop
step_code_end:
    ret

    .balign 16
    .globl break_code
break_code:
    nop
break_here:
    inc %eax
    movl $1, watched(%rip)
    mov watched(%rip), %eax
    movl $2, watched+8(%rip)
    ret

// rep movs with TF: one trap per iteration.
    .balign 16
    .globl step_string
step_string:
    lea watched(%rip), %rsi
    lea watched+16(%rip), %rdi
    mov $3, %ecx
    pushfq
    orq $0x100, (%rsp)
    popfq
    rep movsb
    pushfq
    andq $~0x100, (%rsp)
    popfq
    ret

    .bss
    .balign 16
watched:
    .skip 32
    .section .note.GNU-stack, "", @progbits
