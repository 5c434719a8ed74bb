// SPDX-License-Identifier: MIT
#include "hv/domain/builder/kernel_image.hpp"

#include <zlib.h>

#include <functional>

#include <gmock/gmock.h>

#include "hv/abi/elfnote.hpp"
#include "hv/abi/version.hpp"
#include "hv/base/errors.hpp"
#include "tests/hv/domain/builder/synthetic_kernel.hpp"

namespace ring3 {
namespace {

using test::add_note;
using test::ByteVector;
using test::SyntheticElf;
using testing::HasSubstr;

constexpr std::size_t memory = 64u << 20;

std::string message(const ByteVector& file) {
    try {
        load_kernel(file, "vmlinuz", memory);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

std::string message_after(const std::function<void(SyntheticElf&)>& change) {
    SyntheticElf elf = test::pv_kernel();
    change(elf);
    return message(elf.file());
}

void check_pv_kernel(const KernelImage& image) {
    EXPECT_EQ(image.virt_base.raw, test::synthetic_base);
    EXPECT_EQ(image.start.raw, test::synthetic_base + 0x100000);
    EXPECT_EQ(image.end.raw, test::synthetic_base + 0x103008 + 100);
    EXPECT_EQ(image.entry.raw, test::synthetic_base + 0x100010);
    ASSERT_EQ(image.segments.size(), 2u);
    EXPECT_EQ(image.segments[1].start.raw, test::synthetic_base + 0x103008);
    EXPECT_EQ(image.segments[1].bytes.size(), 100u);
    EXPECT_EQ(image.segments[1].bytes[99], std::byte{0xaa});
}

TEST(KernelImage, reads_a_plain_elf_file) {
    check_pv_kernel(load_kernel(test::pv_kernel().file(), "vmlinux", memory));
}

TEST(KernelImage, reads_a_packed_elf_file) {
    const ByteVector file = test::pv_kernel().file();
    std::string packed(file.size() + 1000, '\0');
    z_stream stream{};
    ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(file.data()));
    stream.avail_in = static_cast<uInt>(file.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    check_pv_kernel(load_kernel(test::bytes_of(packed), "vmlinux.gz", memory));
    check_pv_kernel(load_kernel(test::bzimage(test::bytes_of(packed), false), "vmlinuz", memory));
}

TEST(KernelImage, reads_a_bzimage_whose_payload_is_not_packed) {
    const ByteVector elf = test::pv_kernel().file();
    check_pv_kernel(load_kernel(test::bzimage(elf, true), "vmlinuz", memory));
}

TEST(KernelImage, refuses_a_truncated_bzimage) {
    const ByteVector file = test::bzimage(test::pv_kernel().file(), true);
    for (const std::size_t size : {file.size() - 1, std::size_t{0x240}}) {
        EXPECT_THAT(message({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)}),
                    HasSubstr("truncated at " + std::to_string(size)));
    }
}

TEST(KernelImage, refuses_an_old_boot_protocol) {
    ByteVector file = test::bzimage(test::pv_kernel().file(), true);
    file[0x206] = std::byte{7};
    file[0x207] = std::byte{2};
    EXPECT_THAT(message(file), HasSubstr("boot protocol 2.07"));
}

TEST(KernelImage, names_what_a_wrong_file_is) {
    EXPECT_THAT(message({}), HasSubstr("is empty"));
    EXPECT_THAT(message(test::bytes_of("hello")), HasSubstr("neither a bzImage nor an ELF file"));
    EXPECT_THAT(message(test::bytes_of("070701000000")), HasSubstr("an initramfs"));
    EXPECT_THAT(message(test::bytes_of(std::string(0x38, '.') + "ARM\x64")),
                HasSubstr("an ARM kernel"));
    EXPECT_THAT(message(test::bytes_of(std::string("MZ\0\0zimg", 8))), HasSubstr("EFI zboot"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) { elf.machine = 183; }),
                HasSubstr("an ARM kernel"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) { elf.machine = 243; }),
                HasSubstr("number 243"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) {
                    elf.elf_class = 1;
                    elf.machine = 3;
                }),
                HasSubstr("a 32-bit kernel"));
}

TEST(KernelImage, answers_every_truncation_with_an_error) {
    const ByteVector file = test::pv_kernel().file();
    for (std::size_t size = 0; size < file.size(); ++size) {
        ASSERT_NE(message({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)}),
                  "no error")
            << size;
    }
}

TEST(KernelImage, refuses_impossible_segments) {
    EXPECT_THAT(message_after([](SyntheticElf& elf) { elf.segments[1].paddr = 0x101fff; }),
                HasSubstr("segments overlap at physical address 0x101fff"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) { elf.segments[0].memory_size = 8; }),
                HasSubstr("more bytes in the file than in memory"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) { elf.segments[1].paddr = ~0ull; }),
                HasSubstr("wraps around"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) { elf.segments[1].memory_size = 1ull << 40; }),
                HasSubstr("cannot be placed"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) { elf.segments.clear(); }),
                HasSubstr("no segment to load"));
}

TEST(KernelImage, demands_an_entry_point_inside) {
    const auto with_entry = [](std::uint64_t entry) {
        return message_after([&](SyntheticElf& elf) {
            add_note(elf.note_segment, XEN_ELFNOTE_ENTRY, test::synthetic_base + entry);
        });
    };
    EXPECT_EQ(with_entry(0x100000), "no error");
    EXPECT_THAT(with_entry(0xfffff), HasSubstr("entry point"));
    EXPECT_THAT(with_entry(0x103008 + 100), HasSubstr("entry point"));
}

