// SPDX-License-Identifier: MIT
#include "hv/io/net/outside/nat.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>

#include <fmt/format.h>
#include <slirp/libslirp.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"

namespace ring3::net {
namespace {

constexpr Ipv4 network{0x0a000200}, netmask{0xffffff00}, host{0x0a000202}, name_server{0x0a000203},
    first_guest{0x0a00020f}, last_guest{0x0a0002fe};
/// libslirp's own: 52:55 and the host's address.
constexpr Mac host_mac{{0x52, 0x55, 0x0a, 0x00, 0x02, 0x02}};

in_addr to_in_addr(Ipv4 address) { return {htonl(address.bits)}; }

}  // namespace

/// What libslirp asks of its user; `opaque` is the Nat.
struct Nat::Callbacks {
    static ssize_t send_packet(const void* bytes, std::size_t length, void* opaque) {
        static_cast<Nat*>(opaque)->inlet_.add({static_cast<const std::byte*>(bytes), length},
                                              Checksum::validated);
        return static_cast<ssize_t>(length);
    }
    static void guest_error(const char*, void*) {}
    static std::int64_t clock_get_ns(void* opaque) {
        return static_cast<Nat*>(opaque)->domain_.now().time_since_epoch().count();
    }
    // Timers are for the router advertisements of IPv6, which is off.
    static void* timer_new(SlirpTimerCb, void*, void* opaque) { return opaque; }
    static void timer_free(void*, void*) {}
    static void timer_mod(void*, std::int64_t, void*) {}
    // Descriptors are asked for before each poll anyway.
    static void register_poll_fd(int, void*) {}
    static void unregister_poll_fd(int, void*) {}
    static void notify(void*) {}

    static int add_poll(int fd, int events, void* opaque) {
        auto& descriptors = *static_cast<Nat*>(opaque)->preparing_;
        short wanted = 0;
        if ((events & SLIRP_POLL_IN) != 0) wanted |= POLLIN;
        if ((events & SLIRP_POLL_OUT) != 0) wanted |= POLLOUT;
        if ((events & SLIRP_POLL_PRI) != 0) wanted |= POLLPRI;
        descriptors.push_back({fd, wanted, 0});
        return static_cast<int>(descriptors.size() - static_cast<Nat*>(opaque)->first_descriptor_) -
               1;
    }
    static int happened(int index, void* opaque) {
        const auto& descriptors = static_cast<Nat*>(opaque)->dispatching_;
        if (index < 0 || static_cast<std::size_t>(index) >= descriptors.size()) return 0;
        const short events = descriptors[static_cast<std::size_t>(index)].revents;
        return ((events & POLLIN) != 0 ? SLIRP_POLL_IN : 0) |
               ((events & POLLOUT) != 0 ? SLIRP_POLL_OUT : 0) |
               ((events & POLLPRI) != 0 ? SLIRP_POLL_PRI : 0) |
               ((events & POLLERR) != 0 ? SLIRP_POLL_ERR : 0) |
               ((events & POLLHUP) != 0 ? SLIRP_POLL_HUP : 0);
    }

