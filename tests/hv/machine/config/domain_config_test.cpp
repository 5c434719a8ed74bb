// SPDX-License-Identifier: MIT
#include "hv/machine/config/domain_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* good = R"(name = "web"
kernel = "/boot/vmlinuz"
memory = 256
)";

DomainConfig parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
    return parse_domain_config("web.cfg", text, overrides);
}

/// The message with which a config is refused.
std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
    try {
        parse(text, overrides);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "(not refused)";
}

TEST(DomainConfig, takes_what_xl_gives_where_a_key_is_missing) {
    const DomainConfig domain = parse(good);
    EXPECT_EQ(domain.name, "web");
    EXPECT_EQ(domain.kernel, "/boot/vmlinuz");
    EXPECT_EQ(domain.ramdisk, "");
    EXPECT_EQ(domain.command_line, "");
    EXPECT_EQ(domain.memory, Frames{65536});
    EXPECT_EQ(domain.max_memory, Frames{65536});
    EXPECT_EQ(domain.vcpus, 1u);
    EXPECT_EQ(domain.max_vcpus, 1u);
    EXPECT_EQ(domain.on_poweroff, OnShutdown::destroy);
    EXPECT_EQ(domain.on_reboot, OnShutdown::restart);
    EXPECT_EQ(domain.on_crash, OnShutdown::destroy);
    EXPECT_EQ(domain.on_watchdog, OnShutdown::destroy);
    EXPECT_THAT(domain.warnings, IsEmpty());
}

TEST(DomainConfig, reads_every_key_that_it_uses) {
    const DomainConfig domain = parse(R"(# a comment
kernel = 'image:debian-cloud/vmlinuz'; ramdisk = "image:hello/initrd"
name = "a-b.c"                     # another
type = "pv"
builder = "generic"
memory = "0x80"
maxmem = 512
vcpus = 1
maxvcpus = 1
uuid = "01234567-89ab-CDEF-0123-456789abcdef"
on_poweroff = "preserve"
on_reboot = "rename-restart"
on_crash = "coredump-restart"
on_watchdog = "coredump-destroy"
cmdline = "console=hvc0 x=\"y\""
)");
    EXPECT_EQ(domain.kernel, "image:debian-cloud/vmlinuz");
    EXPECT_EQ(domain.ramdisk, "image:hello/initrd");
    EXPECT_EQ(domain.name, "a-b.c");
    EXPECT_EQ(domain.memory, Frames{128 * 256});
    EXPECT_EQ(domain.max_memory, Frames{512 * 256});
    EXPECT_EQ(to_string(domain.uuid), "01234567-89ab-cdef-0123-456789abcdef");
    EXPECT_EQ(domain.on_poweroff, OnShutdown::preserve);
    EXPECT_EQ(domain.on_reboot, OnShutdown::rename_restart);
    EXPECT_EQ(domain.on_crash, OnShutdown::coredump_restart);
    EXPECT_EQ(domain.on_watchdog, OnShutdown::coredump_destroy);
    EXPECT_EQ(domain.command_line, "console=hvc0 x=\"y\"");
    EXPECT_THAT(domain.warnings, IsEmpty());
}

TEST(DomainConfig, puts_the_command_line_together_as_xl_does) {
    const std::string text = good;
    EXPECT_EQ(parse(text + "root = '/dev/xvda1 ro'\n").command_line, "root=/dev/xvda1 ro");
    EXPECT_EQ(parse(text + "extra = 'quiet'\n").command_line, "quiet");
    EXPECT_EQ(parse(text + "root = '/dev/xvda1'\nextra = 'quiet'\n").command_line,
              "root=/dev/xvda1 quiet");
    const DomainConfig both = parse(text + "extra = 'quiet'\ncmdline = 'single'\n");
    EXPECT_EQ(both.command_line, "single");
    EXPECT_THAT(both.warnings,
                ElementsAre("web.cfg:5: cmdline is given, so root and extra are ignored"));
}

