// SPDX-License-Identifier: MIT
#include "hv/machine/config/disks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/machine/config/domain_config.hpp"

namespace ring3 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

DiskSpec parse(const std::string& text) {
    std::vector<std::string> notes;
    return parse_disk(text, notes);
}

std::string refusal(const std::string& text) {
    try {
        parse(text);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "(not refused)";
}

TEST(Disks, are_read_in_all_the_styles_of_xl_and_xm) {
    for (const char* text :
         {"format=raw, vdev=xvda, access=rw, target=/d", "/d,raw,xvda,w", "/d,,xvda,rw",
          "/d,raw,xvda", "file:/d,xvda,w", "tap:aio:/d,xvda,w", "phy:/d,xvda,w", "raw:/d,xvda,w",
          "vdev=xvda,target=/d", "/d,raw,51712,w", "/d,raw,/dev/xvda,w"}) {
        const DiskSpec disk = parse(text);
        EXPECT_EQ(disk.vdev, "xvda") << text;
        EXPECT_EQ(disk.number, 51712u) << text;
        EXPECT_EQ(disk.source.kind, DiskSource::Kind::file) << text;
        EXPECT_EQ(disk.source.path, "/d") << text;
        EXPECT_EQ(disk.source.sharing, Sharing::exclusive) << text;
        EXPECT_EQ(disk.old_name, "") << text;
    }
}

TEST(Disks, say_who_else_may_use_them) {
    EXPECT_EQ(parse("/d,raw,xvda,r").source.sharing, Sharing::read_only);
    EXPECT_EQ(parse("/d,raw,xvda,ro").source.sharing, Sharing::read_only);
    EXPECT_EQ(parse("/d,raw,xvda,w!").source.sharing, Sharing::shared_writing);
    EXPECT_EQ(parse("phy:/d,xvda,w!").source.sharing, Sharing::shared_writing);
    EXPECT_EQ(parse("vdev=xvda, access=w!, target=/d").source.sharing, Sharing::shared_writing);
    EXPECT_EQ(parse("vdev=xvda,target=/d,w!").source.path, "/d,w!");
    EXPECT_EQ(parse("/d,raw,xvda:cdrom,w").source.sharing, Sharing::read_only);
    EXPECT_TRUE(parse("/d,raw,xvda:cdrom,r").is_cdrom);
    EXPECT_FALSE(parse("/d,raw,xvda,w,no-discard").offers_discard);
    EXPECT_TRUE(parse("/d,raw,xvda,w").offers_discard);
}

TEST(Disks, have_targets_of_our_own) {
    const auto source = [](const std::string& text) { return parse(text).source; };
    EXPECT_EQ(source("memory:64M,xvda,w").bytes, 64u << 20);
    EXPECT_EQ(source("memory:512,raw,xvda,w").bytes, 512u);
    EXPECT_EQ(source("vdev=xvda,target=memory:2g").bytes, 2ull << 30);
    for (const char* text : {"overlay:/b,xvda,w", "overlay:/b,raw,xvda,w", "overlay:/b,vdev=xvda",
                             "vdev=xvda,target=overlay:/b"}) {
        EXPECT_EQ(source(text).kind, DiskSource::Kind::overlay) << text;
        EXPECT_EQ(source(text).path, "/b") << text;
        EXPECT_EQ(source(text).overlay_path, "") << text;
    }
    EXPECT_EQ(source("overlay:/b:c.cow,xvda,w").overlay_path, "c.cow");
    EXPECT_EQ(source("overlay:/a:b:/c,xvda,w").path, "/a:b");
    EXPECT_EQ(source("overlay:image:base/root:c,xvda,w").path, "image:base/root");
    EXPECT_EQ(source("overlay:image:base/root,xvda,w").path, "image:base/root");
    EXPECT_EQ(source("overlay:image:base/root,xvda,w").overlay_path, "");
    EXPECT_EQ(source("overlay:/b,xvda,r").kind, DiskSource::Kind::file);
}

TEST(Disks, lay_an_overlay_over_an_image_that_is_to_be_written) {
    std::vector<std::string> notes;
    const DiskSpec disk = parse_disk("image:base/root.img,xvda,w", notes);
    EXPECT_EQ(disk.source.kind, DiskSource::Kind::overlay);
    EXPECT_EQ(disk.source.path, "image:base/root.img");
    EXPECT_THAT(notes, ElementsAre(HasSubstr("image, which stays as it is")));
    notes.clear();
    EXPECT_EQ(parse_disk("image:base/root.img,xvda,r", notes).source.kind, DiskSource::Kind::file);
    EXPECT_THAT(notes, IsEmpty());
}

TEST(Disks, are_refused_with_what_is_wrong) {
    EXPECT_THAT(refusal("qcow2:/d,xvda,w"), HasSubstr("format qcow2 is not built"));
    EXPECT_THAT(refusal(",raw,xvda:cdrom,r"), HasSubstr("a drive without a disk is not built"));
    EXPECT_THAT(refusal("/d,raw,xvda,w,script=x"), HasSubstr("scripts are not built"));
    EXPECT_THAT(refusal("/d,raw,xvda,w,backend=web"), HasSubstr("driver domains"));
    EXPECT_THAT(refusal("/d,raw,xvda,x"), HasSubstr("unknown value for access"));
    EXPECT_THAT(refusal("nbd:/d,xvda,w"), HasSubstr("not built"));
    EXPECT_THAT(refusal("what:/d,xvda,w"), HasSubstr("unknown deprecated disk prefix"));
    EXPECT_THAT(refusal(""), HasSubstr("disk ''"));
    for (const char* size : {"", "0", "x", "64X", "64MM", "511", "9999999T", "-1"})
        EXPECT_THAT(refusal(fmt::format("memory:{},xvda,w", size)), HasSubstr("takes a size"));
    EXPECT_THAT(refusal("overlay:,xvda,w"), HasSubstr("names no file"));
    EXPECT_THAT(refusal("overlay:/b:,xvda,w"), HasSubstr("no name behind"));
    EXPECT_THAT(refusal("image:,xvda,w"), HasSubstr("names no file"));
}

TEST(Disks, have_the_numbers_of_xens_interface) {
    const auto number = [](std::string_view text) {
        const auto device = parse_vdev(text);
        return device ? device->number : 0;
    };
    EXPECT_EQ(number("xvda"), 202u << 8);
    EXPECT_EQ(number("xvda1"), (202u << 8) + 1);
    EXPECT_EQ(number("xvdb"), (202u << 8) + 16);
    EXPECT_EQ(number("xvdp15"), (202u << 8) + 255);
    EXPECT_EQ(number("xvda16"), 1u << 28 | 16);
    EXPECT_EQ(number("xvdq"), 1u << 28 | 16 << 8);
    EXPECT_EQ(number("xvdaa"), 1u << 28 | 26 << 8);
    EXPECT_EQ(parse_vdev("xvdaa")->name, "xvdaa");
    EXPECT_EQ(parse_vdev("sdb3")->name, "xvdb3");
    EXPECT_EQ(parse_vdev("sdb3")->old_name, "sdb3");
    EXPECT_EQ(parse_vdev("769")->name, "xvda1") << "hda1";
    EXPECT_EQ(parse_vdev("2049")->name, "xvda1") << "sda1";
    EXPECT_EQ(parse_vdev("51728")->name, "xvdb");
    for (const char* text : {"", "xvd", "xvda0", "xvda01", "xvda256", "xvdaaaaaa", "xvdA", "fda",
                             "1", "xvda1x", "4294967296"})
        EXPECT_FALSE(parse_vdev(text).has_value()) << text;
}

TEST(Disks, of_an_old_article_boot_as_they_stand) {
    const DomainConfig domain = parse_domain_config("old.cfg", R"(name = "old"
kernel = "/boot/vmlinuz"
memory = 128
disk = ['phy:no-such-device,hda1,w', 'file:/swap,sda2,w']
root = '/dev/hda1 ro'
)");
    ASSERT_EQ(domain.disks.size(), 2u);
    EXPECT_EQ(domain.disks[0].vdev, "xvda1");
    EXPECT_EQ(domain.disks[0].source.path, "no-such-device");
    EXPECT_EQ(domain.disks[1].vdev, "xvda2");
    EXPECT_EQ(domain.command_line, "root=/dev/xvda1 ro");
    EXPECT_THAT(domain.warnings,
                ElementsAre("old.cfg:4: hda1 becomes xvda1, sda2 becomes xvda2, and so does the "
                            "root, as Linux names the disks of Xen"));
}

TEST(Disks, change_no_root_that_is_none_of_theirs) {
    const std::vector<DiskSpec> disks{parse("/d,raw,hda,w"), parse("/e,raw,xvdb,w")};
    EXPECT_EQ(rename_root("a root=/dev/hda2 b", disks), "a root=/dev/xvda2 b");
    for (const char* line : {"", "root=/dev/sda1", "root=/dev/hdb", "root=/dev/xvda1",
                             "x=root=/dev/hda1", "root=UUID=1", "root=/dev/", "root=/dev/nfs"})
        EXPECT_EQ(rename_root(line, disks), line);
}

}  // namespace
}  // namespace ring3
