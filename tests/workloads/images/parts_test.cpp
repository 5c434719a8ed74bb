// SPDX-License-Identifier: MIT
// The parts that recipes are made of: archives, modules, child processes, locks.
#include <cstring>
#include <fstream>
#include <iterator>

#include <elf.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "workloads/images/archive.hpp"
#include "workloads/images/base_files.hpp"
#include "workloads/images/driver_initrd.hpp"
#include "workloads/images/file_lock.hpp"
#include "workloads/images/initramfs.hpp"
#include "workloads/images/kernel_modules.hpp"
#include "workloads/images/manifest.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PartsTest : public testing::Test {
protected:
    PartsTest() {
        char name[] = "/tmp/ring3-parts-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp"};
        directory_ = name;
    }
    ~PartsTest() override { fs::remove_all(directory_); }

    static std::string text_of(const fs::path& path) {
        std::ifstream stream{path, std::ios::binary};
        return {std::istreambuf_iterator<char>{stream}, {}};
    }

    fs::path directory_;
};

using InitramfsTest = PartsTest;
using ArchiveTest = PartsTest;
using KernelModulesTest = PartsTest;
using DriverInitrdTest = PartsTest;
using ProcessTest = PartsTest;
using FileLockTest = PartsTest;

TEST_F(InitramfsTest, is_a_newc_archive_in_the_order_of_names_whatever_the_order_of_adding) {
    Initramfs one, other;
    one.add_program("init", "#!/bin/sh\n");
    one.add_symlink("a/b/link", "/init");
    one.add_character_device("dev/console", 5, 1, 0600);
    other.add_character_device("dev/console", 5, 1, 0600);
    other.add_symlink("a/b/link", "/init");
    other.add_program("init", "#!/bin/sh\n");
    one.write(directory_ / "one");
    other.write(directory_ / "other");
    const std::string bytes = text_of(directory_ / "one");
    EXPECT_EQ(bytes, text_of(directory_ / "other"));
    EXPECT_EQ(bytes.substr(0, 6), "070701");

    std::vector<std::string> paths;
    ArchiveReader reader{directory_ / "one"};
    while (reader.next()) paths.push_back(reader.path());
    EXPECT_THAT(paths, ElementsAre("a", "a/b", "a/b/link", "dev", "dev/console", "init"));
}

TEST_F(InitramfsTest, gives_devices_their_numbers_and_everything_to_root_at_the_epoch) {
    Initramfs root;
    root.add_character_device("console", 5, 1, 0600);
    root.write(directory_ / "cpio");
    // The header of newc, after the magic: ino mode uid gid nlink mtime filesize devmajor devminor
    // rdevmajor rdevminor namesize check; eight hexadecimal digits each.
    const std::string bytes = text_of(directory_ / "cpio");
    const auto field = [&](std::size_t i) { return bytes.substr(6 + i * 8, 8); };
    EXPECT_EQ(field(1), "00002180");
    EXPECT_EQ(field(2) + field(3), "0000000000000000");
    EXPECT_EQ(field(5), "00000000");
    EXPECT_EQ(field(9) + field(10), "0000000500000001");
}

TEST_F(ArchiveTest, gives_back_what_was_put_in) {
    const std::string content(100000, 'x');
    ArchiveWriter writer{directory_ / "tar", ArchiveWriter::Format::tar};
    writer.add_directory("d");
    writer.add_file("d/" + std::string(150, 'n'), content, 0755);
    writer.close();
    ArchiveReader reader{directory_ / "tar"};
    ASSERT_TRUE(reader.next());
    EXPECT_FALSE(reader.is_file());
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.path(), "d/" + std::string(150, 'n'));
    EXPECT_EQ(reader.content(), content);
    EXPECT_FALSE(reader.next());
}

TEST_F(ArchiveTest, can_be_compressed_and_has_the_same_bytes_each_time) {
    const std::string content(100000, 'x');
    for (const char* name : {"one", "other"}) {
        ArchiveWriter writer{directory_ / name, ArchiveWriter::Format::tar_zstd};
        writer.add_file("file", content);
        writer.close();
    }
    EXPECT_LT(fs::file_size(directory_ / "one"), 1000u);
    EXPECT_EQ(text_of(directory_ / "one"), text_of(directory_ / "other"));
    ArchiveReader reader{directory_ / "one"};
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.content(), content);
}