TEST(DomainConfig, lets_the_command_line_win_over_the_file) {
    const DomainConfig domain =
        parse(good, {"memory=64", "name='two words'", "name=other", "extra=a=\"b\" c",
                     "on_crash=preserve", "memory = 96"});
    EXPECT_EQ(domain.memory, Frames{96 * 256});
    EXPECT_EQ(domain.name, "other");
    EXPECT_EQ(domain.command_line, "a=\"b\" c");
    EXPECT_EQ(domain.on_crash, OnShutdown::preserve);
    // A file whose last line is not ended does not swallow them.
    EXPECT_EQ(parse("name='x'\nkernel='k'\nmemory=1 # MiB", {"memory=2"}).memory, Frames{512});
    EXPECT_EQ(parse(good + std::string{"extra='a'\n"}, {"extra+= b"}).command_line, "ab");
}

TEST(DomainConfig, gives_the_same_uuid_to_the_same_description) {
    const std::string commented = "# other text\n" + std::string{good};
    EXPECT_EQ(parse(good).uuid, parse(commented).uuid);
    EXPECT_NE(parse(good).uuid, parse(good, {"name=other"}).uuid);
    EXPECT_NE(parse(good).uuid, parse(good, {"memory=257"}).uuid);
    EXPECT_EQ(to_string(parse(good).uuid)[14], '8') << "RFC 9562 names the version there";
}

TEST(DomainConfig, warns_once_of_all_keys_that_do_nothing) {
    const DomainConfig domain = parse(good + std::string{R"(vnc = 1
vif = [ ]
acpi = 1
nics = 1
bootloader = "pygrub"
)"});
    EXPECT_THAT(domain.warnings,
                ElementsAre("web.cfg: without effect here: vnc, acpi, nics",
                            "web.cfg:8: kernel is given, so bootloader is ignored"));
}

struct BadConfig {
    const char* name;
    const char* more;  // behind the three lines of `good`
    const char* message;
};

class BadConfigs : public testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigs, are_refused_with_place_key_and_what_is_allowed) {
    EXPECT_THAT(refusal(std::string{good} + GetParam().more), HasSubstr(GetParam().message));
}

