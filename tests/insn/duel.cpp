// SPDX-License-Identifier: MIT
#include "tests/insn/duel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3::test {
namespace {

constexpr const char* register_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

const char* model_of(IsaLevel level) {
    return level == IsaLevel::x86_64_v3 ? "x86-64-v3" : "x86-64-v2";
}

bool is_repeated(const Insn& insn) { return insn.rep || insn.repne; }

/// A gather, or VMASKMOVPS and kin.
bool is_masked_vector(const Insn& insn) {
    return insn.vex && insn.has_memory && insn.form == Form::emulated;
}

/// RIP is not behind it: what runs next would be random bytes.
bool leaves_the_line(const Insn& insn) { return insn.ends_block() && insn.form != Form::emulated; }

std::string hex(const std::byte* from, std::size_t size) {
    std::string text;
    for (std::size_t i = size; i > 0; --i)
        text += fmt::format("{:02x}", static_cast<unsigned>(from[i - 1]));
    return text;
}

struct FpuField {
    std::string name;
    std::size_t at, size;
};

/// What an instruction can change in the XSAVE image.
const std::vector<FpuField>& fpu_fields() {
    static const std::vector<FpuField> fields = [] {
        std::vector<FpuField> all{{"fcw", 0, 2}, {"fsw", 2, 2}, {"ftw", 4, 1}, {"mxcsr", 24, 4}};
        for (std::size_t i = 0; i < 8; ++i)
            all.push_back({fmt::format("st{}", i), 32 + 16 * i, 10});
        for (std::size_t i = 0; i < 16; ++i)
            all.push_back({fmt::format("xmm{}", i), 160 + 16 * i, 16});
        for (std::size_t i = 0; i < 16; ++i)
            all.push_back({fmt::format("ymm{} high", i), 576 + 16 * i, 16});
        return all;
    }();
    return fields;
}
constexpr std::size_t fields_without_avx = 4 + 8 + 16;

/// For instructions that approximate: what both give is near, and everything else is the same.
bool are_near(const FpuField& field, const std::byte* native, const std::byte* engine,
              const Sample& sample) {
    const auto near = [](long double a, long double b, long double relative) {
        if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
        // Below that, numbers have fewer digits.
        constexpr long double least = std::numeric_limits<long double>::min();
        return a == b ||
               std::fabs(a - b) <= std::max(least, relative * std::max(std::fabs(a), std::fabs(b)));
    };
    long double x = 0;
    std::memcpy(&x, sample.state.xsave.data() + 32, 10);
    if (field.name == "fsw") {
        // C0 to C3 but C2, and how the result was rounded.
        constexpr std::uint16_t free_bits = 0x4100 | 0x200 | 0x30;
        std::uint16_t a = 0, b = 0;
        std::memcpy(&a, native, 2);
        std::memcpy(&b, engine, 2);
        return ((a ^ b) & ~free_bits) == 0;
    }
    // Elsewhere the result is undefined (SDM vol. 2A, FYL2XP1).
    constexpr long double largest_for_log = 0.29289321881345247559L;
    if (sample.insn.mnemonic == ZYDIS_MNEMONIC_FYL2XP1 && !(std::fabs(x) <= largest_for_log))
        return true;
    if (field.name.starts_with("st")) {
        long double a = 0, b = 0;
        std::memcpy(&a, native, 10);
        std::memcpy(&b, engine, 10);
        // CPUs reduce large angles by a short pi.
        constexpr long double large_angle = 0x1p20L;
        return near(a, b, 0x1p-30L) || std::fabs(x) > large_angle;
    }
    if (field.size != 16) return false;
    for (std::size_t i = 0; i < 16; i += 4) {
        float a = 0, b = 0;
        std::memcpy(&a, native + i, 4);
        std::memcpy(&b, engine + i, 4);
        if (!near(a, b, 0x1p-11L)) return false;
    }
    return true;
}

std::string describe(int vector) {
    return vector == Outcome::no_exception ? "no exception" : fmt::format("exception {}", vector);
}

}  // namespace

