// SPDX-License-Identifier: MIT
// A front end of io/netif.h in a small domain, as plain as can be: what it does is what the header
// says, and tests make it lie.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "hv/abi/netif.hpp"
#include "hv/base/registry.hpp"
#include "hv/io/net/back_end/net_back_end.hpp"
#include "tests/hv/domain/small_domain.hpp"
#include "tests/hv/io/fake_driver_domain.hpp"
#include "tests/hv/io/net/packets.hpp"

namespace ring3::net {

inline std::unique_ptr<IoPath> make_path(const std::string& name = "event") {
    Params params{"io"};
    return Registry<IoPath>::create(name, params);
}
inline std::unique_ptr<LinkModel> make_link(const std::string& name = "ideal",
                                            std::map<std::string, std::int64_t> given = {}) {
    Params params{"net"};
    for (const auto& [key, value] : given) params.set(key, {value, "test"});
    return Registry<LinkModel>::create(name, params, std::uint64_t{0});
}

/// What tests share: Domain-0 and its store.
struct Household {
    FakeDriverDomain driver_domain;
    store::Store store{[](DomainId, const std::string&, const std::string&) {}};
    Switch network{driver_domain, "xenbr0"};

    void work() {
        store.deliver_native();
        driver_domain.work();
        store.deliver_native();
    }
};

class FrontEnd {
public:
    static constexpr std::uint64_t tx_ring_pfn = 0, rx_ring_pfn = 1, tx_pfn = 2, rx_pfn = 10,
                                   tx_pages = 8, rx_pages = 20;
    static constexpr grant_ref_t first_ref = 8;

    FrontEnd(Household& household, std::uint8_t number,
             std::optional<NetBackEnd::Parameters> given = std::nullopt)
        : home(household), number_(number), guest(1, DomainId{number}) {
        guest.domain.grants().grow(1);
        for (std::uint64_t pfn = 0; pfn < rx_pfn + rx_pages; ++pfn) grant(pfn);
        NetBackEnd::Parameters parameters = given ? std::move(*given) : NetBackEnd::Parameters{};
        parameters.mac = mac_of(number);
        if (!parameters.make_path) parameters.make_path = [] { return make_path(); };
        if (!parameters.up) parameters.up = make_link();
        if (!parameters.down) parameters.down = make_link();
        tx_port = guest.domain.events().alloc_unbound(domain0);
        rx_port = guest.domain.events().alloc_unbound(domain0);
        back_end.emplace(xenbus::Place{home.driver_domain, home.store, guest.domain}, 0,
                         std::move(parameters), home.network);
        back_end->open();
    }

    void grant(std::uint64_t pfn, std::uint16_t flags = GTF_permit_access) {
        guest.domain.grants().set_entry(
            ref_of(pfn),
            {.flags = flags, .domid = 0, .frame = static_cast<std::uint32_t>(guest.p2m[pfn].raw)});
    }
    static grant_ref_t ref_of(std::uint64_t pfn) {
        return static_cast<grant_ref_t>(first_ref + pfn);
    }

    void write(const std::string& name, const std::string& value) {
        home.store.write(DomainId{number_}, 0, "device/vif/0/" + name, value);
    }
    std::string read_back(const std::string& name) {
        std::string value;
        home.store.read(domain0, 0, back_end->back_path() + "/" + name, value);
        return value;
    }
    /// As xen-netfront of Linux does.
    void publish() {
        for (const char* feature :
             {"request-rx-copy", "feature-rx-notify", "feature-sg", "feature-gso-tcpv4",
              "feature-gso-tcpv6", "feature-ipv6-csum-offload"})
            write(feature, "1");
        write("tx-ring-ref", std::to_string(ref_of(tx_ring_pfn)));
        write("rx-ring-ref", std::to_string(ref_of(rx_ring_pfn)));
        write("event-channel-tx", std::to_string(tx_port));
        write("event-channel-rx", std::to_string(rx_port));
        tx().req_event = tx().rsp_event = 1;
        rx().req_event = rx().rsp_event = 1;
    }
    void set_state(XenbusState state) {
        write("state", std::to_string(static_cast<int>(state)));
        home.work();
    }
    void connect() {
        publish();
        post_buffers(rx_pages);
        set_state(XenbusStateConnected);
    }

    std::byte* page(std::uint64_t pfn) { return guest.frames.at(guest.p2m[pfn]).host; }
    ::netif_tx_sring& tx() { return *reinterpret_cast<::netif_tx_sring*>(page(tx_ring_pfn)); }
    ::netif_rx_sring& rx() { return *reinterpret_cast<::netif_rx_sring*>(page(rx_ring_pfn)); }
    template <class T, class Ring>
    void put_slot(Ring& ring, std::uint32_t index, const T& value) {
        std::memcpy(reinterpret_cast<std::byte*>(ring.ring) + index % 256 * sizeof ring.ring[0],
                    &value, sizeof value);
    }
    template <class T, class Ring>
    T slot(Ring& ring, std::uint32_t index) {
        T value;
        std::memcpy(&value,
                    reinterpret_cast<std::byte*>(ring.ring) + index % 256 * sizeof ring.ring[0],
                    sizeof value);
        return value;
    }

