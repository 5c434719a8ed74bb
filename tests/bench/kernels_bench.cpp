// SPDX-License-Identifier: MIT
// Instructions per second (items_per_second) of small loops, each with one kind of work, as a user
// program without windows (0) and with them (1), and what a page fault's way out costs.
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "tests/insn/bare_guest.hpp"

namespace ring3::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Kernel {
    const char* name;
    Bytes code;
};

const std::vector<Kernel>& kernels() {
    static const std::vector<Kernel> all{
        // loop: mov rdx, rax; shr rdx, 7; xor rax, rdx; lea rax, [rax+rax*4]; add rax, 0x1234567;
        // imul rbx, rax; jmp loop
        {"integer", {0x48, 0x89, 0xc2, 0x48, 0xc1, 0xea, 0x07, 0x48, 0x31, 0xd0, 0x48, 0x8d, 0x04,
                     0x80, 0x48, 0x05, 0x67, 0x45, 0x23, 0x01, 0x48, 0x0f, 0xaf, 0xd8, 0xeb, 0xe6}},
        // loop: two steps of a xorshift of rax; test al, 1; jz even; inc rbx; even: test al, 6;
        // jz loop; inc rcx; jmp loop
        {"branches", {0x48, 0x89, 0xc2, 0x48, 0xc1, 0xe2, 0x0d, 0x48, 0x31, 0xd0, 0x48, 0x89,
                      0xc2, 0x48, 0xc1, 0xea, 0x07, 0x48, 0x31, 0xd0, 0xa8, 0x01, 0x74, 0x03,
                      0x48, 0xff, 0xc3, 0xa8, 0x06, 0x74, 0xe1, 0x48, 0xff, 0xc1, 0xeb, 0xdc}},
        // loop: mov rdi, [rdi]; jmp loop
        {"pointers", {0x48, 0x8b, 0x3f, 0xeb, 0xfb}},
        // loop: call [rsi]; call [rsi+8]; jmp loop; at 16: inc rax; ret; at 32: inc rbx; ret
        {"calls",
         {0xff, 0x16, 0xff, 0x56, 0x08, 0xeb, 0xf9, 0, 0, 0, 0, 0, 0, 0, 0,    0,    0x48, 0xff,
          0xc0, 0xc3, 0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0x48, 0xff, 0xc3, 0xc3}},
        // loop: mulsd xmm0, xmm1; addsd xmm0, xmm2; movsd [rdi], xmm0; divsd xmm3, xmm1;
        // addsd xmm3, [rdi]; jmp loop
        {"floating_point", {0xf2, 0x0f, 0x59, 0xc1, 0xf2, 0x0f, 0x58, 0xc2, 0xf2, 0x0f, 0x11,
                            0x07, 0xf2, 0x0f, 0x5e, 0xd9, 0xf2, 0x0f, 0x58, 0x1f, 0xeb, 0xea}},
        // loop: movdqu xmm0, [rdi]; paddd xmm0, xmm1; pshufd xmm2, xmm0, 0x1b; pxor xmm2, xmm1;
        // movdqu [rdi+16], xmm2; jmp loop
        {"sse", {0xf3, 0x0f, 0x6f, 0x07, 0x66, 0x0f, 0xfe, 0xc1, 0x66, 0x0f, 0x70, 0xd0,
                 0x1b, 0x66, 0x0f, 0xef, 0xd1, 0xf3, 0x0f, 0x7f, 0x57, 0x10, 0xeb, 0xe8}},
    };
    return all;
}

Bytes bytes_of(std::span<const std::uint64_t> words) {
    Bytes bytes(words.size_bytes());
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return bytes;
}

/// Places of pointers that lead through all data pages and back to the first.
void write_pointers(BareGuest& guest) {
    constexpr std::uint64_t step = 5 * 64, bytes = BareGuest::data_pages * page_size;
    for (std::uint64_t at = 0, left = bytes / 64; left > 0; --left) {
        const std::uint64_t next = (at + step) % bytes;
        const std::uint64_t address = BareGuest::data + next;
        guest.write(BareGuest::data + at, bytes_of({&address, 1}));
        at = next;
    }
}

void run_kernel(benchmark::State& state, const Kernel& kernel) {
    BareGuest guest({{"windows_after", state.range(0)}});
    guest.state.kernel_mode = false;
    guest.write(BareGuest::base, kernel.code);
    write_pointers(guest);
    const std::uint64_t functions[] = {BareGuest::base + 16, BareGuest::base + 32};
    guest.write(BareGuest::data + 8, bytes_of(functions));
    guest.state.reg(Gpr::rax) = 1;
    guest.state.reg(Gpr::rdi) = BareGuest::data;
    guest.state.reg(Gpr::rsi) = BareGuest::data + 8;
    constexpr std::int64_t insns = 1'000'000;
    for (auto _ : state) {
        if (guest.run(insns).reason != Exit::Reason::budget_spent) {
            state.SkipWithError("the loop has ended");
            return;
        }
    }
    state.SetItemsProcessed(state.iterations() * insns);
}

/// mov rax, [rdi] of a page that is not mapped: to the exit that a hypervisor would deal with.
void fault(benchmark::State& state) {
    BareGuest guest({{"windows_after", state.range(0)}});
    guest.state.kernel_mode = false;
    guest.write(BareGuest::base, Bytes{0x48, 0x8b, 0x07});
    guest.state.reg(Gpr::rdi) = BareGuest::end;
    for (auto _ : state) benchmark::DoNotOptimize(guest.run(10));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(fault)->Arg(0)->Arg(1);

const bool are_registered = [] {
    for (const Kernel& kernel : kernels())
        benchmark::RegisterBenchmark(kernel.name, run_kernel, kernel)->Arg(0)->Arg(1);
    return true;
}();

}  // namespace
}  // namespace ring3::test
