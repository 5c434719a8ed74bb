// SPDX-License-Identifier: MIT
// The frame that a handler finds, from its RSP upwards (create_bounce_frame and do_iret in Xen):
//
//   rcx, r11, [ds, es, fs, gs: failsafe only,] [error code,] rip, cs | mask << 32, rflags, rsp, ss
//
// The end of the frame is 16-byte aligned. `mask` is evtchn_upcall_mask before the entry; the saved
// IF shows its inverse, since the real IF of a guest is always set. A saved CS of the kernel has
// RPL 0, which tells the two modes apart: both run in ring 3.
#include "hv/domain/guest_entry.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "hv/abi/xen.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/segments.hpp"

namespace ring3 {

namespace {

enum class FrameKind : std::uint8_t { ordinary, syscall, failsafe };

struct Entry {
    std::uint64_t handler;
    bool masks_events;
    FrameKind kind = FrameKind::ordinary;
    std::optional<std::uint32_t> error_code = std::nullopt;
    /// For messages: what is delivered.
    std::string_view what;
    std::optional<std::uint8_t> vector = std::nullopt;

    std::string name() const {
        return vector ? fmt::format("vector {}", *vector) : std::string(what);
    }
};

/// The words of a frame, in the order in which memory holds them.
struct Frame64 {
    std::array<std::uint64_t, 12> words;
    std::size_t count = 0;
    void add(std::uint64_t word) { words[count++] = word; }
};

std::uint64_t visible_rflags(const Vcpu& vcpu) {
    std::uint64_t value = vcpu.cpu.rflags & ~(rflags::interrupt | rflags::iopl);
    if (vcpu.info().upcall_mask() == 0) value |= rflags::interrupt;
    if (vcpu.domain().has_assist(VMASST_TYPE_architectural_iopl)) {
        value |= std::uint64_t{vcpu.iopl} << 12;
    }
    return value;
}

Frame64 make_frame(const Vcpu& vcpu, const Entry& entry) {
    const CpuState& cpu = vcpu.cpu;
    std::uint64_t cs = cpu.sel(Segment::cs), ss = cpu.sel(Segment::ss);
    if (entry.kind == FrameKind::syscall) {
        cs = FLAT_USER_CS64;
        ss = FLAT_USER_SS64;
    } else if (cpu.kernel_mode) {
        cs &= ~std::uint64_t{3};
    }
    Frame64 frame;
    frame.add(cpu.reg(Gpr::rcx));
    frame.add(cpu.reg(Gpr::r11));
    if (entry.kind == FrameKind::failsafe) {
        for (const Segment each : {Segment::ds, Segment::es, Segment::fs, Segment::gs}) {
            frame.add(cpu.sel(each));
        }
    }
    if (entry.error_code) frame.add(*entry.error_code);
    frame.add(cpu.rip);
    frame.add(cs | std::uint64_t{vcpu.info().upcall_mask()} << 32);
    frame.add(visible_rflags(vcpu));
    frame.add(cpu.reg(Gpr::rsp));
    frame.add(ss);
    return frame;
}

bool enter(Vcpu& vcpu, const Entry& entry) {
    CpuState& cpu = vcpu.cpu;
    if (entry.handler == 0) {
        vcpu.domain().crash(vcpu, fmt::format("the guest has no handler for {}", entry.name()));
        return false;
    }
    const Frame64 frame = make_frame(vcpu, entry);
    const std::uint64_t stack = cpu.kernel_mode ? cpu.reg(Gpr::rsp) : vcpu.kernel_sp;
    const std::uint64_t top = (stack & ~std::uint64_t{15}) - frame.count * sizeof(std::uint64_t);
    const auto fault = write_guest(vcpu.kernel_space(), Vaddr{top},
                                   std::as_bytes(std::span{frame.words.data(), frame.count}));
    if (fault) {
        vcpu.domain().crash(vcpu, fmt::format("{} cannot be delivered: the guest kernel's stack at "
                                              "{:016x} is not writable",
                                              entry.name(), fault->address.raw));
        return false;
    }
    if (!cpu.kernel_mode) vcpu.toggle_guest_mode();
    cpu.reg(Gpr::rsp) = top;
    cpu.rip = entry.handler;
    cpu.sel(Segment::cs) = FLAT_KERNEL_CS;
    cpu.sel(Segment::ss) = FLAT_KERNEL_SS;
    cpu.rflags &= ~(rflags::ac | rflags::vm | rflags::rf | rflags::nt | rflags::tf);
    if (entry.kind == FrameKind::syscall) cpu.rflags &= ~rflags::df;
    if (entry.masks_events) vcpu.info().set_upcall_mask(1);
    return true;
}

/// Xen returns by IRET, which faults on a bad selector or RIP; the guest then hears of it through
/// its failsafe callback. Code of 32 bits is bad to us.
bool can_return_to(Vcpu& vcpu) {
    const CpuState& cpu = vcpu.cpu;
    const auto code = vcpu.environment().descriptor(cpu, cpu.sel(Segment::cs));
    const auto stack = vcpu.environment().descriptor(cpu, cpu.sel(Segment::ss));
    if (code && is_32bit_code(*code)) {
        vcpu.domain().warn_once(
            Domain::Lack::i386_code,
            fmt::format("i386 code is not supported (return to CS {:04x}, RIP {:x})",
                        cpu.sel(Segment::cs), cpu.rip));
    }
    return code && is_64bit_code(*code) && stack && is_writable_data(*stack) &&
           is_canonical(Vaddr{cpu.rip});
}

}  // namespace

bool enter_trap(Vcpu& vcpu, std::uint8_t vector, std::optional<std::uint32_t> error_code) {
    const TrapGate& gate = vcpu.traps[vector];
    return enter(vcpu, {.handler = gate.address,
                        .masks_events = gate.masks_events,
                        .error_code = error_code,
                        .what = {},
                        .vector = vector});
}

bool enter_event_callback(Vcpu& vcpu) {
    return enter(vcpu,
                 {.handler = vcpu.event_callback.address, .masks_events = true, .what = "events"});
}

bool enter_syscall(Vcpu& vcpu, std::uint8_t length) {
    const Callback& callback = vcpu.syscall_callback;
    if (callback.address == 0) {
        constexpr std::uint8_t invalid_opcode = 6;
        vcpu.cpu.rip -= length;
        --vcpu.cpu.retired;
        return enter_trap(vcpu, invalid_opcode, std::nullopt);
    }
    return enter(vcpu, {.handler = callback.address,
                        .masks_events = callback.masks_events,
                        .kind = FrameKind::syscall,
                        .what = "SYSCALL"});
}

bool return_from_trap(Vcpu& vcpu) {
    CpuState& cpu = vcpu.cpu;
    iret_context frame;
    if (const auto fault = read_guest(vcpu.kernel_space(), Vaddr{cpu.reg(Gpr::rsp)}, frame)) {
        vcpu.domain().crash(vcpu, fmt::format("the frame of the iret hypercall at {:016x} cannot "
                                              "be read",
                                              fault->address.raw));
        return false;
    }
    if ((frame.cs & 3) == 3) {
        if (cpu.user_root.raw == 0) {
            vcpu.domain().crash(vcpu, "return to user mode, which has no page tables");
            return false;
        }
        vcpu.toggle_guest_mode();
    }
    if (vcpu.domain().has_assist(VMASST_TYPE_architectural_iopl)) {
        vcpu.iopl = static_cast<unsigned>(frame.rflags >> 12 & 3);
    }
    cpu.rip = frame.rip;
    cpu.sel(Segment::cs) = static_cast<std::uint16_t>(frame.cs | 3);
    cpu.sel(Segment::ss) = static_cast<std::uint16_t>(frame.ss | 3);
    cpu.reg(Gpr::rsp) = frame.rsp;
    cpu.reg(Gpr::rax) = frame.rax;
    constexpr std::uint64_t settable = rflags::arithmetic | rflags::tf | rflags::df | rflags::nt |
                                       rflags::rf | rflags::ac | rflags::id;
    cpu.rflags = (frame.rflags & settable) | rflags::fixed | rflags::interrupt;
    if ((frame.flags & VGCF_in_syscall) == 0) {
        cpu.reg(Gpr::r11) = frame.r11;
        cpu.reg(Gpr::rcx) = frame.rcx;
    } else {  // as SYSRET leaves them
        cpu.reg(Gpr::r11) = cpu.rflags;
        cpu.reg(Gpr::rcx) = cpu.rip;
    }
    vcpu.info().set_upcall_mask((frame.rflags & rflags::interrupt) == 0 ? 1 : 0);
    vcpu.nmi_masked = false;
    if (can_return_to(vcpu)) return true;

    const Callback& failsafe = vcpu.failsafe_callback;
    return enter(vcpu, {.handler = failsafe.address,
                        .masks_events = failsafe.masks_events,
                        .kind = FrameKind::failsafe,
                        .what = "a return to bad segments or RIP (failsafe callback)"});
}

}  // namespace ring3
