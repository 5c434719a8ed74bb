// SPDX-License-Identifier: MIT
#include "hv/machine/core_dump.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include <elf.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/abi/sched.hpp"
#include "hv/base/errors.hpp"
#include "hv/machine/core_layout.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A core file as a debugger reads it.
class Core {
public:
    explicit Core(const std::filesystem::path& path) {
        std::ifstream file(path, std::ios::binary);
        bytes_ = {std::istreambuf_iterator<char>(file), {}};
        header = at<Elf64_Ehdr>(0);
        for (unsigned i = 0; i < header.e_phnum; ++i)
            segments.push_back(at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)));
    }
    template <class T>
    T at(std::uint64_t offset) const {
        T value{};
        if (offset + sizeof value <= bytes_.size())
            std::memcpy(&value, bytes_.data() + offset, sizeof value);
        return value;
    }
    /// Eight bytes at a virtual address; all ones where nothing is.
    std::uint64_t memory(std::uint64_t address) const {
        for (const Elf64_Phdr& segment : segments) {
            if (segment.p_type == PT_LOAD && address - segment.p_vaddr < segment.p_filesz)
                return at<std::uint64_t>(segment.p_offset + (address - segment.p_vaddr));
        }
        return ~std::uint64_t{0};
    }
    template <class T>
    std::vector<T> notes(std::uint32_t type) const {
        std::vector<T> found;
        const Elf64_Phdr& notes = segments.at(0);
        for (std::uint64_t offset = notes.p_offset; offset < notes.p_offset + notes.p_filesz;) {
            const auto note = at<Elf64_Nhdr>(offset);
            offset += sizeof note + (note.n_namesz + 3) / 4 * 4;
            if (note.n_type == type) found.push_back(at<T>(offset));
            offset += (note.n_descsz + 3) / 4 * 4;
        }
        return found;
    }
    std::size_t size() const { return bytes_.size(); }

    Elf64_Ehdr header{};
    std::vector<Elf64_Phdr> segments;

private:
    std::string bytes_;
};

class CoreDumpTest : public ::testing::Test {
protected:
    CoreDumpTest() { std::filesystem::create_directory(folder); }
    ~CoreDumpTest() override { std::filesystem::remove_all(folder); }
    Domain& ended_guest() {
        GuestSpec spec = small_guest(shuts_down(SHUTDOWN_crash), "a/name");
        spec.config.on_crash = OnShutdown::preserve;
        Guest& guest = machine.add_guest(std::move(spec));
        machine.run();
        return *guest.domain();
    }
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(folder))
            names.push_back(entry.path().filename().string());
        return names;
    }

    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("ring3-core-" + std::to_string(getpid()));
    Patient outside;
    Machine machine{small_machine(), outside, {}};
};