std::uint64_t undefined_flags(const Insn& insn, const CpuState& before) {
    using namespace rflags;
    const unsigned bits = insn.operand_size * 8u;
    const auto shift_count = [&] {
        const auto raw =
            insn.implicit_rcx ? before.reg(Gpr::rcx) : static_cast<std::uint64_t>(insn.immediate);
        const bool by_one = !insn.implicit_rcx && insn.length == insn.tail_offset;
        return by_one ? 1u : static_cast<unsigned>(raw & (bits == 64 ? 63 : 31));
    };
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_MUL:
        case ZYDIS_MNEMONIC_IMUL:
            return sf | zf | af | pf;
        case ZYDIS_MNEMONIC_DIV:
        case ZYDIS_MNEMONIC_IDIV:
            return arithmetic;
        case ZYDIS_MNEMONIC_BSF:
        case ZYDIS_MNEMONIC_BSR:
            return cf | of | sf | af | pf;
        case ZYDIS_MNEMONIC_SHL:
        case ZYDIS_MNEMONIC_SHR:
        case ZYDIS_MNEMONIC_SAR:
        case ZYDIS_MNEMONIC_SHLD:
        case ZYDIS_MNEMONIC_SHRD:
            return shift_count() == 0 ? 0 : shift_count() == 1 ? af : af | of;
        case ZYDIS_MNEMONIC_ROL:
        case ZYDIS_MNEMONIC_ROR:
        case ZYDIS_MNEMONIC_RCL:
        case ZYDIS_MNEMONIC_RCR:
            return shift_count() <= 1 ? 0 : of;
        case ZYDIS_MNEMONIC_LZCNT:
        case ZYDIS_MNEMONIC_TZCNT:
            return of | sf | pf | af;
        case ZYDIS_MNEMONIC_BEXTR:
            return af | sf | pf;
        case ZYDIS_MNEMONIC_ANDN:
        case ZYDIS_MNEMONIC_BLSI:
        case ZYDIS_MNEMONIC_BLSR:
        case ZYDIS_MNEMONIC_BLSMSK:
        case ZYDIS_MNEMONIC_BZHI:
            return af | pf;
        case ZYDIS_MNEMONIC_AND:
        case ZYDIS_MNEMONIC_OR:
        case ZYDIS_MNEMONIC_XOR:
        case ZYDIS_MNEMONIC_TEST:
            return af;
        default:
            return 0;
    }
}

bool is_repeated_comparison(const Insn& insn) {
    if (!is_repeated(insn)) return false;
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_CMPSB:
        case ZYDIS_MNEMONIC_CMPSW:
        case ZYDIS_MNEMONIC_CMPSD:
        case ZYDIS_MNEMONIC_CMPSQ:
        case ZYDIS_MNEMONIC_SCASB:
        case ZYDIS_MNEMONIC_SCASW:
        case ZYDIS_MNEMONIC_SCASD:
        case ZYDIS_MNEMONIC_SCASQ:
            return true;
        default:
            return false;
    }
}

Duel::Duel(IsaLevel level)
    : level_(level),
      blocks_({}, model_of(level)),
      steps_({{"block_limit", 1}}, model_of(level)),
      baseline_({}, model_of(level), "baseline"),
      surroundings_{
          // pushfq reads all flags, and is never reached where the budget is one instruction.
          {"alone, flags live", {}, {0x9c}, &blocks_, true, false},
          {"block_limit 1", {}, {0x9c}, &steps_, true, false},
          {"host without BMI2", {}, {0x9c}, &baseline_, true, false},
          // test rax, rax
          {"alone, flags dead", {}, {0x48, 0x85, 0xc0}, &blocks_, false, false},
          // nop; movaps xmm0, xmm0 ... ud2
          {"in a block", {0x90, 0x0f, 0x28, 0xc0}, {0x0f, 0x0b}, &blocks_, true, true},
      } {}

