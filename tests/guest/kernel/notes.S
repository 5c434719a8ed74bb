// SPDX-License-Identifier: MIT
// The Xen notes. With GUEST_HYPERCALL_PAGE the kernel asks for a hypercall page, a p2m list at a
// place of its own and an initrd that is not mapped; without, it executes `syscall` itself and
// takes the older defaults: between them, both of a builder's ways are walked.

#define VIRT_BASE 0xffffffff80000000

.macro note_header type:req
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
.endm
.macro number type:req, value:req
    note_header \type
1:  .quad \value
2:
.endm
.macro text type:req, value:req
    note_header \type
1:  .asciz "\value"
2:  .balign 4
.endm

    number 1, start                        // ENTRY
    number 3, VIRT_BASE                    // VIRT_BASE
    number 4, 0                            // PADDR_OFFSET
    text 5, "xen-3.0"                   // XEN_VERSION
    text 6, "ring3-test"                // GUEST_OS
    text 8, "generic"                   // LOADER
    text 9, "yes"                       // PAE_MODE
    text 10, "!writable_page_tables|pae_pgdir_above_4gb"    // FEATURES
    number 17, 0x8801                      // SUPPORTED_FEATURES: as Linux, dom0 among them
#ifdef GUEST_HYPERCALL_PAGE
    number 2, hypercall_page               // HYPERCALL_PAGE
    number 15, 0x8000000000                // INIT_P2M
    number 16, 1                           // MOD_START_PFN

    .section .hypercall_page, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip 4096
#endif

// long hypercall(nr, a1, a2, a3, a4, a5)
    .text
    .globl hypercall
hypercall:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
#ifdef GUEST_HYPERCALL_PAGE
    cmp $128, %rax
    jae 1f
    mov %eax, %r11d
    shl $5, %r11d
    lea hypercall_page(%rip), %rcx
    add %rcx, %r11
    jmp *%r11
1:
#endif
    syscall
    ret

// On top of the stack: flags, rip, cs, rflags, rsp, ss. Does not return.
    .globl hypercall_iret
hypercall_iret:
#ifdef GUEST_HYPERCALL_PAGE
    jmp hypercall_page + 23 * 32
#else
    push %rcx
    push %r11
    push %rax
    mov $23, %eax
    syscall
#endif
    .section .note.GNU-stack, "", @progbits
