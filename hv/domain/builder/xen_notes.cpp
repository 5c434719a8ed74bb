// SPDX-License-Identifier: MIT
#include "hv/domain/builder/xen_notes.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/abi/elfnote.hpp"
#include "hv/abi/version.hpp"
#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using Bytes = std::span<const std::byte>;

struct Feature {
    unsigned bit;
    std::string_view name;
    /// Whether a PV kernel that requires it runs here.
    bool offered;
};
// The names that may stand in XEN_ELFNOTE_FEATURES. writable_page_tables says that the kernel
// relies on its stores to page tables being made for it, which is what vm_assist gives.
constexpr std::array features{
    Feature{XENFEAT_writable_page_tables, "writable_page_tables", true},
    Feature{XENFEAT_writable_descriptor_tables, "writable_descriptor_tables", false},
    Feature{XENFEAT_auto_translated_physmap, "auto_translated_physmap", false},
    Feature{XENFEAT_supervisor_mode_kernel, "supervisor_mode_kernel", false},
    Feature{XENFEAT_pae_pgdir_above_4gb, "pae_pgdir_above_4gb", true},
    Feature{XENFEAT_dom0, "dom0", false},
};

class NoteReader {
public:
    explicit NoteReader(std::string_view what) : what_(what) {}

    /// Reads one area of notes, ELF64 form: three u32 (namesz, descsz, type), then name and
    /// descriptor, each padded to 4 bytes. Notes of others are passed over.
    void read_area(Bytes area) {
        constexpr std::size_t header_size = 3 * sizeof(std::uint32_t);
        while (area.size() >= header_size) {
            std::array<std::uint32_t, 3> header{};
            std::memcpy(header.data(), area.data(), header_size);
            const auto [name_size, descriptor_size, type] = header;
            // No overflow: 64-bit sums of 32-bit numbers.
            const std::uint64_t descriptor_at = header_size + padded(name_size);
            const std::uint64_t end = descriptor_at + descriptor_size;
            if (end > area.size()) fail("a note reaches past the end of its area");
            constexpr std::string_view xen{"Xen", sizeof "Xen"};
            if (name_size == xen.size() &&
                std::memcmp(area.data() + header_size, xen.data(), xen.size()) == 0) {
                read_note(type, area.subspan(descriptor_at, descriptor_size));
            }
            // The padding of the last note may be missing.
            area = area.subspan(
                std::min<std::uint64_t>(descriptor_at + padded(descriptor_size), area.size()));
        }
    }

    /// The section __xen_guest: "KEY=value,KEY=value,...", NUL-terminated.
    void read_legacy(Bytes section) {
        notes_.legacy = true;
        std::string_view rest = text(section);
        std::optional<std::uint64_t> hypercall_frame;
        while (!rest.empty()) {
            const std::string_view item = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(item.size() + 1, rest.size()));
            const std::size_t equals = item.find('=');
            const std::string_view key = item.substr(0, equals);
            const std::string_view value =
                equals == std::string_view::npos ? std::string_view{} : item.substr(equals + 1);
            if (key == "GUEST_OS") notes_.guest_os = value;
            if (key == "GUEST_VER") notes_.guest_version = value;
            if (key == "XEN_VER") notes_.xen_version = value;
            if (key == "LOADER") notes_.loader = value;
            if (key == "PAE") notes_.pae_mode = value;
            if (key == "BSD_SYMTAB") notes_.wants_symbol_table = value == "yes";
            if (key == "FEATURES") read_features(value);
            if (key == "VIRT_BASE") notes_.virt_base = Vaddr{number(key, value)};
            if (key == "VIRT_ENTRY") notes_.entry = Vaddr{number(key, value)};
            if (key == "ELF_PADDR_OFFSET") notes_.paddr_offset = number(key, value);
            if (key == "HYPERCALL_PAGE") hypercall_frame = number(key, value);
        }
        // Here, and only here, the page is given as a frame counted from VIRT_BASE.
        if (hypercall_frame) {
            notes_.hypercall_page =
                notes_.virt_base.value_or(Vaddr{0}) + (*hypercall_frame << page_shift);
        }
        found_ = true;
    }

    bool found() const { return found_; }
    XenNotes take() { return std::move(notes_); }

