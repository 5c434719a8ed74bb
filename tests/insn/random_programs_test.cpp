// SPDX-License-Identifier: MIT
// Random programs on the host's CPU, step by step, and on engines of several settings, cut at
// random places: the same registers, flags, memory, faults, and accessed and dirty bits.
// RING3_SEED chooses the programs, RING3_ROUNDS how many.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "hv/cpu/translate/translator_core.hpp"
#include "tests/insn/duel.hpp"
#include "tests/insn/native_trace.hpp"

namespace ring3::test {
namespace {

constexpr const char* register_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

/// An engine with settings that the parameters do not reach.
class CoreEngine final : public Engine {
public:
    CoreEngine(const TranslatorSettings& settings, FrameTable& frames) : core_(settings, frames) {}

    Exit run(CpuState& state, Environment& environment, std::uint64_t budget, RunEnd end) override {
        return core_.run(state, environment, budget, end);
    }
    DerivedState& derived_state() override { return core_; }
    void forget_domain(DomainId domain) override { core_.forget_domain(domain); }

private:
    TranslatorCore core_;
};

/// A guest and the setting of its engine.
struct Candidate {
    Candidate(const char* its_name, const TranslatorSettings& settings) : name(its_name) {
        guest.engine = std::make_unique<CoreEngine>(settings, guest.frames);
        guest.frames.set_derived_state(&guest.engine->derived_state());
    }

    const char* name;
    BareGuest guest;
};

std::vector<std::unique_ptr<Candidate>> candidates(IsaLevel level) {
    TranslatorSettings usual;
    usual.level = level;
    usual.code_cache_bytes = std::size_t{4} << 20;
    std::vector<std::unique_ptr<Candidate>> all;
    const auto add = [&](const char* name, auto change) {
        TranslatorSettings settings = usual;
        change(settings);
        all.push_back(std::make_unique<Candidate>(name, settings));
    };
    // The first is what the bits of the page tables are compared with.
    add("block_limit 1", [](TranslatorSettings& s) { s.block_limit = 1; });
    add("block_limit 8", [](TranslatorSettings& s) { s.block_limit = 8; });
    add("block_limit 32", [](TranslatorSettings&) {});
    add("blocks to the page's end", [](TranslatorSettings& s) { s.block_limit = page_size; });
    add("no merged look-ups", [](TranslatorSettings& s) { s.merges = false; });
    add("look-ups for neighbours only", [](TranslatorSettings& s) { s.keeps_lookups = false; });
    add("no page of the stack", [](TranslatorSettings& s) { s.has_stack_page = false; });
    add("no superblocks", [](TranslatorSettings& s) { s.superblocks = false; });
    add("no links", [](TranslatorSettings& s) { s.links_blocks = false; });
    add("strings in C++", [](TranslatorSettings& s) { s.inline_strings = false; });
    add("one level of TLB and jump cache", [](TranslatorSettings& s) { s.two_levels = false; });
    add("a small cache of code",
        [](TranslatorSettings& s) { s.code_cache_bytes = std::size_t{256} << 10; });
    add("host without BMI2", [](TranslatorSettings& s) { s.baseline_host = true; });
    const auto add_user = [&](const char* name, auto change) {
        add(name, change);
        all.back()->guest.state.kernel_mode = false;
    };
    add_user("user mode", [](TranslatorSettings&) {});
    add_user("windows", [](TranslatorSettings& s) { s.windows_after = 1; });
    add_user("windows, block_limit 8", [](TranslatorSettings& s) {
        s.windows_after = 1;
        s.block_limit = 8;
    });
    add_user("windows, no merged look-ups", [](TranslatorSettings& s) {
        s.windows_after = 1;
        s.merges = false;
    });
    add_user("windows, a small cache of code", [](TranslatorSettings& s) {
        s.windows_after = 1;
        s.code_cache_bytes = std::size_t{256} << 10;
    });
    add_user("windows, host without BMI2", [](TranslatorSettings& s) {
        s.windows_after = 1;
        s.baseline_host = true;
    });
    return all;
}

/// Compares what a candidate does with the trace; `text` is empty as long as nothing differs.
class Race {
public:
    Race(const RandomProgram& program, const Trace& trace, Candidate& candidate, IsaLevel level)
        : program_(program), trace_(trace), guest_(candidate.guest), level_(level) {}

