// SPDX-License-Identifier: MIT
// Makes small kernel files for tests: an ELF64 file with segments and Xen notes, and a bzImage
// around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ring3::test {

using ByteVector = std::vector<std::byte>;

struct SyntheticSegment {
    std::uint64_t paddr = 0;
    std::uint64_t memory_size = 0;
    ByteVector bytes;
};

/// The fields may be set to nonsense: then the file is as wrong as they are.
struct SyntheticElf {
    std::uint8_t elf_class = 2;  // ELFCLASS64
    std::uint16_t machine = 62;  // EM_X86_64
    std::uint64_t entry = 0;
    std::vector<SyntheticSegment> segments;
    /// Contents of one PT_NOTE segment, and of one SHT_NOTE section; absent when empty.
    ByteVector note_segment, note_section;
    /// Contents of a section named __xen_guest; absent when empty.
    std::string xen_guest;

    ByteVector file() const;
};

/// Appends one note named "Xen" (or `name`).
void add_note(ByteVector& notes, std::uint32_t type, std::span<const std::byte> descriptor,
              const std::string& name = "Xen");
void add_note(ByteVector& notes, std::uint32_t type, std::uint64_t number);
void add_note(ByteVector& notes, std::uint32_t type, const std::string& text);

/// Virtual base of pv_kernel().
constexpr std::uint64_t synthetic_base = 0xffff'ffff'8000'0000;

/// Notes like those of Debian's kernel.
ByteVector linux_like_notes();

/// A small valid PV kernel: at 1 MiB a page of the bytes 0, 1, 2..., then a page that the file does
/// not hold, then a third segment of 100 bytes 0xaa at 1 MiB + 3 pages + 8.
SyntheticElf pv_kernel();

/// A bzImage (boot protocol 2.15) around a payload as it is; `unpacked_size` is appended to it.
ByteVector bzimage(std::span<const std::byte> payload, bool append_size);

ByteVector bytes_of(const std::string& text);

}  // namespace ring3::test
