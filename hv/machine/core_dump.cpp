// SPDX-License-Identifier: MIT
#include "hv/machine/core_dump.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/machine/core_layout.hpp"

namespace ring3 {
namespace {

template <class T>
void append(std::string& to, const T& value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
void append_note(std::string& to, std::uint32_t type, const T& value) {
    append(to, Elf64_Nhdr{5, sizeof value, type});
    to.append("CORE\0\0\0\0", 8);
    append(to, value);
    to.resize((to.size() + 3) / 4 * 4);
}

elf_prstatus status_of(const Vcpu& vcpu) {
    const CpuState& cpu = vcpu.cpu;
    user_regs_struct registers{};
    registers.r15 = cpu.reg(Gpr::r15);
    registers.r14 = cpu.reg(Gpr::r14);
    registers.r13 = cpu.reg(Gpr::r13);
    registers.r12 = cpu.reg(Gpr::r12);
    registers.rbp = cpu.reg(Gpr::rbp);
    registers.rbx = cpu.reg(Gpr::rbx);
    registers.r11 = cpu.reg(Gpr::r11);
    registers.r10 = cpu.reg(Gpr::r10);
    registers.r9 = cpu.reg(Gpr::r9);
    registers.r8 = cpu.reg(Gpr::r8);
    registers.rax = cpu.reg(Gpr::rax);
    registers.rcx = cpu.reg(Gpr::rcx);
    registers.rdx = cpu.reg(Gpr::rdx);
    registers.rsi = cpu.reg(Gpr::rsi);
    registers.rdi = cpu.reg(Gpr::rdi);
    registers.orig_rax = ~0ull;  // not in a system call
    registers.rip = cpu.rip;
    registers.cs = cpu.sel(Segment::cs);
    registers.eflags = cpu.rflags;
    registers.rsp = cpu.reg(Gpr::rsp);
    registers.ss = cpu.sel(Segment::ss);
    registers.fs_base = cpu.fs_base;
    registers.gs_base = cpu.gs_base;
    registers.ds = cpu.sel(Segment::ds);
    registers.es = cpu.sel(Segment::es);
    registers.fs = cpu.sel(Segment::fs);
    registers.gs = cpu.sel(Segment::gs);
    elf_prstatus status{};
    // A thread's number; zero is none.
    status.pr_pid = static_cast<pid_t>(vcpu.id().raw + 1);
    status.pr_fpvalid = 1;
    static_assert(sizeof status.pr_reg == sizeof registers);
    std::memcpy(&status.pr_reg, &registers, sizeof registers);
    return status;
}

std::string notes_of(const Domain& domain, std::span<const Vcpu* const> vcpus) {
    std::string notes;
    for (const Vcpu* const vcpu : vcpus) {
        append_note(notes, NT_PRSTATUS, status_of(*vcpu));
        if (vcpu == vcpus.front()) {
            elf_prpsinfo info{};
            info.pr_sname = 'R';
            domain.name().copy(info.pr_fname, sizeof info.pr_fname - 1);
            domain.name().copy(info.pr_psargs, sizeof info.pr_psargs - 1);
            append_note(notes, NT_PRPSINFO, info);
        }
        // The legacy part of an XSAVE image is what FXSAVE writes.
        std::array<std::byte, 512> fpu;
        std::copy_n(vcpu->cpu.xsave.begin(), fpu.size(), fpu.begin());
        append_note(notes, NT_FPREGSET, fpu);
    }
    return notes;
}

/// Everything in front of the memory, filled up to whole pages.
std::string headers_of(Domain& domain, const CoreLayout& layout, const std::string& notes) {
    const std::size_t segments = layout.ranges.size() + 1;
    // More segments than the field can say stand in the first section's header (gABI, "PN_XNUM").
    const bool is_many = segments >= PN_XNUM;
    const std::uint64_t section_at = sizeof(Elf64_Ehdr) + segments * sizeof(Elf64_Phdr);
    const std::uint64_t notes_at = section_at + (is_many ? sizeof(Elf64_Shdr) : 0);
    const std::uint64_t memory_at = (notes_at + notes.size() + page_size - 1) & page_mask;

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_CORE;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(is_many ? PN_XNUM : segments);
    if (is_many) {
        header.e_shoff = section_at;
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = 1;
    }
    std::string headers;
    append(headers, header);
    append(headers, Elf64_Phdr{PT_NOTE, PF_R, notes_at, 0, 0, notes.size(), 0, 4});
    for (const CoreRange& range : layout.ranges) {
        const std::uint64_t bytes = range.pages * page_size;
        const Pfn pfn = domain.frames().m2p(layout.frames[range.first_frame]);
        append(headers,
               Elf64_Phdr{PT_LOAD, PF_R | PF_W | PF_X, memory_at + range.first_frame * page_size,
                          range.start.raw, pfn.raw << page_shift, bytes, bytes, page_size});
    }
    if (is_many) {
        Elf64_Shdr section{};
        section.sh_info = static_cast<Elf64_Word>(segments);
        append(headers, section);
    }
    headers += notes;
    headers.resize(memory_at);
    return headers;
}

/// A file beside `path` that takes its name in finish(), or goes away.
class NewFile {
public:
    explicit NewFile(const std::filesystem::path& path)
        : path_(path), temporary_(path.string() + ".XXXXXX") {
        descriptor_ = mkostemp(temporary_.data(), O_CLOEXEC);
        if (descriptor_ < 0) fail("cannot make the core file");
    }
    ~NewFile() {
        if (descriptor_ < 0) return;
        close(descriptor_);
        unlink(temporary_.c_str());
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    void write(std::uint64_t offset, std::vector<iovec>& pieces) {
        std::size_t first = 0;
        while (first < pieces.size()) {
            const auto count = static_cast<int>(std::min<std::size_t>(pieces.size() - first, 512));
            ssize_t written =
                pwritev(descriptor_, &pieces[first], count, static_cast<off_t>(offset));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail("cannot write the core file");
            offset += static_cast<std::uint64_t>(written);
            for (auto left = static_cast<std::size_t>(written); left > 0;) {
                iovec& piece = pieces[first];
                const std::size_t taken = std::min(left, piece.iov_len);
                piece.iov_base = static_cast<std::byte*>(piece.iov_base) + taken;
                piece.iov_len -= taken;
                left -= taken;
                if (piece.iov_len == 0) ++first;
            }
        }
        pieces.clear();
    }
    void finish(std::uint64_t bytes) {
        if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0 || fsync(descriptor_) != 0)
            fail("cannot write the core file");
        if (rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot name the core file");
        close(std::exchange(descriptor_, -1));
    }

private:
    [[noreturn]] void fail(std::string_view what) const {
        const std::string why = std::generic_category().message(errno);
        // The destructor does not run when the constructor fails, and has nothing to do then.
        throw EnvironmentError{fmt::format("{} {}: {}", what, path_.string(), why)};
    }

    const std::filesystem::path path_;
    std::string temporary_;
    int descriptor_ = -1;
};

iovec piece_of(const void* bytes, std::size_t size) {
    return {const_cast<void*>(bytes), size};  // pwritev only reads
}

/// What is zero stays a hole.
void write_memory(NewFile& file, std::uint64_t at, Domain& domain, const CoreLayout& layout) {
    static constexpr std::array<std::byte, page_size> zeroes{};
    std::vector<iovec> run;
    std::uint64_t run_at = at;
    for (const Mfn mfn : layout.frames) {
        const std::byte* const host = domain.frames().at(mfn).host;
        if (host == nullptr || std::memcmp(host, zeroes.data(), page_size) == 0) {
            file.write(run_at, run);
        } else {
            if (run.empty()) run_at = at;
            run.push_back(piece_of(host, page_size));
        }
        at += page_size;
    }
    file.write(run_at, run);
}

}  // namespace

CoreDump write_core(Domain& domain, const std::filesystem::path& path) {
    std::vector<const Vcpu*> vcpus;
    for (std::uint32_t i = 0; i < domain.vcpu_count(); ++i) {
        const Vcpu& vcpu = domain.vcpu(VcpuId{i});
        if (vcpu.is_initialised) vcpus.push_back(&vcpu);
    }
    CoreLayout layout;
    if (!vcpus.empty()) layout = lay_out_core(domain, *vcpus.front());
    const std::string headers = headers_of(domain, layout, notes_of(domain, vcpus));

    NewFile file(path);
    std::vector<iovec> pieces{piece_of(headers.data(), headers.size())};
    file.write(0, pieces);
    write_memory(file, headers.size(), domain, layout);
    const std::uint64_t bytes = headers.size() + layout.frames.size() * page_size;
    file.finish(bytes);
    return {bytes, layout.ranges.size(), layout.has_all_ranges};
}

std::string core_file_name(std::string_view domain_name, DomainId id,
                           std::chrono::nanoseconds since_epoch) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
    const auto time = static_cast<std::time_t>(seconds.count());
    std::tm utc{};
    gmtime_r(&time, &utc);
    std::string name(domain_name);
    std::replace(name.begin(), name.end(), '/', '_');
    return fmt::format("{:04}-{:02}{:02}-{:02}{:02}.{:02}-{}.{}.core", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, name,
                       id.raw);
}

}  // namespace ring3