TEST_F(CoreDumpTest, is_an_elf_core_with_registers_and_memory_where_the_guest_has_them) {
    Domain& domain = ended_guest();
    const CpuState& cpu = domain.vcpu(VcpuId{0}).cpu;
    const CoreDump dump = write_core(domain, folder / "core");
    EXPECT_TRUE(dump.has_all_ranges);
    const Core core(folder / "core");
    EXPECT_EQ(core.size(), dump.file_bytes);
    EXPECT_EQ(std::memcmp(core.header.e_ident, ELFMAG, SELFMAG), 0);
    EXPECT_EQ(core.header.e_type, ET_CORE);
    EXPECT_EQ(core.header.e_machine, EM_X86_64);
    EXPECT_EQ(core.segments.size(), dump.ranges + 1);

    const auto threads = core.notes<elf_prstatus>(NT_PRSTATUS);
    ASSERT_EQ(threads.size(), 1u);
    user_regs_struct registers;
    std::memcpy(&registers, &threads[0].pr_reg, sizeof registers);
    EXPECT_EQ(registers.rip, cpu.rip);
    EXPECT_EQ(registers.rsp, cpu.reg(Gpr::rsp));
    EXPECT_EQ(registers.rax, cpu.reg(Gpr::rax));
    EXPECT_EQ(registers.cs, cpu.sel(Segment::cs));
    EXPECT_STREQ(core.notes<elf_prpsinfo>(NT_PRPSINFO).at(0).pr_fname, "a/name");

    EXPECT_EQ(core.memory(cpu.rip - 12) & 0xff, 0xbfu) << "mov edi, SCHEDOP_shutdown";
    EXPECT_EQ(core.memory(cpu.reg(Gpr::rsp)), std::uint64_t{SHUTDOWN_crash});
    EXPECT_EQ(core.memory(0xffff'8000'0000'0000), ~std::uint64_t{0}) << "Xen's own";
}

TEST_F(CoreDumpTest, takes_no_room_for_what_is_zero_and_is_its_owners_alone) {
    const CoreDump dump = write_core(ended_guest(), folder / "core");
    EXPECT_GT(dump.file_bytes, 8u << 20);
    struct stat status {};
    ASSERT_EQ(stat((folder / "core").c_str(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 1 << 20);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(CoreDumpTest, replaces_a_file_and_leaves_nothing_else) {
    std::ofstream(folder / "core") << "old";
    Domain& domain = ended_guest();
    write_core(domain, folder / "core");
    EXPECT_THAT(files(), ElementsAre("core"));
    EXPECT_EQ(Core(folder / "core").header.e_type, ET_CORE);
}

TEST_F(CoreDumpTest, says_which_file_the_host_does_not_let_it_write) {
    Domain& domain = ended_guest();
    try {
        write_core(domain, folder / "missing" / "core");
        FAIL();
    } catch (const EnvironmentError& error) {
        EXPECT_THAT(error.what(), HasSubstr((folder / "missing" / "core").string()));
        EXPECT_THAT(error.what(), HasSubstr("No such file"));
    }
    std::filesystem::create_directory(folder / "taken");
    EXPECT_THROW(write_core(domain, folder / "taken"), EnvironmentError);
    EXPECT_THAT(files(), ElementsAre("taken"));
}

TEST_F(CoreDumpTest, follows_tables_that_map_the_same_again_and_again_a_few_times) {
    Domain& domain = ended_guest();
    Vcpu& vcpu = domain.vcpu(VcpuId{0});
    FrameTable& frames = domain.frames();
    const std::size_t ranges = lay_out_core(domain, vcpu).ranges.size();
    // As a hostile guest could have it: all entries of a level lead to one table of the next.
    Mfn next = vcpu.cpu.kernel_root;
    for (int level = 1; level <= 4; ++level) {
        const Mfn table = *frames.allocate(domain.id());
        for (unsigned i = 0; i < 512; ++i) {
            const std::uint64_t entry = maddr_of(next).raw | 1;
            frames.write(table, i * 8, std::as_bytes(std::span{&entry, 1}));
        }
        next = table;
    }
    const Mfn root = std::exchange(vcpu.cpu.kernel_root, next);
    EXPECT_LE(lay_out_core(domain, vcpu).ranges.size(), ranges + 4 * 512);
    vcpu.cpu.kernel_root = root;
}

TEST_F(CoreDumpTest, has_room_for_more_ranges_than_the_elf_header_can_count) {
    GuestSpec spec = small_guest(shuts_down(SHUTDOWN_crash));
    spec.config.on_crash = OnShutdown::preserve;
    Domain& domain = *machine.add_guest(std::move(spec)).domain();
    Vcpu& vcpu = domain.vcpu(VcpuId{0});
    FrameTable& frames = domain.frames();
    const auto table_of = [&](auto entry_at) {
        const Mfn table = *frames.allocate(domain.id());
        for (unsigned i = 0; i < 512; ++i) {
            const std::uint64_t entry = entry_at(i);
            frames.write(table, i * 8, std::as_bytes(std::span{&entry, 1}));
        }
        return table;
    };
    const auto present = [](Mfn mfn) { return maddr_of(mfn).raw | 1; };
    // 256 tables of pages in no order.
    const Mfn page = *frames.allocate(domain.id());
    std::vector<Mfn> tables;
    for (int i = 0; i < 256; ++i)
        tables.push_back(table_of([&](unsigned) { return present(page); }));
    const Mfn level2 =
        table_of([&](unsigned i) { return i < tables.size() ? present(tables[i]) : 0; });
    const Mfn level3 = table_of([&](unsigned i) { return i == 0 ? present(level2) : 0; });
    const Mfn level4 = table_of([&](unsigned i) { return i == 0 ? present(level3) : 0; });
    const Mfn root = std::exchange(vcpu.cpu.kernel_root, level4);
    const CoreDump dump = write_core(domain, folder / "core");
    EXPECT_EQ(dump.ranges, 256u * 512);
    EXPECT_TRUE(dump.has_all_ranges);
    const Core core(folder / "core");
    EXPECT_EQ(core.header.e_phnum, PN_XNUM);
    EXPECT_EQ(core.at<Elf64_Shdr>(core.header.e_shoff).sh_info, dump.ranges + 1);
    vcpu.cpu.kernel_root = root;
}

TEST(CoreFileName, has_the_time_the_name_and_the_number) {
    EXPECT_EQ(core_file_name("web/1", DomainId{7}, std::chrono::seconds(1706745598)),
              "2024-0131-2359.58-web_1.7.core");
}

}  // namespace
}  // namespace ring3