bool Duel::is_safe(const Sample& sample) {
    const Insn& insn = sample.insn;
    if (!insn.has_memory) return true;
    Vaddr at = effective_address(insn, sample.state);
    std::uint64_t size = std::max<std::uint64_t>(1, insn.memory.size);
    const bool bit_string = insn.reg.used() && insn.mnemonic >= ZYDIS_MNEMONIC_BT &&
                            insn.mnemonic <= ZYDIS_MNEMONIC_BTS;
    if (bit_string) {
        const std::uint64_t raw = read_field(sample.state, insn.reg);
        const unsigned unused = 64 - insn.operand_size * 8u;
        const auto offset = static_cast<std::int64_t>(raw << unused) >> unused;
        at = effective_address(insn, sample.state, 0, static_cast<std::uint64_t>(offset / 8) - 8);
        size = 24;
    }
    // Code that the instruction writes over itself is for tests of its own.
    if (at.raw < sample.state.rip + 32 && sample.state.rip < at.raw + size + 32) return false;
    return NativeCpu::in_reach(at.raw, size) || !is_canonical(at);
}

void Duel::run_native(const Sample& sample, bool all_iterations) {
    const auto mirror = NativeCpu::memory();
    std::copy(sample.memory.begin(), sample.memory.end(), mirror.begin());
    native_ = cpu_.step(sample.state);
    // A gather that will fault may trap for TF between its elements.
    const bool steps = all_iterations || is_masked_vector(sample.insn);
    while (steps && native_.vector == Outcome::no_exception &&
           native_.state.rip == sample.state.rip) {
        native_ = cpu_.step(native_.state);
    }
    std::copy(mirror.begin(), mirror.end(), native_memory_.begin());
    if (native_.vector == Outcome::no_exception) forget_what_is_the_hosts(sample);
}

void Duel::forget_what_is_the_hosts(const Sample& sample) {
    switch (sample.insn.mnemonic) {
        case ZYDIS_MNEMONIC_PUSHF:
        case ZYDIS_MNEMONIC_PUSHFQ:
            // The host pushed the TF that makes it step.
            native_memory_[native_.state.reg(Gpr::rsp) + 1 - BareGuest::base] &= 0xfe;
            break;
        case ZYDIS_MNEMONIC_FXSAVE:
        case ZYDIS_MNEMONIC_FXSAVE64: {
            // MXCSR_MASK: AMD has one bit more than guests are told of.
            const std::uint64_t at = effective_address(sample.insn, sample.state).raw + 30;
            std::memset(native_memory_.data() + (at - BareGuest::base), 0, 2);
            break;
        }
        default:
            break;
    }
}

/// Dead flags read as 0. Behind a branch, between iterations and at a fault, what counts as dead is
/// the engine's to say.
void Duel::compare_flags(const Outcome& wanted, const Sample& sample, const Surroundings& s,
                         const Outcome& outcome, std::string& text) {
    const Insn& insn = sample.insn;
    const std::uint64_t engine = outcome.state.rflags;
    std::uint64_t native = wanted.state.rflags;
    const bool is_in_the_middle =
        wanted.vector != Outcome::no_exception || wanted.state.rip == sample.state.rip;
    if (is_repeated_comparison(insn) && is_in_the_middle && native == sample.state.rflags) return;
    std::uint64_t may_be_dead = 0;
    if (wanted.vector != Outcome::no_exception) {
        may_be_dead = s.flags_live ? insn.flags_killed & ~insn.flags_read : rflags::arithmetic;
    } else {
        native &= ~undefined_flags(insn, sample.state);
        if (leaves_the_line(insn) || is_repeated(insn)) {
            may_be_dead = rflags::arithmetic;
        } else if (!s.flags_live) {
            native &= ~rflags::arithmetic;
        }
    }
    constexpr std::uint64_t compared = rflags::arithmetic | rflags::df;
    const std::uint64_t different = (engine ^ native) & compared;
    if ((different & ~(may_be_dead & native)) != 0) {
        text += fmt::format("    flags: native {:x}, engine {:x}\n", native & compared,
                            engine & compared);
    }
}

