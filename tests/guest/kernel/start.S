// SPDX-License-Identifier: MIT
// The entry point: keeps the registers as Xen gave them, and goes on in C++ on a stack of our own
// (the place of Xen's boot stack depends on who built the domain).

    .text
    .globl start
start:
    mov %rax, entry_registers + 0(%rip)
    mov %rcx, entry_registers + 8(%rip)
    mov %rdx, entry_registers + 16(%rip)
    mov %rbx, entry_registers + 24(%rip)
    mov %rsp, entry_registers + 32(%rip)
    mov %rbp, entry_registers + 40(%rip)
    mov %rsi, entry_registers + 48(%rip)
    mov %rdi, entry_registers + 56(%rip)
    mov %r8, entry_registers + 64(%rip)
    mov %r9, entry_registers + 72(%rip)
    mov %r10, entry_registers + 80(%rip)
    mov %r11, entry_registers + 88(%rip)
    mov %r12, entry_registers + 96(%rip)
    mov %r13, entry_registers + 104(%rip)
    mov %r14, entry_registers + 112(%rip)
    mov %r15, entry_registers + 120(%rip)
    pushfq
    popq entry_registers + 128(%rip)
    cld
    lea boot_stack_end(%rip), %rsp
    mov %rsi, %rdi
    call guest_main
    ud2

// int run_guarded(void (*function)(void*), void* argument): 0, or 1 when a fault ended it. The trap
// handler sends the CPU to guard_landing with guard_rsp as its stack.
    .globl run_guarded
run_guarded:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    pushq guard_rsp(%rip)
    mov %rsp, guard_rsp(%rip)
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    xor %eax, %eax
    jmp 1f
    .globl guard_landing
guard_landing:
    cld
    mov $1, %eax
1:  popq guard_rsp(%rip)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

// void enter_user(UserRegisters*): rip, rsp, rflags, rax, flags of the iret. Comes back through a
// trap.
    .globl enter_user
enter_user:
    pushq $0xe02b           // ss: Xen's own flat ring-3 segment
    pushq 8(%rdi)
    pushq 16(%rdi)
    pushq $0xe033           // cs
    pushq 0(%rdi)
    pushq 32(%rdi)
    mov 24(%rdi), %rax
    mov $0x1111, %ecx
    mov $0x2222, %r11d
    jmp hypercall_iret

    .bss
    .balign 4096
    .skip 16384
boot_stack_end:
    .skip 16384
    .globl trap_stack_end   // where traps from user mode go
trap_stack_end:
    .globl entry_registers
entry_registers:
    .skip 17 * 8
    .globl guard_rsp
guard_rsp:
    .skip 8
    .section .note.GNU-stack, "", @progbits
