// SPDX-License-Identifier: MIT
// A front end that puts anything into its rings, its grants and its nodes: it loses packets or its
// connection, and two honest ones go on exchanging frames. The input is a list of steps.
#include <cstdint>
#include <span>

#include "tests/hv/io/net/front_end.hpp"

namespace {

using namespace ring3;
using namespace ring3::net;

class Input {
public:
    explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    bool is_empty() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const std::uint8_t first = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return first;
    }
    std::uint16_t word() { return static_cast<std::uint16_t>(byte() | byte() << 8); }

private:
    std::span<const std::uint8_t> bytes_;
};

void add_request(FrontEnd& bad, Input& input) {
    abi::TxRequest request{};
    request.gref = FrontEnd::first_ref + input.byte() % 34;
    request.flags = input.byte() % 16;
    request.offset = input.byte() % 4 == 0 ? input.word() : 0;
    request.size = input.byte() % 4 == 0 ? input.word() : input.byte();
    bad.add(request);
}

void add_extra(FrontEnd& bad, Input& input) {
    auto extra = FrontEnd::gso(input.byte() % 4, input.byte() % 4 == 0 ? input.word() : 1448);
    extra.type = input.byte() % 4 == 0 ? input.byte() : 1;
    extra.flags = input.byte() % 8 == 0;
    bad.add_extra(extra);
}

/// Something that looks like a packet, with anything done to it.
void send_packet(FrontEnd& bad, Input& input) {
    const Tcp tcp{.is_ipv6 = input.byte() % 2 == 0,
                  .payload = input.word() % 30'000u,
                  .protocol = input.byte() % 4 == 0 ? 17u : 6u};
    const Mac to = input.byte() % 4 == 0 ? broadcast : mac_of(input.byte() % 4);
    Packet packet = blank_packet(tcp, to, mac_of(1));
    for (int changes = input.byte() % 4; changes > 0; --changes)
        packet[input.byte() % packet.size()] = input.byte();
    std::optional<abi::NetExtraInfo> extra;
    if (input.byte() % 2 == 0)
        extra = FrontEnd::gso(tcp.is_ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4,
                              input.byte() % 4 == 0 ? input.word() : 1448);
    bad.send(packet, input.byte() % 4, extra);
}

void change_nodes(FrontEnd& bad, Input& input) {
    constexpr const char* names[] = {"tx-ring-ref",
                                     "rx-ring-ref",
                                     "event-channel-tx",
                                     "event-channel-rx",
                                     "feature-sg",
                                     "feature-gso-tcpv4",
                                     "request-rx-copy",
                                     "multi-queue-num-queues",
                                     "event-channel",
                                     "feature-rx-notify",
                                     "feature-no-csum-offload",
                                     "feature-gso-tcpv4-prefix"};
    bad.write(names[input.byte() % std::size(names)], std::to_string(input.byte() % 48));
}

void step(FrontEnd& bad, FrontEnd& good, Input& input, Household& home) {
    switch (input.byte() % 12) {
        case 0:
            return add_request(bad, input);
        case 1:
            return add_extra(bad, input);
        case 2:
            return bad.send_event();
        case 3:
        case 4:
            return send_packet(bad, input);
        case 5:
            return bad.set_state(static_cast<XenbusState>(input.byte() % 9));
        case 6:
            return change_nodes(bad, input);
        case 7:
            bad.rx().req_prod = bad.rx().rsp_prod + input.word() % 300;
            return bad.send_rx_event();
        case 8:
            bad.page(input.byte() % 2)[input.word() % page_size] = std::byte{input.byte()};
            return;
        case 9:
            return bad.grant(input.byte() % 30, static_cast<std::uint16_t>(input.byte() % 8));
        case 10:
            good.send(ethernet(input.byte() % 2 == 0 ? mac_of(1) : broadcast, mac_of(2), 0x0800,
                               input.word() % 4000u));
            good.take_statuses();
            return;
        default:
            return home.driver_domain.pass(Duration{input.word() * 1000});
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Household home;
    FrontEnd bad{home, 1}, good{home, 2}, other{home, 3};
    home.work();
    for (FrontEnd* end : {&bad, &good, &other}) end->connect();
    Input input{{data, size}};
    while (!input.is_empty()) {
        step(bad, good, input, home);
        good.receive();
        good.send_rx_event();
        other.receive();
        other.send_rx_event();
    }
    // The switch hears where it is, whoever else has used its address.
    other.send(ethernet(broadcast, mac_of(3), 0x88b5));
    good.receive();
    const Packet packet = ethernet(mac_of(3), mac_of(2), 0x88b5);
    good.send(packet);
    const auto got = other.receive();
    HV_CHECK(!got.empty() && got.back().bytes == packet, "an honest front end got nothing");
    return 0;
}