/// With some of the instructions that use the FPU, Intel's CPUs go to MMX's form of the registers,
/// set MXCSR's flags (SDM vol. 2C, VCVTPS2PH), or write the first bytes, before the page of the
/// others faults; and an integer that an x87 register has no room for is not stored at all, so no
/// page faults. AMD's do nothing before the fault, and so does the engine.
bool Duel::does_a_part_before_it_faults(const Sample& sample, const Outcome& outcome) const {
    const auto is_of_operand = [](int vector) { return vector >= 12 && vector <= 14; };
    if (!sample.insn.fpu || !sample.insn.has_memory || !is_of_operand(outcome.vector)) return false;
    std::uint16_t status = 0;
    std::memcpy(&status, native_.state.xsave.data() + 2, sizeof status);
    constexpr std::uint16_t summary = 0x80;
    return is_of_operand(native_.vector) ||
           (native_.vector == Outcome::no_exception && (status & summary) != 0);
}

std::string Duel::compare(const Sample& sample, const Surroundings& s, const Outcome& outcome,
                          BareGuest& guest) const {
    const std::string text = compare_with(native_, native_memory_, sample, s, outcome, guest);
    if (text.empty() || !does_a_part_before_it_faults(sample, outcome)) return text;
    Outcome nothing = native_;
    nothing.state = sample.state;
    if (native_.vector == Outcome::no_exception) {
        constexpr std::uint32_t write_bit = 2;
        nothing.vector = outcome.vector;
        nothing.address = outcome.address;
        nothing.error_code = outcome.vector == 14 ? write_bit : 0;
    }
    return compare_with(nothing, sample.memory, sample, s, outcome, guest).empty() ? "" : text;
}

std::string Duel::compare_with(const Outcome& wanted, std::span<const std::uint8_t> memory,
                               const Sample& sample, const Surroundings& s, const Outcome& outcome,
                               BareGuest& guest) const {
    std::string text;
    const auto differs = [&](const std::string& what, auto native, auto engine) {
        text += fmt::format("    {}: native {:x}, engine {:x}\n", what, native, engine);
    };
    // Where an operand is neither aligned nor canonical, either exception may come first; so may
    // any element's of a gather.
    const auto protection = [&](int vector) {
        return vector == 12 || vector == 13 || (vector == 14 && is_masked_vector(sample.insn));
    };
    const Vaddr at = effective_address(sample.insn, sample.state);
    const bool either =
        protection(wanted.vector) && protection(outcome.vector) &&
        (is_masked_vector(sample.insn) || (!is_canonical(at) && (at.raw & 15) != 0));
    // A branch to an address that is not canonical faults in the engine when its target is fetched.
    if (leaves_the_line(sample.insn) && wanted.vector == 13 &&
        outcome.vector == Outcome::no_exception && !is_canonical({outcome.state.rip})) {
        return {};
    }
    if (outcome.vector != wanted.vector && !either) {
        return fmt::format("    native {}, engine {} at address {:x}\n", describe(wanted.vector),
                           describe(outcome.vector), outcome.address);
    }
    if (wanted.vector == 14 && outcome.vector == 14) {
        constexpr std::uint32_t user_bit = 4;  // a guest kernel's own is cleared
        // In a large image of the FPU the first byte that faults is the CPU's choice.
        const bool has_choice = sample.insn.form == Form::emulated &&
                                wanted.address - at.raw < sample.insn.memory.size &&
                                outcome.address - at.raw < sample.insn.memory.size;
        const std::uint64_t named = sample.insn.form == Form::emulated ? page_mask : ~0ull;
        if (!has_choice && (outcome.address & named) != (wanted.address & named))
            differs("fault address", wanted.address, outcome.address);
        if (outcome.error_code != (wanted.error_code & ~user_bit))
            differs("error code", wanted.error_code & ~user_bit, outcome.error_code);
    }
    for (std::size_t i = 0; i < 16; ++i) {
        if (outcome.state.gpr[i] != wanted.state.gpr[i])
            differs(register_names[i], wanted.state.gpr[i], outcome.state.gpr[i]);
    }
    if (outcome.state.rip != wanted.state.rip) differs("rip", wanted.state.rip, outcome.state.rip);
    compare_flags(wanted, sample, s, outcome, text);
    const auto& fields = fpu_fields();
    std::size_t count = level_ == IsaLevel::x86_64_v3 ? fields.size() : fields_without_avx;
    // What a gather that faults has done so far is the CPU's choice.
    if (is_masked_vector(sample.insn) && wanted.vector != Outcome::no_exception) count = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::byte* const native = wanted.state.xsave.data() + fields[i].at;
        const std::byte* const engine = outcome.state.xsave.data() + fields[i].at;
        if (is_approximation(sample.insn) && are_near(fields[i], native, engine, sample)) continue;
        if (std::memcmp(native, engine, fields[i].size) != 0) {
            text += fmt::format("    {}: native {}, engine {}\n", fields[i].name,
                                hex(native, fields[i].size), hex(engine, fields[i].size));
        }
    }
    const std::uint64_t code_first = sample.state.rip - s.before.size();
    const std::uint64_t code_last = sample.state.rip + sample.bytes.size() + s.behind.size();
    for (unsigned page = 0; page < BareGuest::pages; ++page) {
        std::array<std::uint8_t, page_size> bytes;
        guest.read(BareGuest::base + page * page_size, bytes);
        if (std::memcmp(bytes.data(), memory.data() + page * page_size, page_size) == 0) continue;
        for (std::uint64_t i = 0; i < page_size; ++i) {
            const std::uint64_t address = BareGuest::base + page * page_size + i;
            if (address >= code_first && address < code_last) continue;
            if (bytes[i] != memory[address - BareGuest::base])
                differs(fmt::format("[{:x}]", address), memory[address - BareGuest::base] + 0u,
                        bytes[i] + 0u);
        }
    }
    return text;
}