const BadConfig bad_configs[] = {
    {"misspelt_key", "extar = 'x'\n",
     "web.cfg:4: neither ring3 nor xl knows a key \"extar\" (did you mean \"extra\"?)"},
    {"unknown_key", "\n\nzzzzzzz = 1\n", "web.cfg:6: neither ring3 nor xl knows a key \"zzzzzzz\""},
    {"unknown_key_after_a_list", "vif = [\n 'a', # x = 1\n 'b' ]\nkernal = 'x'\n",
     "web.cfg:7: neither ring3 nor xl knows a key \"kernal\" (did you mean \"kernel\"?)"},
    {"unknown_key_behind_a_semicolon", "vcpus = 1; mem = 3\n", "web.cfg:4: neither ring3 nor xl"},
    {"capital", "Vcpus = 1\n", "keys are made of small letters, digits and _"},
    {"set_twice", "memory = 128\n", "web.cfg:4: memory is set already in line 3"},
    {"word_for_a_number", "maxmem = 'abc'\n",
     "web.cfg:4: maxmem takes a number from 1 to 16777216 MiB, not \"abc\""},
    {"number_and_more", "maxmem = '256M'\n", "web.cfg:4: maxmem takes a number"},
    {"empty_number", "maxmem = ''\n", "web.cfg:4: maxmem takes a number"},
    {"zero", "maxmem = 0\n", "web.cfg:4: maxmem takes a number from 1"},
    {"huge", "maxmem = 99999999999999999999\n", "web.cfg:4: maxmem takes a number from 1"},
    {"more_than_xen_can", "maxmem = 16777217\n", "web.cfg:4: maxmem takes a number from 1"},
    {"negative", "maxmem = -1\n", "web.cfg:4: config parsing error near `-1': lexical error"},
    {"negative_hint", "maxmem = -1\n", "(numbers are not negative)"},
    {"negative_in_quotes", "maxmem = '-1'\n", "web.cfg:4: maxmem takes a number from 1"},
    {"less_than_memory", "maxmem = 255\n", "web.cfg:4: maxmem = 255 is less than memory = 256"},
    {"list_for_a_string", "extra = [ 'a', 'b' ]\n", "web.cfg:4: extra takes one value, not a list"},
    {"addition_to_a_number", "memory += 1\n", "web.cfg:4: memory takes one number, not += too"},
    {"too_many_vcpus", "vcpus = 33\n", "web.cfg:4: vcpus takes a number from 1 to 32"},
    {"fewer_vcpus_at_most", "vcpus = 3\nmaxvcpus = 2\n", "web.cfg:5: maxvcpus = 2 is less"},
    {"no_weight", "cpu_weight = 0\n", "web.cfg:4: cpu_weight takes a number from 1 to 65535"},
    {"a_cap_too_high", "cap = 4000\n", "web.cfg:4: cap takes a number from 0 to 3200"},
    {"a_budget_over_its_period", "period = 1000\nbudget = 2000\n",
     "web.cfg:5: budget is more than the period"},
    {"pcpus_that_are_no_list", "cpus = \"0-\"\n", "web.cfg:4: cpus takes \"all\" or a list"},
    {"no_vcpu", "vcpus = 0\n", "web.cfg:4: vcpus takes a number from 1"},
    {"hvm", "type = 'hvm'\n", "web.cfg:4: type takes \"pv\", not \"hvm\""},
    {"hvm_builder", "builder = 'hvm'\n", "web.cfg:4: builder takes \"linux\" or \"generic\""},
    {"action", "on_crash = 'restrat'\n",
     "web.cfg:4: on_crash takes destroy, restart, rename-restart, preserve, coredump-destroy, "
     "coredump-restart, not \"restrat\" (did you mean \"restart\"?)"},
    {"uuid", "uuid = '0123'\n", "web.cfg:4: uuid takes the form 01234567-89ab-cdef-"},
    {"uuid_with_other_letters", "uuid = '0123456g-89ab-cdef-0123-456789abcdef'\n",
     "web.cfg:4: uuid"},
    {"disk_string", "disk = 'phy:hda1,hda1,w'\n",
     "web.cfg:4: disk takes a list of strings: disk = ["},
    {"disk_list_of_lists", "disk = [ [ 'a' ] ]\n", "web.cfg:4: disk takes a list of strings"},
    {"disk_without_a_device", "disk = [ '/a' ]\n", "web.cfg:4: disk '/a': no vdev specified"},
    {"disk_device", "disk = [ 'phy:a,fda,w' ]\n",
     "web.cfg:4: disk 'phy:a,fda,w': \"fda\" names no disk of a guest"},
    {"disk_twice", "disk = [ 'phy:a,xvda,w', 'file:/b,sda,r' ]\n",
     "web.cfg:4: disk has two disks named xvda"},
    {"open_string", "extra = 'abc\n", "web.cfg:4: config parsing error near `'abc': lexical error"},
    {"open_list", "disk = [ 'a',\n\n\n",
     "web.cfg:4: config parsing error near `': syntax error, unexpected $end, expecting ']' (the "
     "list "
     "that begins here has no end)"},
    {"bare_word", "extra = quiet\n", "web.cfg:4: config parsing error near `quiet'"},
    {"no_value", "extra =\n", "web.cfg:4: config parsing error"},
    {"no_equals", "extra\n", "web.cfg:4: config parsing error"},
    {"windows", "extra = 'a'\r\n", "line ends of Windows"},
    {"python_import", "import os, re\n", "web.cfg:4: this is Python (`import`), which xm ran"},
    {"python_def", "def f(x):\n    return x\n", "web.cfg:4: this is Python (`def`)"},
    {"python_if", "if 1:\n  vcpus = 2\n", "web.cfg:4: this is Python (`if`)"},
    {"python_format", "extra = 'id=%d' % 7\n", "web.cfg:4: this is Python (`%`)"},
    {"python_call", "vcpus = int('1')\n", "web.cfg:4: this is Python (`(`)"},
    {"python_constant", "localtime = True\n", "web.cfg:4: this is Python (`True`)"},
    {"python_long_string", "extra = '''a\nb'''\n", "web.cfg:4: this is Python (`'''`)"},
};
INSTANTIATE_TEST_SUITE_P(DomainConfig, BadConfigs, testing::ValuesIn(bad_configs),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST(DomainConfig, demands_a_name_a_kernel_and_memory) {
    EXPECT_THAT(refusal("kernel='k'\nmemory=1\n"), HasSubstr("the domain has no name"));
    EXPECT_THAT(refusal("name='n'\nmemory=1\n"), HasSubstr("the domain has no kernel"));
    EXPECT_THAT(refusal("name='n'\nkernel=''\nmemory=1\n"), HasSubstr("the domain has no kernel"));
    EXPECT_EQ(parse("name='n'\nbootloader='/usr/bin/pygrub'\nmemory=1\n").kernel,
              "image:pvgrub/grub-x86_64-xen.bin");
    EXPECT_THAT(refusal("name='n'\nbootloader='pigrub'\nmemory=1\n"),
                HasSubstr("web.cfg:2: bootloader takes \"pygrub\" or \"pvgrub\", not \"pigrub\""));
    EXPECT_THAT(refusal("name='n'\nkernel='k'\n"), HasSubstr("how much memory"));
    EXPECT_EQ(parse("name='n'\nkernel='k'\nmaxmem=1\n").memory, Frames{256});
    EXPECT_THAT(refusal(""), HasSubstr("no name"));
}

TEST(DomainConfig, refuses_names_that_cannot_be_shown_or_addressed) {
    for (const std::string name : {"", "a b", "a/b", "\xc3\xa4", "Domain-0"})
        EXPECT_THAT(refusal("name='" + name + "'\nkernel='k'\nmemory=1\n"),
                    HasSubstr("web.cfg:1: name takes 1 to 63 letters"))
            << name;
    EXPECT_THAT(refusal("name='" + std::string(64, 'a') + "'\nkernel='k'\nmemory=1\n"),
                HasSubstr("name takes"));
}

TEST(DomainConfig, names_the_override_that_it_refuses) {
    EXPECT_THAT(refusal(good, {"memory=abc"}),
                HasSubstr("command line, `memory=\"abc\"`: memory takes a number"));
    EXPECT_THAT(refusal(good, {"memroy=1"}),
                HasSubstr("command line, `memroy=1`: neither ring3 nor xl knows a key \"memroy\" "
                          "(did you mean \"memory\"?)"));
    EXPECT_THAT(refusal(good, {"extra='a"}), HasSubstr("command line, `extra='a`: config parsing"));
    EXPECT_THAT(refusal(good, {"paused"}), HasSubstr("\"paused\" is not of the form key=value"));
    EXPECT_THAT(refusal(good, {"=1"}), HasSubstr("not of the form key=value"));
    EXPECT_THAT(refusal(good, {"a=1\nb=2"}), HasSubstr("not of the form key=value"));
}

TEST(DomainConfig, refuses_a_command_line_that_no_guest_can_be_given) {
    const std::string most(1023, 'x');
    EXPECT_EQ(parse(good, {"extra=" + most}).command_line, most);
    EXPECT_THAT(refusal(good, {"extra=" + most + "x"}), HasSubstr("1024 letters"));
}

TEST(DomainConfig, refuses_files_that_are_no_text) {
    const std::string binary{"name='n'\0kernel", 15};
    EXPECT_THAT(refusal(binary), HasSubstr("web.cfg: this is not a text file"));
    const std::string override{"memory=\"6\0 4\"", 13};
    EXPECT_THAT(refusal(good, {override}), HasSubstr("web.cfg: this is not a text file"));
    EXPECT_THROW(read_domain_config("/no/such/file.cfg"), ConfigError);
    EXPECT_THROW(read_domain_config("/"), ConfigError);
    EXPECT_THROW(read_domain_config("/dev/zero"), ConfigError) << "must not be read for ever";
}

TEST(DomainConfig, survives_any_cut_of_a_config) {
    const std::string whole =
        good + std::string{"disk = [ 'a,b', \"c\\\"d\" ]; vif=[]\nextra='x'#y"};
    for (std::size_t size = 0; size <= whole.size(); ++size) refusal(whole.substr(0, size));
}

TEST(DomainConfig, reads_the_examples) {
    for (const char* name : {"hello.cfg", "tiny.cfg"}) {
        const DomainConfig domain =
            read_domain_config(std::filesystem::path{build_info::source_root} / "examples" / name);
        EXPECT_EQ(domain.kernel, "image:debian-cloud/vmlinuz");
        EXPECT_THAT(domain.warnings, IsEmpty());
    }
}

}  // namespace
}  // namespace ring3
