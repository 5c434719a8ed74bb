// SPDX-License-Identifier: MIT
#include "tests/hv/domain/builder/synthetic_kernel.hpp"

#include <elf.h>

#include <cstring>

#include "hv/abi/elfnote.hpp"

namespace ring3::test {
namespace {

template <class T>
void append(ByteVector& to, const T& value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    to.insert(to.end(), bytes, bytes + sizeof value);
}
void append(ByteVector& to, const ByteVector& more) {
    to.insert(to.end(), more.begin(), more.end());
}

template <class T>
void put(ByteVector& to, std::size_t at, const T& value) {
    std::memcpy(to.data() + at, &value, sizeof value);
}

}  // namespace

ByteVector bytes_of(const std::string& text) {
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    return {bytes, bytes + text.size()};
}

void add_note(ByteVector& notes, std::uint32_t type, std::span<const std::byte> descriptor,
              const std::string& name) {
    append(notes, static_cast<std::uint32_t>(name.size() + 1));
    append(notes, static_cast<std::uint32_t>(descriptor.size()));
    append(notes, type);
    const auto pad = [&] {
        while (notes.size() % 4 != 0) notes.push_back(std::byte{0});
    };
    append(notes, bytes_of(name));
    notes.push_back(std::byte{0});
    pad();
    notes.insert(notes.end(), descriptor.begin(), descriptor.end());
    pad();
}
void add_note(ByteVector& notes, std::uint32_t type, std::uint64_t number) {
    add_note(notes, type, std::as_bytes(std::span(&number, 1)));
}
void add_note(ByteVector& notes, std::uint32_t type, const std::string& text) {
    ByteVector bytes = bytes_of(text);
    bytes.push_back(std::byte{0});
    add_note(notes, type, bytes);
}

ByteVector SyntheticElf::file() const {
    const std::size_t segment_count = segments.size() + (note_segment.empty() ? 0 : 1);
    ByteVector out(sizeof(Elf64_Ehdr) + segment_count * sizeof(Elf64_Phdr));

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = elf_class;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = machine;
    header.e_version = EV_CURRENT;
    header.e_entry = entry;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(segment_count);

    std::size_t at = sizeof header;
    const auto add_segment = [&](std::uint32_t type, const SyntheticSegment& segment) {
        Elf64_Phdr program{};
        program.p_type = type;
        program.p_offset = out.size();
        program.p_paddr = segment.paddr;
        program.p_filesz = segment.bytes.size();
        program.p_memsz = segment.memory_size;
        append(out, segment.bytes);
        put(out, at, program);
        at += sizeof program;
    };
    for (const SyntheticSegment& segment : segments) add_segment(PT_LOAD, segment);
    if (!note_segment.empty()) add_segment(PT_NOTE, {0, note_segment.size(), note_segment});

    if (!note_section.empty() || !xen_guest.empty()) {
        const std::string names{"\0.notes\0__xen_guest\0.shstrtab\0", 30};
        std::vector<Elf64_Shdr> sections(1);
        const auto add_section = [&](std::uint32_t name, std::uint32_t type,
                                     const ByteVector& bytes) {
            Elf64_Shdr section{};
            section.sh_name = name;
            section.sh_type = type;
            section.sh_offset = out.size();
            section.sh_size = bytes.size();
            append(out, bytes);
            sections.push_back(section);
        };
        if (!note_section.empty()) add_section(1, SHT_NOTE, note_section);
        if (!xen_guest.empty()) add_section(8, SHT_PROGBITS, bytes_of(xen_guest));
        add_section(20, SHT_STRTAB, bytes_of(names));
        header.e_shoff = out.size();
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = static_cast<Elf64_Half>(sections.size());
        header.e_shstrndx = static_cast<Elf64_Half>(sections.size() - 1);
        for (const Elf64_Shdr& section : sections) append(out, section);
    }
    put(out, 0, header);
    return out;
}

ByteVector linux_like_notes() {
    ByteVector notes;
    add_note(notes, XEN_ELFNOTE_GUEST_OS, std::string("linux"));
    add_note(notes, XEN_ELFNOTE_XEN_VERSION, std::string("xen-3.0"));
    add_note(notes, XEN_ELFNOTE_LOADER, std::string("generic"));
    add_note(notes, XEN_ELFNOTE_VIRT_BASE, synthetic_base);
    add_note(notes, XEN_ELFNOTE_PADDR_OFFSET, std::uint64_t{0});
    add_note(notes, XEN_ELFNOTE_INIT_P2M, std::uint64_t{0x8000000000});
    add_note(notes, XEN_ELFNOTE_MOD_START_PFN, std::uint64_t{1});
    add_note(notes, XEN_ELFNOTE_ENTRY, synthetic_base + 0x100010);
    add_note(notes, XEN_ELFNOTE_FEATURES, std::string("!writable_page_tables|pae_pgdir_above_4gb"));
    add_note(notes, XEN_ELFNOTE_SUPPORTED_FEATURES, std::uint64_t{0x8801});
    return notes;
}

SyntheticElf pv_kernel() {
    constexpr std::uint64_t start = 0x100000;
    SyntheticElf elf;
    SyntheticSegment text{start, 0x2000, {}};
    for (unsigned i = 0; i < 0x1000; ++i) text.bytes.push_back(static_cast<std::byte>(i));
    elf.segments.push_back(text);
    elf.segments.push_back({start + 0x3008, 100, ByteVector(100, std::byte{0xaa})});
    elf.note_segment = linux_like_notes();
    return elf;
}

ByteVector bzimage(std::span<const std::byte> payload, bool append_size) {
    constexpr std::size_t setup_sectors = 1, payload_offset = 0x40;
    constexpr std::size_t payload_at = (setup_sectors + 1) * 512 + payload_offset;
    ByteVector out(payload_at);
    const std::uint32_t trailer = append_size ? sizeof(std::uint32_t) : 0;
    put(out, 0x1f1, std::uint8_t{setup_sectors});
    put(out, 0x1fe, std::uint16_t{0xaa55});
    put(out, 0x202, std::uint32_t{0x53726448});
    put(out, 0x206, std::uint16_t{0x20f});
    put(out, 0x248, static_cast<std::uint32_t>(payload_offset));
    put(out, 0x24c, static_cast<std::uint32_t>(payload.size()) + trailer);
    out.insert(out.end(), payload.begin(), payload.end());
    if (append_size) append(out, std::uint32_t{0});
    return out;
}

}  // namespace ring3::test
