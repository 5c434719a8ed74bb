// SPDX-License-Identifier: MIT
// User mode: entered by the iret hypercall, left by system calls, faults and interrupts; its
// address space is another L4 table, which the kernel's mode hides.
#include "hv/abi/physdev.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"
#include "tests/guest/kernel/trap.hpp"

// clang-format off
#define GUEST_USER_CODE(X)                                                                  \
    X(system_call) X(system_call_flags)                                                     \
    X(invalid_opcode) X(divide) X(breakpoint) X(int_0x80) X(int_0x81) X(halt)               \
    X(read_unmapped) X(write_own_code) X(write_stack) X(jump_unmapped) X(read_kernel)       \
    X(read_m2p) X(clear_interrupts) X(flags) X(segments) X(gs_read) X(single_step)
// clang-format on

extern "C" {
extern const char user_code[];
#define X(name) extern const char user_##name[];
GUEST_USER_CODE(X)
#undef X
}

namespace guest {
namespace {

struct UserRegisters {
    std::uint64_t rip, rsp, rflags, rax, iret_flags;
};
extern "C" void enter_user(UserRegisters* registers);

constexpr std::uint64_t code_address = 0x40'0000, stack_address = 0x40'1000;
constexpr std::uint64_t stack_top = stack_address + 0x1000 - 16;

long mmuext(unsigned command, std::uint64_t arg1) {
    mmuext_op op{};
    op.cmd = command;
    op.arg1.mfn = arg1;
    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, nullptr, DOMID_SELF);
}

void make_address_space() {
    auto* l4 = static_cast<std::uint64_t*>(take_page());
    auto* l3 = static_cast<std::uint64_t*>(take_page());
    auto* l2 = static_cast<std::uint64_t*>(take_page());
    auto* l1 = static_cast<std::uint64_t*>(take_page());
    l4[0] = entry_for(l3, entry::read_write);
    l3[0] = entry_for(l2, entry::read_write);
    l2[code_address >> 21] = entry_for(l1, entry::read_write);
    l1[code_address >> 12 & 511] = entry_for(user_code, entry::read_only);
    l1[stack_address >> 12 & 511] = entry_for(take_page(), entry::read_write);
    for (std::uint64_t* table : {l4, l3, l2, l1}) make_read_only(table);
    report("pin", mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(l4)));
    report("base", mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4)));
}

/// Runs until the first trap out of user mode.
void run_user(const char* code, std::uint64_t rflags = 0x202, std::uint64_t iret_flags = 0,
              std::uint64_t rsp = stack_top) {
    static UserRegisters registers;
    registers = {code_address + static_cast<std::uint64_t>(code - user_code), rsp, rflags, 0x3333,
                 iret_flags};
    clear_traps();
    run_guarded([](void* r) { enter_user(static_cast<UserRegisters*>(r)); }, &registers);
}

void report_user(const char* name, const char* code) {
    report_recorded(name, code_address + static_cast<std::uint64_t>(code - user_code));
}

void check_exits() {
    struct Code {
        const char* name;
        const char* code;
    };
#define X(name) {#name, user_##name},
    static const Code codes[] = {GUEST_USER_CODE(X)};
#undef X
    for (const Code& code : codes) {
        run_user(code.code);
        report_user(code.name, code.code);
    }
}

void check_registers() {
    run_user(user_system_call);
    const TrapFrame& frame = trap().frame;
    report_hex("entry.rax", frame.rax);
    report_hex("entry.rcx", frame.rcx);
    report_hex("entry.r11", frame.r11);
    report_hex("entry.rsp", frame.rsp - stack_top);
    report_hex("entry.ss", frame.ss);
    report_hex("entry.cs", frame.cs);
    report_hex("entry.upcall_mask", trap().upcall_mask);
    run_user(user_invalid_opcode);
    // With these flags clear, iret gives rcx and r11 back as the frame has them.
    report_hex("restored.rcx", trap().frame.rcx);
    report_hex("restored.r11", trap().frame.r11);
    run_user(user_flags);
    report_hex("rflags.in_user_mode", trap().frame.rax & 0x3f7200);
    run_user(user_flags, 0x2);
    report_hex("rflags.entered_without_if", trap().frame.rax & 0x3f7200);
    report_hex("mask.entered_without_if", trap().upcall_mask);
    run_user(user_flags, 0x202);
    report_hex("mask.entered_with_if", trap().upcall_mask);
    run_user(user_flags, 0x3202);
    report_hex("rflags.entered_with_iopl_3", trap().frame.rax & 0x3f7200);
    run_user(user_flags, 0x202, 0x100);
    report_hex("rflags.entered_as_system_call", trap().frame.rax & 0x3f7200);
    run_user(user_segments);
    report_hex("selectors.cs", trap().frame.rax);
    report_hex("selectors.ss", trap().frame.rbx);
    report_hex("selectors.ds", trap().frame.rdx);
    this_vcpu().evtchn_upcall_mask = 1;
}

void check_bases() {
    auto* page = static_cast<std::uint64_t*>(take_page());
    page[0] = 0x1234'5678;
    report("gs.set_user", hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, stack_address));
    report("gs.set_kernel", hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, page));
    std::uint64_t seen = 0;
    asm volatile("mov %%gs:0, %0" : "=r"(seen));
    report_hex("gs.kernel_sees", seen);
    run_user(user_gs_read);
    report_hex("gs.user_sees", trap().frame.rax);
    asm volatile("mov %%gs:0, %0" : "=r"(seen));
    report_hex("gs.kernel_sees_again", seen);
    report("gs.not_canonical",
           hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, not_canonical));
    report("gs.user_selector", hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0));
    report("gs.bad_user_selector",
           hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0x1234));
    report("fs.set", hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, page));
    asm volatile("mov %%fs:0, %0" : "=r"(seen));
    report_hex("fs.kernel_sees", seen);
    report("fs.not_canonical", hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, not_canonical));
    report("fs.none", hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0));
    report("gs.none", hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, 0));
}

void check_iopl() {
    physdev_set_iopl iopl{3};
    hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
    run_user(user_clear_interrupts);
    report_user("iopl3.clear_interrupts", user_clear_interrupts);
    iopl.iopl = 0;
    hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
}

}  // namespace

void check_user() {
    make_address_space();
    check_exits();
    check_registers();
    check_bases();
    check_iopl();
    report("no_base", mmuext(MMUEXT_NEW_USER_BASEPTR, 0));
}

}  // namespace guest