    /// `cuts`: where the budget ends before the program does, if not null.
    std::string run(Random* cuts) {
        load();
        CpuState& state = guest_.state;
        const std::uint64_t first = state.retired;
        const std::uint64_t last = trace_.states.size() - 1;
        std::size_t faults = 0;
        while (text_.empty()) {
            const std::uint64_t before = state.retired - first;
            const bool is_last = before == last;
            if (is_last && faults == trace_.faults.size()) break;
            std::uint64_t budget = is_last ? 1 : last - before;
            if (cuts != nullptr && !is_last) {
                budget = 1 + cuts->below(std::min<std::uint64_t>(budget, cuts->one_in(3) ? 4 : 80));
            }
            const Exit exit = guest_.run(budget);
            const std::uint64_t retired = state.retired - first;
            where_ = fmt::format("retired {} (budget {} from {}), rip {:x}", retired, budget,
                                 before, state.rip);
            last_retired_ = retired;
            if (exit.reason == Exit::Reason::budget_spent) {
                if (is_last || retired != before + budget) {
                    note("no fault and another count");
                    break;
                }
                const bool is_in_the_middle =
                    retired > 0 && trace_.states[retired - 1].rip == trace_.states[retired].rip;
                compare(trace_.states[retired], state, is_in_the_middle);
                continue;
            }
            if (faults == trace_.faults.size()) {
                note(describe(exit) + ", the host none");
                break;
            }
            const Trace::Fault& fault = trace_.faults[faults++];
            compare_fault(fault, exit, retired);
            compare(fault.state, state, true);
            if (is_comparing(fault.state)) {
                constexpr std::uint64_t flags = rflags::arithmetic;
                state.rflags = (state.rflags & ~flags) | (fault.state.rflags & flags);
            }
            state.rip += fault.length;
        }
        if (text_.empty()) compare_memory();
        return text_.empty() ? text_ : where_ + "\n" + text_ + recent();
    }

    std::array<std::uint64_t, BareGuest::pages> page_entries() {
        std::array<std::uint64_t, BareGuest::pages> entries;
        std::memcpy(entries.data(),
                    guest_.frames.at(guest_.l1).host + (BareGuest::base >> page_shift) * 8,
                    sizeof entries);
        for (auto& e : entries) e &= page_mask;
        return entries;
    }

private:
    static constexpr std::uint64_t page_mask = page_size - 1;

    void load() {
        using namespace entry_bits;
        for (unsigned i = 0; i < BareGuest::pages; ++i) {
            guest_.write(BareGuest::base + i * page_size,
                         std::span(program_.memory).subspan(i * page_size, page_size));
            const PageRight right = program_.rights[i];
            // Neither accessed nor dirty.
            std::uint64_t value = guest_.page[i].raw << page_shift | present | user;
            if (right == PageRight::write) value |= writable;
            if (right == PageRight::none) value = 0;
            const Maddr at = maddr_of(guest_.l1, ((BareGuest::base >> page_shift) + i) * 8);
            if (guest_.tables.update(guest_.domain, at, value, EntryUpdate::normal) != 0)
                note("the page table's entry is refused");
        }
        guest_.frames.all_pages_changed(guest_.domain);
        CpuState& state = guest_.state;
        state.gpr = program_.state.gpr;
        state.rflags = program_.state.rflags;
        state.rip = program_.state.rip;
        state.fs_base = program_.state.fs_base;
        state.gs_base = program_.state.gs_base;
        state.xsave = program_.state.xsave;
    }