    /// Puts a request into the tx ring; nobody sees it before send_event().
    void add(const abi::TxRequest& request) { put_slot(tx(), tx_prod++, request); }
    void add_extra(const abi::NetExtraInfo& extra) { put_slot(tx(), tx_prod++, extra); }
    void send_event() {
        tx().req_prod = tx_prod;
        guest.domain.events().send(EventPort{static_cast<std::uint32_t>(tx_port)});
        home.work();
    }
    /// Sends a packet in pieces of at most so many bytes.
    void send(const Packet& packet, std::uint16_t flags = 0,
              std::optional<abi::NetExtraInfo> extra = std::nullopt,
              std::size_t piece = page_size) {
        std::size_t at = 0;
        for (std::uint64_t n = 0; at < packet.size() || n == 0; ++n) {
            const std::size_t size = std::min(piece, packet.size() - at);
            std::memcpy(page(tx_pfn + n % tx_pages), packet.data() + at, size);
            const bool has_more = at + size < packet.size();
            abi::TxRequest request{};
            request.gref = ref_of(tx_pfn + n % tx_pages);
            request.id = static_cast<std::uint16_t>(n);
            request.size = static_cast<std::uint16_t>(n == 0 ? packet.size() : size);
            request.flags = static_cast<std::uint16_t>((n == 0 ? flags : 0) |
                                                       (has_more ? NETTXF_more_data : 0) |
                                                       (n == 0 && extra ? NETTXF_extra_info : 0));
            add(request);
            if (n == 0 && extra) add_extra(*extra);
            at += size;
        }
        send_event();
    }
    static abi::NetExtraInfo gso(std::uint8_t type, std::uint16_t size) {
        abi::NetExtraInfo extra{};
        extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
        extra.u.gso.type = type;
        extra.u.gso.size = size;
        return extra;
    }
    /// The statuses that came back since the last time.
    std::vector<int> take_statuses() {
        std::vector<int> all;
        for (; tx_cons != tx().rsp_prod; ++tx_cons)
            all.push_back(slot<abi::TxResponse>(tx(), tx_cons).status);
        tx().rsp_event = tx_cons + 1;
        return all;
    }

    void post_buffers(std::uint64_t count) {
        for (; count != 0; --count, ++rx_prod) {
            abi::RxRequest request{};
            request.id = static_cast<std::uint16_t>(rx_prod % 256);
            request.gref = ref_of(rx_pfn + rx_prod % rx_pages);
            put_slot(rx(), rx_prod, request);
        }
        rx().req_prod = rx_prod;
    }
    void send_rx_event() {
        guest.domain.events().send(EventPort{static_cast<std::uint32_t>(rx_port)});
        home.work();
    }
    struct Received {
        Packet bytes;
        std::uint16_t flags = 0;
        std::optional<abi::NetExtraInfo> extra;
        int slots = 0;
        int error = 0;
        bool operator==(const Received& other) const { return bytes == other.bytes; }
    };
    /// What came in since the last time; its buffers are posted again.
    std::vector<Received> receive() {
        std::vector<Received> all;
        while (rx_cons != rx().rsp_prod) all.push_back(receive_one());
        rx().rsp_event = rx_cons + 1;
        int slots = 0;
        for (const Received& one : all) slots += one.slots;
        post_buffers(static_cast<std::uint64_t>(slots));
        return all;
    }
    bool is_signalled(int port) {
        return guest.domain.events().is_pending(EventPort{static_cast<std::uint32_t>(port)});
    }

    Household& home;

private:
    Received receive_one() {
        Received packet;
        bool has_more = true;
        for (bool is_first = true; has_more; is_first = false) {
            const std::uint32_t at = rx_cons++;
            const auto response = slot<abi::RxResponse>(rx(), at);
            ++packet.slots;
            if (is_first) packet.flags = response.flags;
            if (response.status < 0)
                packet.error = response.status;
            else if ((response.flags & NETRXF_gso_prefix) == 0)
                append(packet.bytes, at, response);
            has_more = (response.flags & NETRXF_more_data) != 0;
            if ((response.flags & NETRXF_extra_info) != 0) {
                packet.extra = slot<abi::NetExtraInfo>(rx(), rx_cons++);
                ++packet.slots;
            }
        }
        return packet;
    }
    void append(Packet& packet, std::uint32_t at, const abi::RxResponse& response) {
        HV_CHECK(response.id == at % 256, "a response stands elsewhere than its request");
        const auto* const bytes =
            reinterpret_cast<const std::uint8_t*>(page(rx_pfn + at % rx_pages));
        packet.insert(packet.end(), bytes + response.offset,
                      bytes + response.offset + response.status);
    }

    const std::uint8_t number_;

public:
    SmallDomain guest;
    int tx_port = 0, rx_port = 0;
    std::uint32_t tx_prod = 0, tx_cons = 0, rx_prod = 0, rx_cons = 0;
    /// Gone before the guest is.
    std::optional<NetBackEnd> back_end;
};

}  // namespace ring3::net