std::string Duel::run_engine(const Sample& sample, const Surroundings& s) {
    BareGuest& guest = *s.guest;
    for (unsigned page = 0; page < BareGuest::pages; ++page) {
        guest.write(BareGuest::base + page * page_size,
                    std::span(sample.memory).subspan(page * page_size, page_size));
    }
    const std::uint64_t start = sample.state.rip - s.before.size();
    guest.write(start, s.before);
    guest.write(sample.state.rip + sample.bytes.size(), s.behind);
    CpuState& state = guest.state;
    state.gpr = sample.state.gpr;
    state.rflags = sample.state.rflags;
    state.fs_base = sample.state.fs_base;
    state.gs_base = sample.state.gs_base;
    state.xsave = sample.state.xsave;
    state.rip = start;
    const std::uint64_t retired_before = state.retired;
    const std::uint64_t before = s.before.empty() ? 0 : 2;
    const Exit exit = guest.run(s.runs_on ? 100 : 1);
    const std::uint64_t retired = state.retired - retired_before - before;
    Outcome outcome;
    outcome.state = state;
    if (exit.reason == Exit::Reason::not_built) return "    not built: " + exit.text + "\n";
    if (exit.reason == Exit::Reason::exception) {
        const bool at_the_end = s.runs_on && exit.vector == 6 && retired > 0;
        if (!at_the_end) {
            outcome.vector = exit.vector;
            outcome.error_code = exit.error_code;
            outcome.address = exit.address;
        }
    }
    std::string text = compare(sample, s, outcome, guest);
    const bool faulted = outcome.vector != Outcome::no_exception;
    if (!is_repeated(sample.insn) && retired != (faulted ? 0u : 1u))
        text += fmt::format("    retired {}\n", retired);
    return text;
}

std::string Duel::fight(const Sample& sample) {
    std::string text;
    for (const bool all_iterations : {false, true}) {
        bool native_has_run = false;
        for (const auto& s : surroundings_) {
            if (s.runs_on != all_iterations) continue;
            if (s.runs_on && leaves_the_line(sample.insn)) continue;
            if (!native_has_run) run_native(sample, is_repeated(sample.insn) && all_iterations);
            native_has_run = true;
            // Where it cannot be put in front (the start of the page's own code), do without.
            const std::string found = run_engine(sample, s);
            if (!found.empty()) text += fmt::format("  {}:\n{}", s.name, found);
        }
    }
    if (text.empty()) return text;
    std::string bytes;
    for (const auto b : sample.bytes) bytes += fmt::format("{:02x} ", b);
    return fmt::format("{}({}) at {:x}\n{}", bytes, disassemble(sample.insn, {sample.state.rip}),
                       sample.state.rip, text);
}

}  // namespace ring3::test
