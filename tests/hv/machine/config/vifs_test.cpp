// SPDX-License-Identifier: MIT
#include "hv/machine/config/vifs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const Uuid uuid{1, 2, 3};

VifSpec parse(std::string_view text, std::uint32_t number = 0) {
    std::vector<std::string> warnings;
    return parse_vif(text, number, uuid, "web.cfg:3", warnings);
}

std::string refusal(std::string_view text) {
    try {
        parse(text);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "";
}

TEST(Vif, needs_no_option_at_all) {
    const VifSpec vif = parse("");
    EXPECT_EQ(vif.bridge, "xenbr0");
    EXPECT_EQ(to_string(vif.mac).substr(0, 9), "00:16:3e:");
    EXPECT_EQ(parse("").mac, vif.mac) << "the same at each start";
    EXPECT_NE(parse("", 1).mac, vif.mac);
    EXPECT_EQ(vif.mac.octets[3] & 0x80, 0);
}

TEST(Vif, has_what_its_options_say) {
    const VifSpec vif = parse(
        "mac=00:16:3e:01:02:03, bridge=lan , rate=10Mb/s@20ms,mtu=9000,ip=10.0.0.1,vifname=web0,"
        "pcap=web.pcap,devid=4");
    EXPECT_EQ(to_string(vif.mac), "00:16:3e:01:02:03");
    EXPECT_EQ(vif.bridge, "lan");
    ASSERT_TRUE(vif.rate);
    EXPECT_EQ(vif.rate->bytes_per_interval, 25'000u);
    EXPECT_EQ(vif.rate->interval, Duration{20ms});
    EXPECT_EQ(vif.mtu, 9000u);
    EXPECT_EQ(vif.pcap, "web.pcap");
    EXPECT_EQ(vif.number, 4u);
    EXPECT_THAT(vif.notes,
                ::testing::ElementsAre(std::pair{"ip", "10.0.0.1"}, std::pair{"vifname", "web0"}));
}

TEST(Vif, forwards_several_ports) {
    const VifSpec vif =
        parse("bridge=nat,hostfwd=tcp:8080-:80,hostfwd=udp:0.0.0.0:53-10.0.2.20:5353");
    ASSERT_EQ(vif.forwards.size(), 2u);
    EXPECT_EQ(to_string(vif.forwards[0]), "tcp:127.0.0.1:8080-:80");
    EXPECT_EQ(to_string(vif.forwards[1]), "udp:0.0.0.0:53-10.0.2.20:5353");
}

TEST(Vif, says_what_is_wrong_and_what_would_be_right) {
    EXPECT_THAT(refusal("brige=lan"), HasSubstr("web.cfg:3: vif: option \"brige\" is unknown (did "
                                                "you mean \"bridge\"?)"));
    EXPECT_THAT(refusal("mac=00:16:3e:01:02"), HasSubstr("mac takes an address"));
    EXPECT_THAT(refusal("mac=01:00:5e:01:02:03"), HasSubstr("not one of a group"));
    EXPECT_THAT(refusal("rate=fast"), HasSubstr("rate takes a rate like 10Mb/s"));
    EXPECT_THAT(refusal("rate=0Mb/s"), HasSubstr("rate takes a rate like"));
    EXPECT_THAT(refusal("hostfwd=tcp:80"), HasSubstr("hostfwd takes tcp:PORT-:GUEST PORT"));
    EXPECT_THAT(refusal("mtu=67"), HasSubstr("from 68 to 65517"));
    EXPECT_THAT(refusal("backend=net"), HasSubstr("no other driver domains"));
    EXPECT_THAT(refusal("gatewaydev=eth0"), HasSubstr("use bridge="));
    EXPECT_THAT(refusal("bridge"), HasSubstr("takes a value"));
    EXPECT_THAT(refusal("type=hvm"), HasSubstr("takes \"vif\""));
}

TEST(Vif, takes_the_options_of_old_files_with_a_note) {
    std::vector<std::string> warnings;
    parse_vif("type=ioemu, bridge=xenbr0, model=e1000, script=vif-bridge", 0, uuid, "old:1",
              warnings);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0], "old:1: vif: without effect here: type=ioemu, model, script");
}

TEST(VifList, is_read_from_a_config) {
    std::vector<std::string> warnings;
    const XlConfig config{"x", "vif = [ '', 'bridge=lan' ]", {}};
    const auto vifs = read_vifs(config, uuid, warnings);
    ASSERT_EQ(vifs.size(), 2u);
    EXPECT_EQ(vifs[1].number, 1u);
    EXPECT_EQ(vifs[1].bridge, "lan");
    for (const char* text : {"", "vif = []", "vif = ''"})
        EXPECT_TRUE(read_vifs(XlConfig{"x", text, {}}, uuid, warnings).empty()) << text;
}

TEST(VifList, refuses_what_is_no_list_of_different_interfaces) {
    std::vector<std::string> warnings;
    for (const char* text :
         {"vif = 'bridge=lan'", "vif = 1", "vif = [ ['a'] ]", "vif = [ 'devid=1', '' ]"})
        EXPECT_THROW(read_vifs(XlConfig{"x", text, {}}, uuid, warnings), ConfigError) << text;
}

}  // namespace
}  // namespace ring3
