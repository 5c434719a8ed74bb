// SPDX-License-Identifier: MIT
// Two Debian guests side by side: they reach each other, and the host reaches in.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/boot/base_guests.hpp"
#include "tests/support/host_socket.hpp"

namespace ring3::test {
namespace {

using testing::HasSubstr;
using Seconds = GuestConsole::Seconds;

/// What moves between the guests. $RING3_TEST_FILE_MIB sets another size.
unsigned file_mib() {
    const char* const given = std::getenv("RING3_TEST_FILE_MIB");
    return given != nullptr ? static_cast<unsigned>(std::stoul(given)) : 256;
}

std::string address_of(GuestConsole& guest) {
    return guest.output_of(
        "for i in $(seq 300); do ip -4 -o addr show dev eth0 | grep -q inet && break; "
        "busybox usleep 100000; done; "
        "ip -4 -o addr show dev eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/'");
}

class TwoGuests : public BaseGuests {
protected:
    void SetUp() override {
        BaseGuests::SetUp();
        port = free_port();
        create("one", fmt::format("'vif=[\"bridge=nat,hostfwd=tcp:{}-:80\"]'", port));
        create("two", "'vif=[\"bridge=nat\"]'");
    }
    std::uint16_t port = 0;
};

TEST_F(TwoGuests, ping_each_other_move_a_file_and_serve_a_page) {
    GuestConsole one("one"), two("two");
    one.log_in();
    two.log_in();
    const std::string address = address_of(one);
    ASSERT_THAT(address, HasSubstr("10.0.2."));
    ASSERT_NE(address, address_of(two));

    EXPECT_THAT(one.output_of("ping -c 3 -W 10 " + address_of(two)), HasSubstr(" 0% packet loss"));
    EXPECT_THAT(two.output_of("ping -c 3 -W 10 " + address), HasSubstr(" 0% packet loss"));

    // Random bytes cost a guest much, so each MiB is the same one with its number before it.
    one.output_of("head -c 1048568 /dev/urandom >/srv/block");
    one.output_of(
        fmt::format("i=0; while [ $i -lt {} ]; do printf %8d $i; cat /srv/block; i=$((i+1)); "
                    "done >/srv/file",
                    file_mib()),
        Seconds{300});
    two.output_of("( (socat -u TCP-LISTEN:5000 CREATE:/srv/file; touch /srv/done) & ); sleep 1");
    one.output_of(fmt::format("socat -u OPEN:/srv/file TCP:{}:5000", address_of(two)),
                  Seconds{300});
    two.output_of("until [ -e /srv/done ]; do busybox usleep 100000; done", Seconds{300});
    const std::string sum = one.output_of("sha256sum </srv/file");
    EXPECT_EQ(sum.size(), 64u + 3u) << sum;
    EXPECT_EQ(two.output_of("sha256sum </srv/file"), sum);
    EXPECT_EQ(two.output_of("stat -c %s /srv/file"), std::to_string(file_mib() << 20));

    one.output_of("busybox httpd -h /var/www/html");
    const std::string page = one.output_of("cat /var/www/html/index.html");
    EXPECT_THAT(page, HasSubstr("A web server in a guest"));
    EXPECT_EQ(two.output_of(fmt::format("wget -q -O - http://{}/", address)), page);
    const std::string answer = ask_port(port, "GET / HTTP/1.0\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("200 OK"));
    EXPECT_THAT(answer, HasSubstr(page));
    power_off(one);
    power_off(two);
}

}  // namespace
}  // namespace ring3::test