TEST(KernelImage, demands_a_hypercall_page_inside) {
    const auto with_page = [](std::uint64_t page) {
        return message_after([&](SyntheticElf& elf) {
            add_note(elf.note_segment, XEN_ELFNOTE_HYPERCALL_PAGE, test::synthetic_base + page);
        });
    };
    EXPECT_EQ(with_page(0x101000), "no error");
    EXPECT_THAT(with_page(0x101008), HasSubstr("hypercall page"));
    EXPECT_THAT(with_page(0x103000), HasSubstr("hypercall page"));  // its end is not inside
    EXPECT_THAT(with_page(~0xfffull - test::synthetic_base), HasSubstr("hypercall page"));
}

TEST(KernelImage, believes_note_sections_when_no_segment_holds_notes) {
    SyntheticElf elf = test::pv_kernel();
    std::swap(elf.note_section, elf.note_segment);
    check_pv_kernel(load_kernel(elf.file(), "vmlinux", memory));
}

TEST(KernelImage, reads_the_section_of_kernels_before_notes) {
    SyntheticElf elf = test::pv_kernel();
    elf.note_segment.clear();
    elf.xen_guest =
        "GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,ELF_PADDR_OFFSET=0x0,"
        "VIRT_ENTRY=0xffffffff80100010,HYPERCALL_PAGE=0x101,FEATURES=writable_page_tables,LOADER="
        "generic";
    const KernelImage image = load_kernel(elf.file(), "vmlinux", memory);
    check_pv_kernel(image);
    EXPECT_EQ(image.notes.hypercall_page->raw, test::synthetic_base + 0x101000);
    EXPECT_FALSE(image.notes.initrd_may_be_unmapped);
}

TEST(KernelImage, says_what_a_kernel_without_pv_support_lacks) {
    EXPECT_THAT(message_after([](SyntheticElf& elf) { elf.note_segment.clear(); }),
                HasSubstr("CONFIG_XEN_PV=y"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) {
                    elf.note_segment.clear();
                    add_note(elf.note_segment, XEN_ELFNOTE_PHYS32_ENTRY, std::uint64_t{0x1000850});
                }),
                HasSubstr("none of a PV entry point"));
}

TEST(KernelImage, reads_the_notes_of_a_linux_kernel) {
    const XenNotes notes = load_kernel(test::pv_kernel().file(), "vmlinux", memory).notes;
    EXPECT_EQ(notes.guest_os, "linux");
    EXPECT_EQ(notes.init_p2m, Vaddr{0x8000000000});
    EXPECT_TRUE(notes.initrd_may_be_unmapped);
    EXPECT_EQ(notes.required_features, 1u << XENFEAT_writable_page_tables);
    EXPECT_EQ(notes.supported_features, 0x8801u | 1u << XENFEAT_pae_pgdir_above_4gb);
    EXPECT_FALSE(notes.hypercall_page.has_value());
}

TEST(KernelImage, refuses_features_that_it_does_not_offer) {
    const auto with_features = [](const std::string& features) {
        return message_after(
            [&](SyntheticElf& elf) { add_note(elf.note_segment, XEN_ELFNOTE_FEATURES, features); });
    };
    EXPECT_EQ(with_features("auto_translated_physmap|something_new"), "no error");
    EXPECT_THAT(with_features("!auto_translated_physmap|!supervisor_mode_kernel"),
                HasSubstr("auto_translated_physmap, supervisor_mode_kernel"));
    EXPECT_THAT(with_features("!something_new"), HasSubstr("'something_new', which is not known"));
}

TEST(KernelImage, refuses_other_interfaces_and_loaders) {
    EXPECT_THAT(message_after([](SyntheticElf& elf) {
                    add_note(elf.note_segment, XEN_ELFNOTE_XEN_VERSION, std::string("xen-2.0"));
                }),
                HasSubstr("'xen-2.0'"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) {
                    add_note(elf.note_segment, XEN_ELFNOTE_LOADER, std::string("special"));
                }),
                HasSubstr("'special'"));
}

TEST(KernelImage, refuses_damaged_notes) {
    EXPECT_THAT(message_after([](SyntheticElf& elf) { elf.note_segment[5] = std::byte{0xff}; }),
                HasSubstr("reaches past the end"));
    EXPECT_THAT(message_after([](SyntheticElf& elf) {
                    add_note(elf.note_segment, XEN_ELFNOTE_ENTRY, ByteVector(3));
                }),
                HasSubstr("note 1 has 3 bytes"));
}

TEST(KernelImage, passes_over_the_notes_of_others) {
    EXPECT_EQ(message_after([](SyntheticElf& elf) {
                  add_note(elf.note_segment, XEN_ELFNOTE_ENTRY, ByteVector(3), "GNU");
              }),
              "no error");
}

TEST(KernelImage, survives_damage_anywhere) {
    const ByteVector good = test::pv_kernel().file();
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const std::byte flip : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
            ByteVector bad = good;
            bad[i] ^= flip;
            message(bad);  // an image or an error, no crash
        }
    }
}

}  // namespace
}  // namespace ring3
