// SPDX-License-Identifier: MIT
#include "hv/domain/builder/elf.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using Bytes = std::span<const std::byte>;

/// The part [offset, offset + size) of `file`, or nothing when it does not lie inside.
std::optional<Bytes> part(Bytes file, std::uint64_t offset, std::uint64_t size) {
    if (offset > file.size() || size > file.size() - offset) return std::nullopt;
    return file.subspan(offset, size);
}

class ElfReader {
public:
    ElfReader(Bytes file, std::string_view what) : file_(file), what_(what) {}

    Elf read() {
        check_identity();
        // Now the header's class is known, and its layout with it.
        const auto bytes = part(file_, 0, sizeof header_);
        if (!bytes) fail("it ends inside its header");
        std::memcpy(&header_, bytes->data(), sizeof header_);
        elf_.entry = header_.e_entry;
        read_segments();
        read_sections();
        return std::move(elf_);
    }

private:
    [[noreturn]] void fail(std::string_view how) const {
        throw ConfigError(
            fmt::format("{}: this ELF file is damaged: {}; the file is incomplete or not a kernel",
                        what_, how));
    }
    [[noreturn]] void refuse(std::string_view what_it_is) const {
        throw ConfigError(
            fmt::format("{}: this is {}; a 64-bit x86 kernel with Xen PV support is needed", what_,
                        what_it_is));
    }

    void check_identity() const {
        if (file_.size() < EI_NIDENT + 4) fail("it ends inside its header");
        const auto byte = [&](std::size_t at) { return static_cast<unsigned>(file_[at]); };
        // e_type and e_machine stand at the same place in both classes.
        const unsigned machine = byte(18) | byte(19) << 8;
        if (machine == EM_AARCH64 || machine == EM_ARM) refuse("an ARM kernel");
        if (byte(EI_CLASS) == ELFCLASS32) refuse("a 32-bit kernel");
        if (byte(EI_CLASS) != ELFCLASS64) fail("it is neither of 32 nor of 64 bits");
        if (byte(EI_DATA) != ELFDATA2LSB) refuse("a big-endian kernel");
        if (machine != EM_X86_64)
            refuse(fmt::format("a kernel for ELF machine number {}", machine));
    }

    /// Entry `i` of a table at `offset`; each entry has `size` bytes, of which we know sizeof(T).
    template <class T>
    T entry(std::uint64_t offset, std::uint64_t size, std::uint64_t i,
            std::string_view table) const {
        // No overflow: size and i are 16-bit numbers.
        const std::uint64_t at = size * i;
        if (size < sizeof(T)) fail(fmt::format("its {} has entries of {} bytes", table, size));
        if (offset > file_.size() || at > file_.size() - offset) fail(outside(table));
        const auto bytes = part(file_, offset + at, sizeof(T));
        if (!bytes) fail(outside(table));
        T value{};
        std::memcpy(&value, bytes->data(), sizeof value);
        return value;
    }
    static std::string outside(std::string_view table) {
        return fmt::format("its {} lies outside of the file", table);
    }

    void read_segments() {
        for (unsigned i = 0; i < header_.e_phnum; ++i) {
            const auto segment =
                entry<Elf64_Phdr>(header_.e_phoff, header_.e_phentsize, i, "program header table");
            if (segment.p_type == PT_LOAD && segment.p_memsz != 0) read_load(segment, i);
            if (segment.p_type == PT_NOTE) {
                const auto bytes = part(file_, segment.p_offset, segment.p_filesz);
                if (!bytes) fail(fmt::format("segment {} (notes) lies outside of the file", i));
                elf_.note_segments.push_back(*bytes);
            }
        }
        if (elf_.segments.empty()) fail("it has no segment to load");
        check_overlap();
    }

    void read_load(const Elf64_Phdr& segment, unsigned i) {
        const auto bytes = part(file_, segment.p_offset, segment.p_filesz);
        if (!bytes) fail(fmt::format("segment {} lies outside of the file", i));
        if (segment.p_filesz > segment.p_memsz) {
            fail(fmt::format("segment {} has more bytes in the file than in memory", i));
        }
        if (segment.p_paddr + segment.p_memsz < segment.p_paddr) {
            fail(fmt::format("segment {} wraps around the end of the address space", i));
        }
        elf_.segments.push_back({segment.p_paddr, segment.p_memsz, *bytes});
    }

    void check_overlap() {
        std::stable_sort(
            elf_.segments.begin(), elf_.segments.end(),
            [](const ElfSegment& a, const ElfSegment& b) { return a.paddr < b.paddr; });
        for (std::size_t i = 1; i < elf_.segments.size(); ++i) {
            if (elf_.segments[i].paddr < elf_.segments[i - 1].end()) {
                fail(fmt::format("its segments overlap at physical address {:#x}",
                                 elf_.segments[i].paddr));
            }
        }
    }

    void read_sections() {
        // Stripped files may have no sections at all.
        if (header_.e_shoff == 0 || header_.e_shnum == 0) return;
        const auto section = [&](unsigned i) {
            return entry<Elf64_Shdr>(header_.e_shoff, header_.e_shentsize, i,
                                     "section header table");
        };
        std::optional<Bytes> names;
        if (header_.e_shstrndx < header_.e_shnum) {
            const auto strings = section(header_.e_shstrndx);
            names = part(file_, strings.sh_offset, strings.sh_size);
        }
        for (unsigned i = 0; i < header_.e_shnum; ++i) {
            const auto header = section(i);
            const bool is_note = header.sh_type == SHT_NOTE;
            const bool is_xen_guest = header.sh_type == SHT_PROGBITS && names &&
                                      name_at(*names, header.sh_name) == "__xen_guest";
            if (!is_note && !is_xen_guest) continue;
            const auto bytes = part(file_, header.sh_offset, header.sh_size);
            if (!bytes) fail(fmt::format("section {} lies outside of the file", i));
            if (is_note) elf_.note_sections.push_back(*bytes);
            if (is_xen_guest) elf_.xen_guest_section = *bytes;
        }
    }

    static std::string_view name_at(Bytes names, std::uint32_t offset) {
        if (offset >= names.size()) return {};
        const auto* start = reinterpret_cast<const char*>(names.data()) + offset;
        return {start, strnlen(start, names.size() - offset)};
    }

    Bytes file_;
    std::string_view what_;
    Elf64_Ehdr header_{};
    Elf elf_;
};

}  // namespace

bool is_elf(Bytes file) {
    return file.size() >= SELFMAG && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0;
}

Elf parse_elf(Bytes file, std::string_view what) { return ElfReader(file, what).read(); }

}  // namespace ring3