TEST_F(ArchiveTest, tells_what_an_entry_is) {
    ArchiveWriter writer{directory_ / "tar", ArchiveWriter::Format::tar};
    writer.add_directory("d", 01777);
    writer.add_symlink("d/link", "/some/where");
    writer.add_character_device("d/null", 1, 3, 0666);
    writer.close();
    ArchiveReader reader{directory_ / "tar"};
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.entry().kind, ArchiveEntry::Kind::directory);
    EXPECT_EQ(reader.entry().permissions, 01777u);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.entry().kind, ArchiveEntry::Kind::symlink);
    EXPECT_EQ(reader.entry().target, "/some/where");
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.entry().kind, ArchiveEntry::Kind::character_device);
    EXPECT_EQ(reader.entry().path, "d/null");
    EXPECT_EQ(reader.entry().minor, 3u);
}

TEST_F(ArchiveTest, refuses_a_damaged_one) {
    std::ofstream{directory_ / "no"} << std::string(2000, 'x');
    EXPECT_THROW((ArchiveReader{directory_ / "no"}.next()), EnvironmentError);
    EXPECT_THROW((ArchiveReader{directory_ / "missing"}), EnvironmentError);
}

TEST_F(ArchiveTest, reports_a_full_disk) {
    EXPECT_THROW(
        {
            ArchiveWriter writer("/dev/full", ArchiveWriter::Format::tar);
            writer.add_file("a", std::string(1 << 20, 'x'));
            writer.close();
        },
        std::system_error);
}

/// An ELF file with nothing but a section .modinfo of the given text.
std::string module_with(const std::string& modinfo_text) {
    const std::string names{"\0.modinfo\0.shstrtab\0", 20};
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    header.e_shoff = sizeof header + modinfo_text.size() + names.size();
    Elf64_Shdr sections[3] = {};
    sections[1].sh_name = 1;
    sections[1].sh_offset = sizeof header;
    sections[1].sh_size = modinfo_text.size();
    sections[2].sh_name = 10;
    sections[2].sh_offset = sizeof header + modinfo_text.size();
    sections[2].sh_size = names.size();
    return std::string{reinterpret_cast<const char*>(&header), sizeof header} + modinfo_text +
           names + std::string{reinterpret_cast<const char*>(sections), sizeof sections};
}

std::string modinfo_text(const std::string& depends, const std::string& alias) {
    std::string text = "license=GPL";
    text += '\0' + ("depends=" + depends) + '\0';
    if (!alias.empty()) text += "alias=" + alias + '\0';
    return text;
}

TEST(Modinfo, gives_the_values_of_a_field) {
    const std::string module = module_with(modinfo_text("a,b", "xen:vbd"));
    EXPECT_THAT(modinfo(module, "depends"), ElementsAre("a,b"));
    EXPECT_THAT(modinfo(module, "alias"), ElementsAre("xen:vbd"));
    EXPECT_THAT(modinfo(module, "alia"), IsEmpty());
}

TEST(Modinfo, finds_nothing_in_what_is_no_module_however_it_is_cut_or_changed) {
    EXPECT_THAT(modinfo("", "depends"), IsEmpty());
    EXPECT_THAT(modinfo("#!/bin/sh", "depends"), IsEmpty());
    const std::string module = module_with(modinfo_text("a", ""));
    for (std::size_t size = 0; size < module.size(); ++size)
        EXPECT_THAT(modinfo(module.substr(0, size), "depends"), IsEmpty());
    for (std::size_t at = 0; at < module.size(); ++at) {
        std::string changed = module;
        changed[at] = '\xff';
        modinfo(changed, "depends");
    }
}

TEST_F(KernelModulesTest, brings_what_the_wanted_ones_depend_on_and_no_other) {
    const std::string top = "lib/modules/6.1.0-test/";
    ArchiveWriter writer{directory_ / "modules", ArchiveWriter::Format::tar};
    // A needed one before and one behind the module that needs it.
    writer.add_file(top + "kernel/lib/crc-x.ko", module_with(modinfo_text("", "")));
    writer.add_file(top + "kernel/fs/ext4.ko", module_with(modinfo_text("jbd2,crc-x", "fs-ext4")));
    writer.add_file(top + "kernel/fs/jbd2.ko", module_with(modinfo_text("crc_x", "")));
    writer.add_file(top + "kernel/fs/other.ko", module_with(modinfo_text("", "")));
    writer.add_file(top + "modules.builtin", "kernel/net/af_packet.ko\n");
    writer.close();

    const KernelModules modules{directory_ / "modules", {"ext4", "af_packet"}};
    EXPECT_EQ(modules.release(), "6.1.0-test");
    Initramfs root;
    modules.add_to(root);
    root.write(directory_ / "cpio");
    std::map<std::string, std::string> files;
    ArchiveReader reader{directory_ / "cpio"};
    while (reader.next())
        if (reader.is_file()) files[reader.path()] = reader.content();
    EXPECT_TRUE(files.contains(top + "kernel/lib/crc-x.ko"));
    EXPECT_TRUE(files.contains(top + "kernel/fs/jbd2.ko"));
    EXPECT_FALSE(files.contains(top + "kernel/fs/other.ko"));
    EXPECT_EQ(files[top + "modules.dep"],
              "kernel/lib/crc-x.ko:\n"
              "kernel/fs/ext4.ko: kernel/fs/jbd2.ko kernel/lib/crc-x.ko\n"
              "kernel/fs/jbd2.ko: kernel/lib/crc-x.ko\n");
    EXPECT_EQ(files[top + "modules.alias"], "alias fs-ext4 ext4\n");

    EXPECT_THROW((KernelModules{directory_ / "modules", {"ext5"}}), EnvironmentError);
}

