// SPDX-License-Identifier: MIT
// What the engine's parts cost: decoding, translating, filling the TLB, running a loop, a system
// call's way out to C++ and back.
#include <array>

#include <benchmark/benchmark.h>

#include "hv/cpu/decode/insn.hpp"
#include "hv/cpu/translate/translate.hpp"
#include "hv/memory/derived_state.hpp"
#include "tests/insn/bare_guest.hpp"

namespace ring3::test {
namespace {

/// Forty instructions such as compilers make: moves, arithmetic, loads, stores, a compare, a
/// branch.
std::vector<std::uint8_t> ordinary_code() {
    const std::vector<std::uint8_t> piece{
        0x48, 0x8b, 0x47, 0x08,        // mov rax, [rdi+8]
        0x48, 0x01, 0xd8,              // add rax, rbx
        0x48, 0x89, 0x47, 0x10,        // mov [rdi+16], rax
        0x41, 0x89, 0xc0,              // mov r8d, eax
        0x48, 0x8d, 0x54, 0x87, 0x20,  // lea rdx, [rdi+rax*4+32]
        0x31, 0xc9,                    // xor ecx, ecx
        0x48, 0x39, 0xd0,              // cmp rax, rdx
        0x0f, 0x94, 0xc1,              // sete cl
    };
    std::vector<std::uint8_t> code;
    for (int i = 0; i < 5; ++i) code.insert(code.end(), piece.begin(), piece.end());
    return code;
}
constexpr std::int64_t ordinary_insns = 40;

void decode_insn(benchmark::State& state) {
    const auto code = ordinary_code();
    std::size_t at = 0;
    Insn insn;
    for (auto _ : state) {
        decode(std::span(code).subspan(at), IsaLevel::x86_64_v2, insn);
        benchmark::DoNotOptimize(insn);
        at += insn.length;
        if (at >= code.size()) at = 0;
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decode_insn);

void translate_block(benchmark::State& state) {
    std::vector<std::uint8_t> page(page_size, 0x90);
    const auto code = ordinary_code();
    std::copy(code.begin(), code.end(), page.begin());
    page[code.size()] = 0xc3;
    const StubAddresses stubs{0x10000, 0x10010, 0x10020, 0x10030, 0x10040, 0x10050, 0x10060};
    BlockTranslator translator(HostFeatures::detect(), stubs, IsaLevel::x86_64_v2);
    TranslationRequest request;
    request.rip = request.page = {0x40'0000};
    request.max_insns = ordinary_insns + 1;
    request.code = page;
    request.host_base = 0x11000;
    for (auto _ : state) benchmark::DoNotOptimize(translator.translate(request));
    state.SetItemsProcessed(state.iterations() * (ordinary_insns + 1));
}
BENCHMARK(translate_block);

void run_loop(benchmark::State& state) {
    BareGuest guest;
    guest.state.reg(Gpr::rdi) = BareGuest::data;
    // loop: add rax, [rdi]; inc rbx; mov [rdi+8], rax; jmp loop
    guest.write(BareGuest::base, std::vector<std::uint8_t>{0x48, 0x03, 0x07, 0x48, 0xff, 0xc3, 0x48,
                                                           0x89, 0x47, 0x08, 0xeb, 0xf4});
    for (auto _ : state) guest.run(100'000);
    state.SetItemsProcessed(state.iterations() * 100'000);
}
BENCHMARK(run_loop);

void fill_tlb(benchmark::State& state) {
    BareGuest guest;
    guest.state.reg(Gpr::rdi) = BareGuest::data;
    // mov rax, [rdi]; ud2: every run finds an empty TLB
    guest.write(BareGuest::base, std::vector<std::uint8_t>{0x48, 0x8b, 0x07, 0xeb, 0xfb});
    for (auto _ : state) {
        guest.engine->derived_state().page_changed(guest.domain, {BareGuest::data});
        guest.run(2);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(fill_tlb);

/// Turns of 1000 instructions, by one vCPU or by several.
void take_turns(benchmark::State& state) {
    BareGuest guest;
    // loop: mov rax, [rdi]; add rdi, 4096; and rdi, rsi; or rdi, rdx; jmp loop
    guest.write(BareGuest::base,
                std::vector<std::uint8_t>{0x48, 0x8b, 0x07, 0x48, 0x81, 0xc7, 0x00, 0x10, 0x00,
                                          0x00, 0x48, 0x21, 0xf7, 0x48, 0x09, 0xd7, 0xeb, 0xee});
    guest.state.reg(Gpr::rdi) = guest.state.reg(Gpr::rdx) = BareGuest::base;
    guest.state.reg(Gpr::rsi) = BareGuest::base | 0x1000;
    std::vector<CpuState> vcpus(static_cast<std::size_t>(state.range(0)), guest.state);
    for (std::size_t i = 0; i < vcpus.size(); ++i) {
        vcpus[i].vcpu = VcpuId{static_cast<std::uint32_t>(i)};
    }
    std::size_t turn = 0;
    for (auto _ : state) {
        guest.engine->run(vcpus[turn++ % vcpus.size()], guest.environment, 1000);
    }
    state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(take_turns)->Arg(1)->Arg(2)->Arg(16);

void leave_by_syscall_and_enter(benchmark::State& state) {
    BareGuest guest;
    guest.write(BareGuest::base, std::vector<std::uint8_t>{0x0f, 0x05, 0xeb, 0xfc});
    for (auto _ : state) {
        benchmark::DoNotOptimize(guest.run(10));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(leave_by_syscall_and_enter);

}  // namespace
}  // namespace ring3::test
