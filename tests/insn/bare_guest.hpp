// SPDX-License-Identifier: MIT
// A guest of a few pages without a kernel: machine code in one page, data around it, run by an
// engine for a number of instructions.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/cpu/engine/engine.hpp"
#include "hv/cpu/environment.hpp"
#include "hv/cpu/state.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/page_entry.hpp"
#include "hv/memory/page_tables.hpp"

namespace ring3::test {

/// Answers nothing that a real hypervisor would; enough for code that asks for nothing.
class SilentEnvironment : public Environment {
public:
    CpuidLeaf cpuid(const CpuState&, std::uint32_t leaf, std::uint32_t subleaf) override {
        return {leaf, subleaf, 0x1111, 0x2222};
    }
    std::uint64_t tsc(const CpuState& state) override { return state.retired; }
    std::uint64_t random_number() override { return 0x1234'5678'9abc'def0; }
    std::optional<std::uint64_t> read_msr(CpuState&, std::uint32_t) override { return {}; }
    bool write_msr(CpuState&, std::uint32_t, std::uint64_t) override { return false; }
    std::optional<std::uint64_t> read_cr(CpuState& s, unsigned) override { return s.cr0; }
    bool write_cr(CpuState& s, unsigned, std::uint64_t value) override {
        s.cr0 = value;
        return true;
    }
    std::optional<std::uint64_t> read_dr(CpuState& s, unsigned n) override { return s.dr[n]; }
    bool write_dr(CpuState& s, unsigned n, std::uint64_t value) override {
        s.dr[n] = value;
        return true;
    }
    bool write_xcr(CpuState&, std::uint32_t, std::uint64_t) override { return false; }
    std::optional<std::uint32_t> read_port(CpuState&, std::uint16_t, unsigned) override {
        return 0;
    }
    bool write_port(CpuState&, std::uint16_t, unsigned, std::uint32_t) override { return true; }
    bool interrupt_flag_is_writable(const CpuState&) override { return true; }
    std::optional<std::uint64_t> descriptor(const CpuState&, std::uint16_t selector) override {
        // Flat ring-3 segments, as Xen's own at e02b and e033.
        if ((selector & ~7u) == 0xe028) return 0x00cf'f300'0000'ffff;
        if ((selector & ~7u) == 0xe030) return 0x00af'fb00'0000'ffff;
        return {};
    }
};

/// Pages at `base` upward are mapped writable: code first, then data, then a page that is not
/// mapped.
class BareGuest {
public:
    static constexpr std::uint64_t base = 0x10'0000;
    static constexpr unsigned code_pages = 2, data_pages = 4, pages = code_pages + data_pages;
    static constexpr std::uint64_t data = base + code_pages * page_size;
    static constexpr std::uint64_t end = base + pages * page_size;  ///< first unmapped byte

    explicit BareGuest(std::map<std::string, std::int64_t> engine_params = {},
                       const std::string& model = "x86-64-v2", const std::string& host = "detect") {
        using namespace entry_bits;
        constexpr std::uint64_t flags = present | writable | user | accessed | dirty;
        Params params("engine");
        for (const auto& [name, value] : engine_params) params.set(name, {value, "test"});
        params.set("cpu_model", {model, "test"});
        params.set("host", {host, "test"});
        params.set("code_cache_mib", {std::int64_t{4}, "test"});
        engine = Registry<Engine>::create("translator", params, frames);
        frames.set_derived_state(&engine->derived_state());
        const Mfn l4 = allocate(), l3 = allocate(), l2 = allocate();
        l1 = allocate();
        put(l4, 0, l3, flags);
        put(l3, 0, l2, flags);
        put(l2, 0, l1, flags);
        for (unsigned i = 0; i < pages; ++i) {
            page[i] = allocate();
            put(l1, static_cast<unsigned>(base >> page_shift) + i, page[i], flags);
        }
        if (tables.pin(domain, l4, 4) != 0) throw std::runtime_error("the tables are not valid");
        state.kernel_root = state.user_root = l4;
        state.domain = domain;
        state.rip = base;
        state.reg(Gpr::rsp) = end - 256;
        state.sel(Segment::cs) = 0xe033;
        state.sel(Segment::ss) = 0xe02b;
        reset_fpu(state);
    }

    void write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
        while (!bytes.empty()) {
            const std::uint64_t offset = address - base;
            const std::size_t n = std::min(bytes.size(), page_size - offset % page_size);
            frames.write(page[offset / page_size], offset % page_size,
                         std::as_bytes(bytes.first(n)));
            address += n;
            bytes = bytes.subspan(n);
        }
    }
    void read(std::uint64_t address, std::span<std::uint8_t> bytes) {
        while (!bytes.empty()) {
            const std::uint64_t offset = address - base;
            const std::size_t n = std::min(bytes.size(), page_size - offset % page_size);
            std::memcpy(bytes.data(), frames.at(page[offset / page_size]).host + offset % page_size,
                        n);
            address += n;
            bytes = bytes.subspan(n);
        }
    }
    template <class T>
    T read(std::uint64_t address) {
        T value;
        read(address, {reinterpret_cast<std::uint8_t*>(&value), sizeof value});
        return value;
    }
    Exit run(std::uint64_t instructions) { return engine->run(state, environment, instructions); }

    FrameTable frames{Frames{1024}};
    PageTables tables{frames};
    std::unique_ptr<Engine> engine;
    CpuState state;
    SilentEnvironment environment;
    Mfn page[pages];
    Mfn l1{};
    DomainId domain{1};

private:
    Mfn allocate() {
        const auto mfn = frames.allocate(domain);
        if (!mfn) throw std::runtime_error("the machine is too small");
        return *mfn;
    }
    void put(Mfn table, unsigned index, Mfn mfn, std::uint64_t flags) {
        const std::uint64_t value = mfn.raw << page_shift | flags;
        frames.write(table, index * 8, std::as_bytes(std::span{&value, 1}));
    }
};

}  // namespace ring3::test
