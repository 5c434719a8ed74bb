// SPDX-License-Identifier: MIT
#include "tests/insn/native_cpu.hpp"

#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <system_error>

#include "hv/base/check.hpp"

namespace ring3::test {
namespace {

// Where the kernel says what a signal frame's FPU image holds (<asm/sigcontext.h>).
constexpr std::size_t magic_at = 464, header_at = 512, avx_at = 576, avx_size = 256;
constexpr std::size_t legacy_size = 464, image_size = avx_at + avx_size;
constexpr std::uint32_t extended_magic = 0x46505853;

constexpr int indices[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                             REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                             REG_R12, REG_R13, REG_R14, REG_R15};

enum class Phase { idle, requested, running };

/// Plain static data: FS is the guest's own while its instruction runs, so nothing is thread_local.
struct Exchange {
    volatile Phase phase = Phase::idle;
    const CpuState* in = nullptr;
    Outcome* out = nullptr;
    std::uint64_t host_fs = 0;
    bool fs_changed = false;
    gregset_t host_registers;
    std::byte host_fpu[image_size];
};
Exchange exchange;
struct sigaction previous[65];
constexpr int handled_signals[] = {SIGSEGV, SIGFPE, SIGBUS, SIGILL, SIGTRAP};
constexpr std::size_t signal_stack_size = 256 * 1024;

/// Without the C library: errno is in FS.
[[gnu::always_inline]] inline void set_fs_base(std::uint64_t base) {
    long result = SYS_arch_prctl;
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(static_cast<long>(ARCH_SET_FS)), "S"(base)
                 : "rcx", "r11", "memory");
}

bool has_avx(const std::byte* fpu) {
    std::uint32_t magic = 0;
    std::memcpy(&magic, fpu + magic_at, sizeof magic);
    return magic == extended_magic;
}

void copy_fpu(std::byte* to, const std::byte* from, bool avx) {
    std::memcpy(to, from, legacy_size);
    if (avx) std::memcpy(to + avx_at, from + avx_at, avx_size);
}

void begin(ucontext_t& frame) {
    auto& registers = frame.uc_mcontext.gregs;
    auto* const fpu = reinterpret_cast<std::byte*>(frame.uc_mcontext.fpregs);
    const CpuState& in = *exchange.in;
    std::memcpy(exchange.host_registers, registers, sizeof registers);
    const bool avx = has_avx(fpu);
    copy_fpu(exchange.host_fpu, fpu, avx);
    copy_fpu(fpu, in.xsave.data(), avx);
    if (avx) {
        std::uint64_t in_use = 0;
        std::memcpy(&in_use, fpu + header_at, sizeof in_use);
        in_use |= 7;
        std::memcpy(fpu + header_at, &in_use, sizeof in_use);
    }
    for (std::size_t i = 0; i < 16; ++i) registers[indices[i]] = static_cast<greg_t>(in.gpr[i]);
    registers[REG_RIP] = static_cast<greg_t>(in.rip);
    registers[REG_EFL] = static_cast<greg_t>((in.rflags & (rflags::arithmetic | rflags::df)) |
                                             rflags::fixed | rflags::interrupt | rflags::tf);
    exchange.phase = Phase::running;
    exchange.fs_changed = in.fs_base != 0;
}

void finish(ucontext_t& frame) {
    auto& registers = frame.uc_mcontext.gregs;
    auto* const fpu = reinterpret_cast<std::byte*>(frame.uc_mcontext.fpregs);
    Outcome& out = *exchange.out;
    const bool avx = has_avx(fpu);
    for (std::size_t i = 0; i < 16; ++i) {
        out.state.gpr[i] = static_cast<std::uint64_t>(registers[indices[i]]);
    }
    out.state.rip = static_cast<std::uint64_t>(registers[REG_RIP]);
    constexpr std::uint64_t kept = rflags::arithmetic | rflags::df;
    out.state.rflags =
        (exchange.in->rflags & ~kept) | (static_cast<std::uint64_t>(registers[REG_EFL]) & kept);
    copy_fpu(out.state.xsave.data(), fpu, avx);
    if (avx) {
        // A component in its initial state may be left out (SDM vol. 1, 13.7).
        std::uint64_t in_use = 0;
        std::memcpy(&in_use, fpu + header_at, sizeof in_use);
        if ((in_use & 4) == 0) std::memset(out.state.xsave.data() + avx_at, 0, avx_size);
    }
    make_fpu_image_canonical(out.state);
    constexpr int debug_exception = 1;
    const auto vector = static_cast<int>(registers[REG_TRAPNO]);
    if (vector != debug_exception) {
        out.vector = vector;
        if (vector == 14) {
            out.error_code = static_cast<std::uint32_t>(registers[REG_ERR]);
            out.address = static_cast<std::uint64_t>(registers[REG_CR2]);
        }
    }
    std::memcpy(registers, exchange.host_registers, sizeof registers);
    copy_fpu(fpu, exchange.host_fpu, avx);
    exchange.phase = Phase::idle;
}

/// FS is the guest's own at the beginning of one call and at the end of the other: nothing here may
/// use it then, a stack protector neither.
[[gnu::no_stack_protector]] void on_signal(int signal, siginfo_t* info, void* raw) {
    auto& frame = *static_cast<ucontext_t*>(raw);
    if (exchange.phase == Phase::running) {
        if (exchange.fs_changed) set_fs_base(exchange.host_fs);
        finish(frame);
        return;
    }
    if (exchange.phase == Phase::requested && signal == SIGTRAP) {
        begin(frame);
        if (exchange.fs_changed) set_fs_base(exchange.in->fs_base);
        return;
    }
    const struct sigaction& old = previous[signal];
    if ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction != nullptr) {
        old.sa_sigaction(signal, info, raw);
        return;
    }
    ::signal(signal, SIG_DFL);
}

