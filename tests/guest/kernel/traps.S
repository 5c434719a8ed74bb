// SPDX-License-Identifier: MIT
// Where Xen delivers: one stub per vector, one for the event upcall, one for system calls of user
// mode.
// Xen's frame is rcx, r11, [error code,] rip, cs, rflags, rsp, ss; ours is struct TrapFrame.

.macro stub name:req, vector:req, has_error_code:req
    .globl \name
\name:
    pop %rcx
    pop %r11
    .if !\has_error_code
    push $0
    .endif
    push $\vector
    jmp trap_common
.endm

    .text
    .altmacro
.macro numbered_stub n
    .if \n == 8 || (\n >= 10 && \n <= 14) || \n == 17
    stub trap_\n, \n, 1
    .else
    stub trap_\n, \n, 0
    .endif
    .section .rodata
    .quad trap_\n
    .text
.endm

    .section .rodata
    .balign 8
    .globl trap_stubs
trap_stubs:
    .text
    .set i, 0
    .rept 32
    numbered_stub %i
    .set i, i + 1
    .endr
    stub trap_int80, 0x80, 0
    stub trap_int81, 0x81, 0
    stub trap_syscall, 0x100, 0
    stub trap_event, 0x101, 0

// Called by Xen when it cannot return to the guest: rcx, r11, ds, es, fs, gs, rip...
    .globl trap_failsafe
trap_failsafe:
    pop %rcx
    pop %r11
    add $32, %rsp
    push $0
    push $0x102
    jmp trap_common

trap_common:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    mov %rsp, %rbp
    cld
    and $-16, %rsp
    call handle_trap
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    push $0                 // flags of the iret: none
    jmp hypercall_iret
    .section .note.GNU-stack, "", @progbits
