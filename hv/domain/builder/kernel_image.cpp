// SPDX-License-Identifier: MIT
#include "hv/domain/builder/kernel_image.hpp"

#include <cstdint>
#include <cstring>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/domain/builder/bzimage.hpp"
#include "hv/domain/builder/decompress.hpp"

namespace ring3 {
namespace {

using Bytes = std::span<const std::byte>;

/// Whether `magic` stands at `offset`.
bool has_magic(Bytes file, std::size_t offset, std::string_view magic) {
    return file.size() >= offset + magic.size() &&
           std::memcmp(file.data() + offset, magic.data(), magic.size()) == 0;
}

/// What a file that is no kernel of ours may be, for the message.
std::string_view likely_kind(Bytes file) {
    if (has_magic(file, 0x38, "ARM\x64") || has_magic(file, 0x24, "\x18\x28\x6f\x01")) {
        return "an ARM kernel";
    }
    if (has_magic(file, 0, "MZ") && has_magic(file, 4, "zimg")) return "an EFI zboot image";
    if (has_magic(file, 0, "070701") || has_magic(file, 0, "070702")) {
        return "an initramfs (cpio archive), not a kernel";
    }
    if (has_magic(file, 0, "!<arch>")) return "an archive or Debian package, not a kernel";
    if (has_magic(file, 0, "#!")) return "a script, not a kernel";
    return "neither a bzImage nor an ELF file";
}

std::vector<std::byte> unpack(Bytes file, std::string_view name, std::size_t limit) {
    if (file.empty()) throw ConfigError(fmt::format("{}: the kernel file is empty", name));
    if (is_bzimage(file)) return unpack_bzimage(file, limit, name);
    if (is_elf(file)) return {file.begin(), file.end()};
    if (const auto compression = compression_of(file); compression != Compression::none) {
        return decompress(compression, file, limit, name);
    }
    throw ConfigError(
        fmt::format("{}: this is {}; a bzImage (vmlinuz) or an ELF file (vmlinux) for "
                    "64-bit x86 with Xen PV support is needed",
                    name, likely_kind(file)));
}

class Placement {
public:
    Placement(KernelImage& image, const Elf& elf) : image_(image), elf_(elf) {}

    /// Turns physical into virtual addresses, as the notes say, and checks that all lies where it
    /// may.
    void place() {
        const XenNotes& notes = image_.notes;
        if (notes.paddr_offset && !notes.virt_base) fail("PADDR_OFFSET is given without VIRT_BASE");
        image_.virt_base = notes.virt_base.value_or(Vaddr{0});
        const std::uint64_t paddr_offset =
            notes.paddr_offset.value_or(notes.legacy ? image_.virt_base.raw : 0);
        if (page_offset(image_.virt_base) != 0) fail("VIRT_BASE is not the start of a page");

        // Modulo 2^64, like the kernel's own constants; what wraps is caught below.
        const std::uint64_t to_virtual = image_.virt_base.raw - paddr_offset;
        for (const ElfSegment& segment : elf_.segments) {
            image_.segments.push_back(
                {Vaddr{segment.paddr + to_virtual}, segment.memory_size, segment.bytes});
        }
        // Segments are sorted and do not overlap, so that the first starts and the last ends it
        // all.
        image_.start = image_.segments.front().start;
        image_.end = Vaddr{elf_.segments.back().end() + to_virtual};
        image_.entry = notes.entry.value_or(Vaddr{elf_.entry});

        const auto inside = [&](Vaddr va) { return image_.start <= va && va < image_.end; };
        if (image_.end <= image_.start || image_.start < image_.virt_base) {
            fail(fmt::format(
                "it would lie at {:#x} to {:#x}, outside of what begins at VIRT_BASE {:#x}",
                image_.start.raw, image_.end.raw, image_.virt_base.raw));
        }
        if (!inside(image_.entry)) {
            fail(fmt::format("its entry point {:#x} lies outside of it", image_.entry.raw));
        }
        if (notes.hypercall_page) {
            const Vaddr page = *notes.hypercall_page;
            if (page_offset(page) != 0 || !inside(page) || !inside(page + (page_size - 1))) {
                fail(fmt::format("its hypercall page {:#x} is not a page inside of it", page.raw));
            }
        }
    }

private:
    [[noreturn]] void fail(std::string_view how) const {
        throw ConfigError(
            fmt::format("{}: the kernel cannot be placed in memory: {}", image_.name, how));
    }

    KernelImage& image_;
    const Elf& elf_;
};

}  // namespace

KernelImage load_kernel(Bytes file, std::string name, std::size_t memory) {
    KernelImage image;
    image.name = std::move(name);
    image.elf = unpack(file, image.name, memory);
    if (!is_elf(image.elf)) {
        throw ConfigError(fmt::format("{}: what it unpacks to is {}; an ELF file is needed",
                                      image.name, likely_kind(image.elf)));
    }
    const Elf elf = parse_elf(image.elf, image.name);
    image.notes = read_xen_notes(elf, image.name);
    Placement(image, elf).place();
    return image;
}

}  // namespace ring3