    void note(const std::string& what) { text_ += "    " + what + "\n"; }
    void differs(const std::string& what, std::uint64_t native, std::uint64_t engine) {
        note(fmt::format("{}: native {:x}, engine {:x}", what, native, engine));
    }
    static std::string describe(const Exit& exit) {
        return fmt::format("exit {} vector {} error {:x} at {:x} {}", static_cast<int>(exit.reason),
                           exit.vector, exit.error_code, exit.address, exit.text);
    }

    /// Is at an instruction whose flags have two meanings before its end, see duel.hpp.
    bool is_comparing(const CpuState& state) const {
        const std::uint64_t at = state.rip - BareGuest::base;
        Insn insn;
        return at < program_.memory.size() &&
               decode(std::span(program_.memory).subspan(at), level_, insn) &&
               is_repeated_comparison(insn);
    }

    /// `is_in_the_middle`: of the instruction at RIP, if that can be.
    void compare(const CpuState& native, const CpuState& engine, bool is_in_the_middle) {
        for (std::size_t i = 0; i < 16; ++i) {
            if (native.gpr[i] != engine.gpr[i])
                differs(register_names[i], native.gpr[i], engine.gpr[i]);
        }
        if (native.rip != engine.rip) differs("rip", native.rip, engine.rip);
        constexpr std::uint64_t compared = rflags::arithmetic | rflags::df;
        // The trace does not look at what stands outside of the code, and so at no dead flags
        // there.
        const bool is_in_code = native.rip >= BareGuest::base && native.rip < BareGuest::data;
        const bool may_differ = is_in_the_middle && is_comparing(native);
        if (is_in_code && !may_differ && ((native.rflags ^ engine.rflags) & compared) != 0)
            differs("flags", native.rflags & compared, engine.rflags & compared);
        const auto compare_image = [&](std::size_t at, std::size_t size, const char* what) {
            if (std::memcmp(native.xsave.data() + at, engine.xsave.data() + at, size) != 0)
                note(std::string(what) + " differ");
        };
        compare_image(24, 4, "mxcsr");
        compare_image(32, 128, "x87 registers");
        for (std::size_t i = 0; i < 16; ++i) {
            compare_image(160 + 16 * i, 16, fmt::format("bytes of xmm{}", i).c_str());
            if (level_ == IsaLevel::x86_64_v3)
                compare_image(576 + 16 * i, 16, fmt::format("high bytes of ymm{}", i).c_str());
        }
    }

    void compare_fault(const Trace::Fault& fault, const Exit& exit, std::uint64_t retired) {
        constexpr std::uint32_t user_bit = 4;
        if (retired != fault.retired) differs("retired", fault.retired, retired);
        if (exit.reason != Exit::Reason::exception || exit.vector != fault.vector) {
            note(describe(exit) +
                 fmt::format(", native vector {} at {:x}", fault.vector, fault.address));
        } else if (fault.vector == 14) {
            if (exit.address != fault.address) differs("address", fault.address, exit.address);
            const std::uint32_t native = guest_.state.kernel_mode ? fault.error_code & ~user_bit
                                                                  : fault.error_code | user_bit;
            if (exit.error_code != native) differs("error code", native, exit.error_code);
        }
    }

    void compare_memory() {
        Bytes bytes(page_size);
        unsigned count = 0;
        for (std::uint64_t at = 0; at < trace_.memory.size(); ++at) {
            if (at % page_size == 0) guest_.read(BareGuest::base + at, bytes);
            const std::uint8_t engine = bytes[at % page_size];
            if (engine != trace_.memory[at] && ++count < 8)
                differs(fmt::format("[{:x}]", BareGuest::base + at), trace_.memory[at], engine);
        }
    }

