// SPDX-License-Identifier: MIT
// The end of a domain that cannot go on, with what one needs to find out why.
#include <array>
#include <initializer_list>
#include <string>

#include <fmt/format.h>

#include "hv/abi/sched.hpp"
#include "hv/domain/domain.hpp"

namespace ring3 {

namespace {

/// `count` bytes from `at` as far as they can be read, as hexadecimal.
std::string bytes_at(const AddressSpace& space, Vaddr at, unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) {
        std::uint8_t byte;
        if (read_guest(space, at + i, byte)) break;
        text += fmt::format(" {:02x}", byte);
    }
    return text.empty() ? " (not readable)" : text;
}

std::string words_at(const AddressSpace& space, Vaddr at, unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) {
        std::uint64_t word;
        if (read_guest(space, at + i * sizeof word, word)) break;
        text += fmt::format(" {:016x}", word);
    }
    return text.empty() ? " (not readable)" : text;
}

}  // namespace

void Domain::crash(Vcpu& vcpu, std::string_view why) {
    const CpuState& cpu = vcpu.cpu;
    const auto line = [this](const std::string& text) { hypervisor_.log(LogLevel::error, text); };
    const auto registers = [&cpu](std::initializer_list<Gpr> which) {
        std::string text;
        constexpr std::array<std::string_view, 16> name{"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                                        "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                                        "r12", "r13", "r14", "r15"};
        for (const Gpr each : which) {
            text +=
                fmt::format("{}: {:016x}  ", name[static_cast<std::size_t>(each)], cpu.reg(each));
        }
        return text;
    };
    AddressSpace space = vcpu.kernel_space();
    space.root = cpu.root();

    line(fmt::format("domain {} ({}) vcpu {} crashed: {}", id().raw, name(), vcpu.id().raw, why));
    line(fmt::format("  {} mode  rip: {:04x}:{:016x}  rflags: {:016x}  events {}",
                     cpu.kernel_mode ? "kernel" : "user", cpu.sel(Segment::cs), cpu.rip, cpu.rflags,
                     vcpu.info().upcall_mask() != 0 ? "masked" : "unmasked"));
    line("  " + registers({Gpr::rax, Gpr::rbx, Gpr::rcx, Gpr::rdx}));
    line("  " + registers({Gpr::rsi, Gpr::rdi, Gpr::rbp, Gpr::rsp}));
    line("  " + registers({Gpr::r8, Gpr::r9, Gpr::r10, Gpr::r11}));
    line("  " + registers({Gpr::r12, Gpr::r13, Gpr::r14, Gpr::r15}));
    line(fmt::format("  cs: {:04x} ss: {:04x} ds: {:04x} es: {:04x} fs: {:04x} gs: {:04x}",
                     cpu.sel(Segment::cs), cpu.sel(Segment::ss), cpu.sel(Segment::ds),
                     cpu.sel(Segment::es), cpu.sel(Segment::fs), cpu.sel(Segment::gs)));
    line(fmt::format("  fs base: {:016x}  gs base: {:016x}  inactive gs base: {:016x}", cpu.fs_base,
                     cpu.gs_base, cpu.gs_base_inactive));
    line(fmt::format("  cr0: {:x}  cr2: {:016x}  kernel root mfn: {:x}  user root mfn: {:x}",
                     cpu.cr0, vcpu.info().cr2(), cpu.kernel_root.raw, cpu.user_root.raw));
    line(fmt::format("  retired instructions: {}", cpu.retired));
    line("  code:" + bytes_at(space, Vaddr{cpu.rip}, 16));
    line("  stack:" + words_at(space, Vaddr{cpu.reg(Gpr::rsp)}, 8));
    shut_down(SHUTDOWN_crash);
}

}  // namespace ring3