void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void map(std::uint64_t address, std::size_t bytes, int protection) {
    void* const wanted = reinterpret_cast<void*>(address);
    if (mmap(wanted, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
        wanted) {
        fail("a mapping at the guest's own addresses");
    }
}

std::unique_ptr<std::byte[]> signal_stack;

}  // namespace

/// A child finds out: it comes to its end, or a signal ends it.
bool NativeCpu::takes_any_rsp() {
    static const bool answer = [] {
        const pid_t child = fork();
        if (child == 0) {
            static std::byte stack_of_handler[64 * 1024];
            const stack_t stack{stack_of_handler, 0, sizeof stack_of_handler};
            sigaltstack(&stack, nullptr);
            for (const int signal : handled_signals) ::signal(signal, SIG_DFL);
            struct sigaction action {};
            action.sa_flags = SA_SIGINFO | SA_ONSTACK;
            action.sa_sigaction = [](int, siginfo_t*, void* raw) {
                auto& registers = static_cast<ucontext_t*>(raw)->uc_mcontext.gregs;
                // exit(0) without a stack.
                static const std::uint8_t* const code = [] {
                    static constexpr std::uint8_t bytes[] = {0xb8, 60,   0,    0, 0,
                                                             0x31, 0xff, 0x0f, 5};
                    void* const page = mmap(nullptr, page_size, PROT_READ | PROT_WRITE | PROT_EXEC,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                    std::memcpy(page, bytes, sizeof bytes);
                    return static_cast<const std::uint8_t*>(page);
                }();
                registers[REG_RIP] = reinterpret_cast<greg_t>(code);
                registers[REG_RSP] = greg_t{1} << 62;
            };
            sigaction(SIGUSR1, &action, nullptr);
            raise(SIGUSR1);
            _exit(1);
        }
        int status = 1;
        return waitpid(child, &status, 0) == child && status == 0;
    }();
    return answer;
}

NativeCpu::NativeCpu() {
    map(BareGuest::base - margin, margin, PROT_NONE);
    map(BareGuest::base, memory().size(), PROT_READ | PROT_WRITE | PROT_EXEC);
    map(BareGuest::end, margin, PROT_NONE);
    signal_stack = std::make_unique<std::byte[]>(signal_stack_size);
    stack_t stack{};
    stack.ss_sp = signal_stack.get();
    stack.ss_size = signal_stack_size;
    if (sigaltstack(&stack, nullptr) != 0) fail("sigaltstack");
    // The engine's handlers are installed by its first run, and must be below ours: they use FS.
    BareGuest guest;
    guest.run(1);
    for (const int signal : handled_signals) {
        struct sigaction action {};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        if (sigaction(signal, &action, &previous[signal]) != 0) fail("sigaction");
    }
    if (syscall(SYS_arch_prctl, ARCH_GET_FS, &exchange.host_fs) != 0) fail("arch_prctl");
}

NativeCpu::~NativeCpu() {
    for (const int signal : handled_signals) sigaction(signal, &previous[signal], nullptr);
    munmap(reinterpret_cast<void*>(BareGuest::base - margin), memory().size() + 2 * margin);
}

Outcome NativeCpu::step(const CpuState& state) {
    Outcome out;
    out.state = state;
    if (state.gs_base != 0 && syscall(SYS_arch_prctl, ARCH_SET_GS, state.gs_base) != 0) {
        fail("arch_prctl(ARCH_SET_GS)");
    }
    exchange.in = &state;
    exchange.out = &out;
    exchange.phase = Phase::requested;
    asm volatile("int3" ::: "memory");
    HV_CHECK(exchange.phase == Phase::idle, "the instruction has run");
    return out;
}

void NativeCpu::protect(std::uint64_t address, std::size_t bytes, bool readable, bool writable) {
    const int protection = (readable ? PROT_READ : 0) | (writable ? PROT_WRITE : 0) |
                           (address < BareGuest::data ? PROT_EXEC : 0);
    if (mprotect(reinterpret_cast<void*>(address), bytes, protection) != 0) fail("mprotect");
}

}  // namespace ring3::test