    static const SlirpCb& table() {
        static const SlirpCb callbacks = [] {
            SlirpCb all{};
            all.send_packet = send_packet;
            all.guest_error = guest_error;
            all.clock_get_ns = clock_get_ns;
            all.timer_new = timer_new;
            all.timer_free = timer_free;
            all.timer_mod = timer_mod;
            all.register_poll_fd = register_poll_fd;
            all.unregister_poll_fd = unregister_poll_fd;
            all.notify = notify;
            return all;
        }();
        return callbacks;
    }
};

void Nat::Free::operator()(Slirp* slirp) const { slirp_cleanup(slirp); }

Nat::Nat(DriverDomain& domain, Switch& network_of_guests)
    : domain_(domain),
      switch_(network_of_guests),
      dhcp_({netmask, host, name_server, first_guest, last_guest, host_mac}),
      inlet_(domain, network_of_guests, *this) {
    switch_.join(*this);
    if (domain_.host() == nullptr) return;
    SlirpConfig config{};
    config.version = 4;
    config.in_enabled = true;
    config.vnetwork = to_in_addr(network);
    config.vnetmask = to_in_addr(netmask);
    config.vhost = to_in_addr(host);
    config.vdhcp_start = to_in_addr(first_guest);
    config.vnameserver = to_in_addr(name_server);
    config.disable_dhcp = true;
    slirp_.reset(slirp_new(&config, &Callbacks::table(), this));
    if (!slirp_) throw EnvironmentError("libslirp cannot be started");
    domain_.host()->add(*this);
}

Nat::~Nat() {
    if (slirp_) domain_.host()->remove(*this);
    switch_.leave(*this);
}

void Nat::receive(const Frame& frame) {
    plain_.each(frame, [this](const Frame& plain) {
        if (dhcp_.answer(plain.bytes, reply_)) {
            if (!reply_.empty()) inlet_.answer(reply_, Checksum::validated);
            return;
        }
        if (!slirp_) return;
        slirp_input(slirp_.get(), reinterpret_cast<const std::uint8_t*>(plain.bytes.data()),
                    static_cast<int>(plain.bytes.size()));
    });
    inlet_.hand_in();
}

void Nat::prepare(std::vector<pollfd>& descriptors, Duration& at_most) {
    using std::chrono::milliseconds;
    const auto most = std::chrono::duration_cast<milliseconds>(at_most).count();
    auto timeout = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(most, 0, std::numeric_limits<std::int32_t>::max()));
    const std::uint32_t before = timeout;
    preparing_ = &descriptors;
    first_descriptor_ = descriptors.size();
    slirp_pollfds_fill(slirp_.get(), &timeout, &Callbacks::add_poll, this);
    preparing_ = nullptr;
    if (timeout >= before) return;
    // libslirp counts from its last turn.
    const Duration rest = milliseconds{timeout} - (domain_.now() - last_turn_);
    at_most = std::max(Duration::zero(), rest);
}

void Nat::dispatch(std::span<const pollfd> descriptors) {
    last_turn_ = domain_.now();
    dispatching_ = descriptors;
    slirp_pollfds_poll(slirp_.get(), 0, &Callbacks::happened, this);
    dispatching_ = {};
    inlet_.hand_in();
}

void Nat::add(const HostForward& forward, Ipv4 guest) {
    if (!slirp_) return;
    const int added =
        slirp_add_hostfwd(slirp_.get(), forward.protocol == HostForward::Protocol::udp,
                          to_in_addr(forward.host_address), forward.host_port,
                          to_in_addr(forward.guest_address.value_or(guest)), forward.guest_port);
    if (added == 0) return;
    const int error = errno;
    const char* const why = error == EADDRINUSE ? "another program, or another guest, has this port"
                                                : std::strerror(error);
    throw ConfigError(fmt::format("hostfwd={}: cannot listen at port {} of {}: {}",
                                  to_string(forward), forward.host_port,
                                  to_string(forward.host_address), why));
}

void Nat::remove(const HostForward& forward) {
    if (!slirp_) return;
    slirp_remove_hostfwd(slirp_.get(), forward.protocol == HostForward::Protocol::udp,
                         to_in_addr(forward.host_address), forward.host_port);
}

Nat::Seat::Seat(Nat& nat, const Mac& mac, std::span<const HostForward> forwards)
    : nat_(nat), mac_(mac) {
    const auto address = nat_.dhcp_.lease(mac);
    if (!address)
        throw ConfigError(fmt::format("bridge={}: the network has no address left for {}",
                                      nat_.switch_.name(), to_string(mac)));
    address_ = *address;
    try {
        for (const HostForward& forward : forwards) {
            nat_.add(forward, address_);
            forwards_.push_back(forward);
        }
    } catch (...) {
        leave();
        throw;
    }
}

Nat::Seat::~Seat() { leave(); }

void Nat::Seat::leave() {
    for (const HostForward& forward : forwards_) nat_.remove(forward);
    nat_.dhcp_.release(mac_);
}

}  // namespace ring3::net
