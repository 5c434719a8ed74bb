// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/host_traps.hpp"

#include <asm/prctl.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <ucontext.h>
#include <unistd.h>
#include <csignal>
#include <memory>

#include "hv/base/check.hpp"
#include "hv/cpu/translate/host_fs.hpp"

namespace ring3 {
namespace {

/// Guest RSP is the host's RSP in translated code, so handlers need a stack of their own.
constexpr std::size_t signal_stack_size = 64 * 1024;

struct Running {
    Context* context = nullptr;
    std::uint64_t first = 0, last = 0;
    std::uint64_t trap = 0, refused = 0;  // stubs
};
thread_local Running running;
thread_local std::unique_ptr<std::byte[]> signal_stack;

constexpr int handled_signals[] = {SIGSEGV, SIGFPE, SIGBUS, SIGILL, SIGTRAP};
struct sigaction previous[65];

/// The guest exception for a host signal (SDM vol. 3, 6.15; si_code from <asm-generic/siginfo.h>).
/// x87 exceptions are #MF (16), SSE ones #XM (19): the trap number tells which it was.
std::uint32_t vector_of(const ucontext_t& state) {
    return static_cast<std::uint32_t>(state.uc_mcontext.gregs[REG_TRAPNO]);
}

/// With C++'s own FS base.
void answer(int signal, siginfo_t* info, void* raw) {
    auto& state = *static_cast<ucontext_t*>(raw);
    auto& rip = state.uc_mcontext.gregs[REG_RIP];
    const auto at = static_cast<std::uint64_t>(rip);
    if (running.context != nullptr && at >= running.first && at < running.last) {
        running.context->site = at;
        running.context->trap_vector = vector_of(state);
        // Some hosts (PVM) cannot go back to code whose RSP is not canonical: it faults there
        // again.
        auto& rsp = state.uc_mcontext.gregs[REG_RSP];
        running.context->trap_rsp = static_cast<std::uint64_t>(rsp);
        running.context->trap_r11 = static_cast<std::uint64_t>(state.uc_mcontext.gregs[REG_R11]);
        rsp = static_cast<greg_t>(running.context->host_rsp);
        rip = static_cast<greg_t>(running.trap);
        constexpr std::uint32_t page_fault = 14;
        if (running.context->trap_vector == page_fault) {
            running.context->refused_address = reinterpret_cast<std::uint64_t>(info->si_addr);
            running.context->refused_write =
                static_cast<std::uint64_t>(state.uc_mcontext.gregs[REG_ERR]) >> 1 & 1;
            rip = static_cast<greg_t>(running.refused);
        }
        // Resume, alignment checking and single-stepping are never the host's business here.
        return;
    }
    const struct sigaction& old = previous[signal];
    if ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction != nullptr) {
        old.sa_sigaction(signal, info, raw);
        return;
    }
    // Not ours: let the default action happen at the same instruction.
    ::signal(signal, SIG_DFL);
}

__attribute__((no_stack_protector)) void on_signal(int signal, siginfo_t* info, void* raw) {
    const HostFs fs;
    answer(signal, info, raw);
}

void install_once() {
    static const bool installed = [] {
        for (const int signal : handled_signals) {
            struct sigaction action {};
            action.sa_sigaction = on_signal;
            action.sa_flags = SA_SIGINFO | SA_ONSTACK;
            sigemptyset(&action.sa_mask);
            HV_CHECK(sigaction(signal, &action, &previous[signal]) == 0, "sigaction");
        }
        return true;
    }();
    static_cast<void>(installed);
}

void use_signal_stack() {
    if (signal_stack != nullptr) return;
    stack_t current{};
    sigaltstack(nullptr, &current);
    if ((current.ss_flags & SS_DISABLE) == 0 && current.ss_size >= signal_stack_size) return;
    signal_stack = std::make_unique<std::byte[]>(signal_stack_size);
    stack_t stack{};
    stack.ss_sp = signal_stack.get();
    stack.ss_size = signal_stack_size;
    HV_CHECK(sigaltstack(&stack, nullptr) == 0, "sigaltstack");
}

[[gnu::target("fsgsbase")]] void write_gs_base(std::uint64_t base) { _writegsbase_u64(base); }

}  // namespace

TrapScope::TrapScope(std::uint64_t first, std::uint64_t last, const Stubs& stubs) {
    install_once();
    use_signal_stack();
    running = {nullptr, first, last, stubs.trap, stubs.refused};
}

void TrapScope::belong_to(Context& context) { running.context = &context; }

TrapScope::~TrapScope() { running = {}; }

void load_gs_base(const Context& context, bool fsgsbase) {
    const auto base = reinterpret_cast<std::uint64_t>(&context);
    if (fsgsbase) {
        write_gs_base(base);
    } else {
        HV_CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, base) == 0, "arch_prctl(ARCH_SET_GS)");
    }
}

}  // namespace ring3