    /// The last instructions that the host executed before the difference.
    std::string recent() const {
        std::string text;
        const std::uint64_t end = std::min<std::uint64_t>(last_retired_ + 1, trace_.states.size());
        for (std::uint64_t i = end > 14 ? end - 14 : 0; i < end; ++i) {
            const CpuState& state = trace_.states[i];
            const std::uint64_t at = state.rip - BareGuest::base;
            if (at >= program_.memory.size()) continue;
            Insn insn;
            decode(std::span(program_.memory).subspan(at), level_, insn);
            text +=
                fmt::format("    {:4} {:x}: {}\n", i, state.rip, disassemble(insn, {state.rip}));
        }
        return text;
    }

    using Bytes = std::vector<std::uint8_t>;

    const RandomProgram& program_;
    const Trace& trace_;
    BareGuest& guest_;
    IsaLevel level_;
    std::string text_, where_;
    std::uint64_t last_retired_ = 0;
};

class Races {
public:
    Races(IsaLevel level, std::uint64_t seed)
        : level_(level), seed_(seed), tracer_(level), candidates_(candidates(level)) {}

    /// False: something differs.
    bool run(std::uint64_t number) {
        // The seed of a program that fails makes it the first of its run.
        const std::uint64_t seed = seed_ + number;
        ProgramMaker(level_, seed).make(program_);
        tracer_.run(program_, trace_);
        instructions += trace_.states.size() - 1;
        faults += trace_.faults.size();
        ended += trace_.ended ? 1u : 0u;
        std::string first, others;
        expected_.reset();
        for (auto& candidate : candidates_) {
            for (const bool with_cuts : {false, true}) {
                Random cuts(seed);
                const std::string text = run(*candidate, with_cuts ? &cuts : nullptr);
                if (text.empty()) continue;
                const std::string name = std::string(candidate->name) + (with_cuts ? " (cut)" : "");
                if (first.empty())
                    first = name + ": " + text;
                else
                    others += "; " + name;
            }
        }
        if (first.empty()) return true;
        ADD_FAILURE() << "RING3_SEED=" << seed << ", " << first
                      << (others.empty() ? "" : "also different" + others);
        return false;
    }

    std::uint64_t instructions = 0, faults = 0, ended = 0;

private:
    std::string run(Candidate& candidate, Random* cuts) {
        Race race(program_, trace_, candidate, level_);
        std::string text = race.run(cuts);
        const auto entries = race.page_entries();
        if (!expected_) expected_ = entries;
        for (std::size_t i = 0; i < entries.size() && text.empty(); ++i) {
            if (entries[i] != (*expected_)[i])
                text = fmt::format("bits of page {}: {:x} one by one, {:x} here\n", i,
                                   (*expected_)[i], entries[i]);
        }
        return text;
    }

    IsaLevel level_;
    std::uint64_t seed_;
    Tracer tracer_;
    std::vector<std::unique_ptr<Candidate>> candidates_;
    RandomProgram program_;
    Trace trace_;
    std::optional<std::array<std::uint64_t, BareGuest::pages>> expected_;
};

void race_programs(IsaLevel level, unsigned rounds) {
    const std::uint64_t seed = seed_from_environment();
    fmt::print("RING3_SEED={}\n", seed);
    Races races(level, seed);
    unsigned failures = 0;
    for (unsigned i = 0; i < rounds && failures < 5; ++i) failures += races.run(i) ? 0 : 1;
    fmt::print("{} programs, {} of them to their end, {} instructions, {} faults\n", rounds,
               races.ended, races.instructions, races.faults);
    EXPECT_GT(races.instructions, rounds * 50u);
}

TEST(RandomPrograms, do_what_they_do_on_the_host) {
    race_programs(IsaLevel::x86_64_v2, rounds_from_environment(60));
}

TEST(RandomPrograms, do_what_they_do_on_the_host_in_the_larger_model) {
    if (__builtin_cpu_supports("avx2") == 0) GTEST_SKIP() << "this host has no AVX2";
    race_programs(IsaLevel::x86_64_v3, rounds_from_environment(30));
}

}  // namespace
}  // namespace ring3::test