private:
    [[noreturn]] void fail(std::string_view how) const {
        throw ConfigError(fmt::format("{}: the kernel's Xen notes are damaged: {}", what_, how));
    }

    static std::uint64_t padded(std::uint64_t size) { return (size + 3) & ~std::uint64_t{3}; }

    static std::string_view text(Bytes bytes) {
        const auto* start = reinterpret_cast<const char*>(bytes.data());
        return {start, bytes.empty() ? 0 : strnlen(start, bytes.size())};
    }

    std::uint64_t number(std::uint32_t type, Bytes bytes) const {
        std::uint64_t value = 0;
        if (bytes.size() != 1 && bytes.size() != 2 && bytes.size() != 4 && bytes.size() != 8) {
            fail(fmt::format("the number in note {} has {} bytes", type, bytes.size()));
        }
        std::memcpy(&value, bytes.data(), bytes.size());
        return value;
    }
    std::uint64_t number(std::string_view key, std::string_view value) const {
        const bool hexadecimal = value.starts_with("0x") || value.starts_with("0X");
        const std::string_view digits = hexadecimal ? value.substr(2) : value;
        std::uint64_t result = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(),
                                                  result, hexadecimal ? 16 : 10);
        if (error != std::errc{} || end != digits.data() + digits.size()) {
            fail(fmt::format("{}={} is not a number", key, value));
        }
        return result;
    }

    void read_note(std::uint32_t type, Bytes bytes) {
        found_ = true;
        switch (type) {
            case XEN_ELFNOTE_ENTRY:
                notes_.entry = Vaddr{number(type, bytes)};
                break;
            case XEN_ELFNOTE_HYPERCALL_PAGE:
                notes_.hypercall_page = Vaddr{number(type, bytes)};
                break;
            case XEN_ELFNOTE_VIRT_BASE:
                notes_.virt_base = Vaddr{number(type, bytes)};
                break;
            case XEN_ELFNOTE_PADDR_OFFSET:
                notes_.paddr_offset = number(type, bytes);
                break;
            case XEN_ELFNOTE_HV_START_LOW:
                notes_.hv_start_low = Vaddr{number(type, bytes)};
                break;
            case XEN_ELFNOTE_INIT_P2M:
                notes_.init_p2m = Vaddr{number(type, bytes)};
                break;
            case XEN_ELFNOTE_MOD_START_PFN:
                notes_.initrd_may_be_unmapped = number(type, bytes) != 0;
                break;
            case XEN_ELFNOTE_XEN_VERSION:
                notes_.xen_version = text(bytes);
                break;
            case XEN_ELFNOTE_GUEST_OS:
                notes_.guest_os = text(bytes);
                break;
            case XEN_ELFNOTE_GUEST_VERSION:
                notes_.guest_version = text(bytes);
                break;
            case XEN_ELFNOTE_LOADER:
                notes_.loader = text(bytes);
                break;
            case XEN_ELFNOTE_PAE_MODE:
                notes_.pae_mode = text(bytes);
                break;
            case XEN_ELFNOTE_FEATURES:
                read_features(text(bytes));
                break;
            case XEN_ELFNOTE_SUPPORTED_FEATURES:
                // 8 bytes hold two submaps; only submap 0 exists.
                notes_.supported_features |= static_cast<std::uint32_t>(number(type, bytes));
                break;
            case XEN_ELFNOTE_BSD_SYMTAB:
                notes_.wants_symbol_table = text(bytes) == "yes";
                break;
            case XEN_ELFNOTE_L1_MFN_VALID:
                if (bytes.size() < 2 * sizeof(std::uint64_t)) fail("L1_MFN_VALID is too short");
                std::memcpy(&notes_.l1_mfn_valid_mask, bytes.data(), sizeof(std::uint64_t));
                std::memcpy(&notes_.l1_mfn_valid_value, bytes.data() + sizeof(std::uint64_t),
                            sizeof(std::uint64_t));
                break;
            default:
                break;  // suspend, PVH and whatever comes later do not concern the builder
        }
    }

    /// "name|!name|...": supported, and required.
    void read_features(std::string_view list) {
        while (!list.empty()) {
            std::string_view name = list.substr(0, list.find('|'));
            list.remove_prefix(std::min(name.size() + 1, list.size()));
            const bool required = name.starts_with('!');
            if (required) name.remove_prefix(1);
            bool known = false;
            for (const Feature& feature : features) {
                if (feature.name != name) continue;
                known = true;
                notes_.supported_features |= 1u << feature.bit;
                if (required) notes_.required_features |= 1u << feature.bit;
            }
            if (required && !known) {
                throw ConfigError(fmt::format(
                    "{}: the kernel requires the Xen feature '{}', which is not known here", what_,
                    name));
            }
        }
    }

    std::string_view what_;
    XenNotes notes_;
    bool found_ = false;
};

void check_is_pv(const XenNotes& notes, bool found, std::string_view what) {
    if (found && (notes.entry || notes.virt_base)) return;
    throw ConfigError(fmt::format(
        "{}: this kernel {}, so it cannot run as a PV guest; use a kernel built with "
        "CONFIG_XEN_PV=y "
        "(Debian's linux-image-amd64 and linux-image-cloud-amd64 are)",
        what, found ? "has Xen notes, but none of a PV entry point" : "has no Xen notes"));
}

void check_is_offered(const XenNotes& notes, std::string_view what) {
    if (notes.xen_version != "xen-3.0") {
        throw ConfigError(
            fmt::format("{}: the kernel is made for the interface '{}' of Xen; 'xen-3.0' "
                        "is what Xen 3 and later, and ring3, speak",
                        what, notes.xen_version));
    }
    if (!notes.loader.empty() && notes.loader != "generic") {
        throw ConfigError(fmt::format(
            "{}: the kernel asks for the loader '{}'; only 'generic' exists", what, notes.loader));
    }
    std::vector<std::string_view> missing;
    for (const Feature& feature : features) {
        if ((notes.required_features >> feature.bit & 1) != 0 && !feature.offered) {
            missing.push_back(feature.name);
        }
    }
    if (!missing.empty()) {
        throw ConfigError(fmt::format(
            "{}: the kernel requires Xen features that a PV guest does not get here: {}", what,
            fmt::join(missing, ", ")));
    }
}

}  // namespace

XenNotes read_xen_notes(const Elf& elf, std::string_view what) {
    // The order of Xen's own loader: the first place that holds any Xen note is believed.
    NoteReader reader(what);
    for (const Bytes area : elf.note_segments) reader.read_area(area);
    if (!reader.found()) {
        for (const Bytes area : elf.note_sections) reader.read_area(area);
    }
    if (!reader.found() && !elf.xen_guest_section.empty())
        reader.read_legacy(elf.xen_guest_section);

    const bool found = reader.found();
    XenNotes notes = reader.take();
    check_is_pv(notes, found, what);
    check_is_offered(notes, what);
    return notes;
}

}  // namespace ring3
