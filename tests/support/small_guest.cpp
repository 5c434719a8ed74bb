// SPDX-License-Identifier: MIT
#include "tests/support/small_guest.hpp"

#include <cstring>
#include <fstream>

#include <elf.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/abi/elfnote.hpp"

// At entry RSI is the address of start_info; the console's page is the second one behind it, and
// below it in the same mapping lies the kernel, at 1 MiB.
asm(R"(
    .pushsection .rodata
    .intel_syntax noprefix
small_guest_echo:
    lea r12, [rsi + 0x2000]
    mov byte ptr [r12 + 0x400], '>'
    mov dword ptr [r12 + 0xc0c], 1
1:  mov eax, [r12 + 0xc00]
    cmp eax, [r12 + 0xc04]
    je 1b
    mov ecx, eax
    and ecx, 1023
    mov dl, [r12 + rcx]
    inc eax
    mov [r12 + 0xc00], eax
    mov eax, [r12 + 0xc0c]
    mov ecx, eax
    and ecx, 2047
    mov [r12 + rcx + 0x400], dl
    inc eax
    mov [r12 + 0xc0c], eax
    cmp dl, 'q'
    jne 1b
small_guest_echo_end:

small_guest_sleep:
    mov rax, [rsi + 0x68]             # the list of frames
    mov rax, [rax + 8 * 0x101]        # ours, one page behind the kernel
    push 0
    push rax
    mov edi, 10                       # VCPUOP_register_vcpu_info
    xor esi, esi
    mov rdx, rsp
    mov eax, 24
    syscall
    lea rax, [rip + small_guest_sleep]
    and rax, -4096
    mov byte ptr [rax + 4096], 0      # nothing is pending
    mov edi, 1                        # SCHEDOP_block
    mov eax, 29
    syscall
    ud2
small_guest_sleep_end:
    .att_syntax prefix
    .popsection
)");

extern "C" {
extern const std::uint8_t small_guest_echo[], small_guest_echo_end[];
extern const std::uint8_t small_guest_sleep[], small_guest_sleep_end[];
}

namespace ring3::test {
namespace {

constexpr std::uint64_t base = 0xffff'ffff'8000'0000, kernel_at = 0x100000;

template <class T>
void append(std::string& to, const T& value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_note(std::string& to, std::uint32_t type, std::string value) {
    append(to, Elf64_Nhdr{4, static_cast<std::uint32_t>(value.size()), type});
    to.append("Xen\0", 4);
    value.resize((value.size() + 3) / 4 * 4);
    to += value;
}

std::string number(std::uint64_t value) {
    std::string bytes;
    append(bytes, value);
    return bytes;
}

/// An ELF file with the code at 1 MiB, and a page behind it.
std::string kernel_file(const Code& code) {
    std::string notes;
    append_note(notes, XEN_ELFNOTE_GUEST_OS, std::string("test\0", 5));
    append_note(notes, XEN_ELFNOTE_XEN_VERSION, std::string("xen-3.0\0", 8));
    append_note(notes, XEN_ELFNOTE_LOADER, std::string("generic\0", 8));
    append_note(notes, XEN_ELFNOTE_VIRT_BASE, number(base));
    append_note(notes, XEN_ELFNOTE_PADDR_OFFSET, number(0));
    append_note(notes, XEN_ELFNOTE_ENTRY, number(base + kernel_at));

    constexpr std::size_t code_at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 2;
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_offset = code_at;
    load.p_vaddr = base + kernel_at;
    load.p_paddr = kernel_at;
    load.p_filesz = code.size();
    load.p_memsz = 2 * page_size;
    Elf64_Phdr note{};
    note.p_type = PT_NOTE;
    note.p_offset = code_at + code.size();
    note.p_filesz = note.p_memsz = notes.size();

    std::string file;
    append(file, header);
    append(file, load);
    append(file, note);
    file.append(code.begin(), code.end());
    return file + notes;
}

/// A file that goes away with the process.
std::string temporary_file(const std::string& content) {
    struct Folder {
        Folder() {
            std::string name = "/tmp/ring3-small-guest-XXXXXX";
            path = mkdtemp(name.data());
        }
        ~Folder() { std::filesystem::remove_all(path); }
        std::filesystem::path path;
        int files = 0;
    };
    static Folder folder;
    const auto path = folder.path / fmt::format("kernel-{}", ++folder.files);
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
}

Code operator+(Code first, const Code& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

Code little_endian(std::uint32_t value) {
    Code bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

}  // namespace

Code shuts_down(std::uint32_t reason) {
    return Code{0x68} + little_endian(reason) +  // push reason
           Code{0x48, 0x89, 0xe6,                // mov rsi, rsp
                0xbf, 0x02, 0x00, 0x00, 0x00,    // mov edi, SCHEDOP_shutdown
                0xb8, 0x1d, 0x00, 0x00, 0x00,    // mov eax, sched_op
                0x0f, 0x05, 0x0f, 0x0b};         // syscall; ud2
}

Code prints(char character) {
    return Code{0xc6, 0x86, 0x00, 0x24, 0x00, 0x00, static_cast<std::uint8_t>(character),
                0xc7, 0x86, 0x0c, 0x2c, 0x00, 0x00, 1,
                0,    0,    0} +
           shuts_down(0);
}

Code spins() { return {0xeb, 0xfe}; }

Code crashes() { return {0x0f, 0x0b}; }

Code sleeps() { return {small_guest_sleep, small_guest_sleep_end}; }

Code echoes() { return Code{small_guest_echo, small_guest_echo_end} + shuts_down(0); }

std::string small_kernel(const Code& code) { return temporary_file(kernel_file(code)); }

GuestSpec small_guest(const Code& code, const std::string& name) {
    GuestSpec spec;
    spec.config.name = name;
    spec.config.uuid = {1, 2, 3};
    spec.config.kernel = name;
    spec.config.memory = spec.config.max_memory = Frames{(8 << 20) / page_size};
    spec.kernel_path = small_kernel(code);
    return spec;
}

MachineConfig small_machine() {
    MachineConfig config;
    config.choose("clock", "virtual", "test");
    config.set("machine.memory_mib=64");
    config.set("machine.input_quiet_ms=5");
    config.set("engine.code_cache_mib=4");
    return config;
}

}  // namespace ring3::test
