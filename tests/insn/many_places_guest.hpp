// SPDX-License-Identifier: MIT
// A bare guest whose pages of code are mapped at several addresses, as a library is in processes.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "hv/cpu/translate/translator_core.hpp"
#include "tests/insn/bare_guest.hpp"
#include "tests/insn/random_program.hpp"

namespace ring3::test {

/// A guest whose pages of code are mapped again at each of `places`, each time with data of their
/// own behind them.
class ManyPlacesGuest {
public:
    /// Far apart, and with other places in the TLB, in the jump cache and in their second levels.
    static constexpr std::array<std::uint64_t, 4> places{0x0080'0000'0000, 0x5555'5540'5000,
                                                         0x7fab'c01f'0000, 0x5555'5591'3000};

    static TranslatorSettings settings_for(IsaLevel level) {
        TranslatorSettings settings;
        settings.level = level;
        settings.code_cache_bytes = std::size_t{4} << 20;
        return settings;
    }

    explicit ManyPlacesGuest(const TranslatorSettings& settings) {
        core = std::make_unique<TranslatorCore>(settings, guest.frames);
        guest.frames.set_derived_state(core.get());
        guest.state.kernel_mode = settings.windows_after == 0;
        for (const std::uint64_t place : places) {
            for (unsigned i = 0; i < BareGuest::pages; ++i) {
                const bool is_code = i < BareGuest::code_pages;
                const Mfn frame = is_code ? guest.page[i] : *guest.frames.allocate(guest.domain);
                if (!is_code) data.push_back(frame);
                map(Vaddr{place} + i * page_size, frame);
            }
        }
    }

    /// From `offset` in the pages at this place, to the first exit or for this many instructions.
    Exit run(const RandomProgram& program, std::uint64_t place, std::uint64_t budget) {
        CpuState& state = guest.state;
        state.gpr = program.state.gpr;
        state.rflags = program.state.rflags;
        state.rip = program.state.rip - BareGuest::base + place;
        state.xsave = program.state.xsave;
        const std::uint64_t last = state.retired + budget;
        Exit exit;
        while (state.retired < last && exit.reason == Exit::Reason::budget_spent)
            exit = core->run(state, guest.environment, last - state.retired);
        return exit;
    }

    void load(const RandomProgram& program) {
        guest.write(BareGuest::base, program.memory);
        for (std::size_t i = 0; i < data.size(); ++i) {
            const std::size_t page = BareGuest::code_pages + i % BareGuest::data_pages;
            guest.frames.write(
                data[i], 0,
                std::as_bytes(std::span(program.memory).subspan(page * page_size, page_size)));
        }
    }

    /// Of all pages.
    std::vector<std::byte> memory() const {
        std::vector<std::byte> all;
        const auto add = [&](Mfn frame) {
            const std::byte* const host = guest.frames.find(frame)->host;
            all.insert(all.end(), host, host + page_size);
        };
        std::ranges::for_each(guest.page, add);
        std::ranges::for_each(data, add);
        return all;
    }

    BareGuest guest;
    std::vector<Mfn> data;
    std::unique_ptr<TranslatorCore> core;

    void map(Vaddr address, Mfn frame, bool is_writable = true) {
        using namespace entry_bits;
        constexpr std::uint64_t flags = present | writable | user | accessed | dirty;
        Mfn table = guest.state.kernel_root;
        for (int level = 4; level > 1; --level) {
            const std::uint64_t at = entry_index(address, level) * 8;
            std::uint64_t entry = 0;
            std::memcpy(&entry, guest.frames.at(table).host + at, sizeof entry);
            if ((entry & present) == 0) {
                entry = guest.frames.allocate(guest.domain)->raw << page_shift | flags;
                update(maddr_of(table, at), entry);
            }
            table = entry_mfn(entry);
        }
        update(maddr_of(table, entry_index(address, 1) * 8),
               frame.raw << page_shift | (is_writable ? flags : flags & ~writable));
    }

private:
    void update(Maddr at, std::uint64_t entry) {
        ASSERT_EQ(guest.tables.update(guest.domain, at, entry, EntryUpdate::normal), 0);
    }
};

}  // namespace ring3::test
