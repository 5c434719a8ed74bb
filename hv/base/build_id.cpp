// SPDX-License-Identifier: MIT
#include "hv/base/build_id.hpp"

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ring3 {
namespace {

constexpr std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

/// The note's content, if it is among these.
std::string find_in(const std::uint8_t* notes, std::size_t size) {
    constexpr std::string_view owner{"GNU\0", 4};
    std::size_t at = 0;
    while (at + sizeof(ElfW(Nhdr)) <= size) {
        ElfW(Nhdr) header;
        std::memcpy(&header, notes + at, sizeof header);
        const std::size_t name = at + sizeof header;
        const std::size_t content = name + aligned(header.n_namesz);
        const std::size_t end = content + aligned(header.n_descsz);
        if (end > size) break;
        const std::string_view named(reinterpret_cast<const char*>(notes + name), header.n_namesz);
        if (header.n_type == NT_GNU_BUILD_ID && named == owner)
            return fmt::format("{:02x}",
                               fmt::join(notes + content, notes + content + header.n_descsz, ""));
        at = end;
    }
    return {};
}

/// Called for the program first, and only for it.
int look_at(dl_phdr_info* object, std::size_t, void* found) {
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const ElfW(Phdr)& segment = object->dlpi_phdr[i];
        if (segment.p_type != PT_NOTE) continue;
        const auto* const notes =
            reinterpret_cast<const std::uint8_t*>(object->dlpi_addr + segment.p_vaddr);
        std::string id = find_in(notes, segment.p_memsz);
        if (!id.empty()) *static_cast<std::string*>(found) = std::move(id);
    }
    return 1;
}

}  // namespace

std::string build_id() {
    std::string found;
    dl_iterate_phdr(look_at, &found);
    return found;
}

}  // namespace ring3