TEST_F(DriverInitrdTest, holds_a_script_that_a_shell_understands_and_the_drivers) {
    const std::string top = "lib/modules/6.1.0-test/";
    ArchiveWriter writer{directory_ / "modules", ArchiveWriter::Format::tar};
    writer.add_file(top + "kernel/xen-blkfront.ko", module_with(modinfo_text("", "")));
    writer.add_file(top + "kernel/xen-netfront.ko", module_with(modinfo_text("", "")));
    writer.add_file(top + "modules.builtin",
                    "kernel/fs/ext4.ko\nkernel/crypto/crc32c_generic.ko\n");
    writer.add_file(top + "kernel/crypto/crc32c-intel.ko", module_with(modinfo_text("", "")));
    writer.close();
    write_driver_initrd(directory_ / "modules", "the program", directory_ / "initrd");

    std::map<std::string, std::string> files;
    ArchiveReader reader{directory_ / "initrd"};
    while (reader.next()) files[reader.path()] = reader.is_file() ? reader.content() : "";
    EXPECT_EQ(files["bin/busybox"], "the program");
    EXPECT_TRUE(files.contains("bin/sh"));
    EXPECT_TRUE(files.contains(top + "kernel/xen-blkfront.ko"));
    EXPECT_THAT(files["init"], HasSubstr("modprobe -a -q xen-blkfront xen-netfront "));
    std::ofstream{directory_ / "init"} << files["init"];
    EXPECT_NO_THROW(output_of({"sh", "-n", (directory_ / "init").string()}, "/"));
}

TEST_F(ProcessTest, gives_what_a_command_writes) {
    EXPECT_EQ(output_of({"printf", "%s", "a b"}, "/"), "a b");
    EXPECT_EQ(output_of({"pwd"}, directory_), directory_.string() + "\n");
    EXPECT_EQ(output_of({"cat"}, "/"), "") << "there is nothing to read";
}

TEST_F(ProcessTest, tells_how_a_command_failed) {
    try {
        output_of({"sh", "-c", "echo W: noise >&2; echo E: no such package >&2; exit 3"}, "/");
        FAIL();
    } catch (const CommandError& error) {
        EXPECT_EQ(error.complaint(), "no such package");
        EXPECT_THAT(error.what(), HasSubstr("failed with code 3"));
    }
    EXPECT_THROW(output_of({"sh", "-c", "kill -9 $$"}, "/"), CommandError);
    EXPECT_THROW(output_of({"no-such-program"}, "/"), EnvironmentError);
}

TEST_F(ProcessTest, gives_a_command_variables) {
    EXPECT_EQ(output_of({"true"}, "/"), "");
    Process process{{"sh", "-c", "echo $ONE$TWO"}, "/", {}, {"ONE=1", "TWO=2"}};
    EXPECT_EQ(read_all(process.output()), "12\n");
    process.wait();
}

TEST(BaseFiles, are_scripts_that_a_shell_understands) {
    for (const BaseFile& file : base_files()) {
        if (!std::string_view{file.content}.starts_with("#!/bin/sh")) continue;
        EXPECT_EQ(file.permissions, 0755u) << file.path;
        EXPECT_NO_THROW(output_of({"sh", "-n", "-c", file.content}, "/")) << file.path;
    }
}

TEST_F(FileLockTest, has_one_holder_at_a_time) {
    const fs::path file = directory_ / "lock";
    {
        const FileLock lock{file, [] { FAIL() << "nobody holds it"; }};
        EXPECT_FALSE(FileLock::try_lock(file));
    }
    EXPECT_TRUE(FileLock::try_lock(file));
}

TEST(Manifest, refuses_what_it_did_not_write) {
    EXPECT_THROW(manifest_of_json(""), EnvironmentError);
    EXPECT_THROW(manifest_of_json("{}"), EnvironmentError);
    EXPECT_THROW(manifest_of_json("[1]"), EnvironmentError);
    EXPECT_THROW(manifest_of_json(R"({"schema": 2})"), EnvironmentError);
    EXPECT_THROW(manifest_of_json(R"({"schema": 1, "image": 3})"), EnvironmentError);
}

}  // namespace
}  // namespace ring3
