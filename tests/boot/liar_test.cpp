// SPDX-License-Identifier: MIT
// A domain whose front ends lie about ring indexes, grants, segments, lengths and states, and one
// that never takes an answer, beside a Debian that works on its disk and its network: that one
// notices nothing. The liar is a sleeping guest, in whose pages, grants and nodes the test writes.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "cli/create_options.hpp"
#include "hv/abi/blkif.hpp"
#include "hv/abi/netif.hpp"
#include "hv/abi/xenbus.hpp"
#include "hv/base/check.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/config/vifs.hpp"
#include "hv/machine/machine.hpp"
#include "tests/replay/typist.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3::test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Writes for a guest that sleeps.
class Liar {
public:
    static constexpr std::size_t most_pages = 48;

    Liar(Machine& machine, Guest& guest, std::uint32_t seed)
        : machine_(machine), guest_(guest), random_(seed) {
        FrameTable& frames = domain().frames();
        for (Mfn mfn = frames.end_mfn();
             mfn != FrameTable::first_mfn && pages_.size() < most_pages;) {
            mfn = Mfn{mfn.raw - 1};
            const Frame& frame = frames.at(mfn);
            const bool is_plain = frame.allocated && frame.owner == domain().id() &&
                                  frame.type == PageType::none && frame.host != nullptr;
            if (is_plain) pages_.push_back(mfn);
        }
        HV_CHECK(pages_.size() == most_pages && domain().grants().grow(1), "no pages to lie with");
        for (const auto& device : guest.devices())
            fronts_.push_back({.device = device.get(), .first_page = fronts_.size() * 2});
        grant_all();
    }

    /// One step of each front end.
    void step() {
        for (Front& front : fronts_) step(front);
    }

    int answered = 0;  ///< looks that found answers in a ring of blocks
    int cut_off = 0;   ///< connections that the back end ended
    int lies = 0;

private:
    struct Front {
        xenbus::BackEnd* device;
        std::size_t first_page;  ///< of its rings
        int steps = 0;
        bool was_connected = false;
        std::vector<EventPort> ports{};
    };

    Domain& domain() { return *guest_.domain(); }
    std::uint32_t any() { return static_cast<std::uint32_t>(random_()); }
    std::uint32_t any_below(std::uint32_t end) { return any() % end; }
    static grant_ref_t ref_of(std::size_t page) { return static_cast<grant_ref_t>(8 + page); }
    std::byte* bytes(std::size_t page) { return domain().frames().at(pages_[page]).host; }

    template <class T>
    void put(std::size_t page, std::size_t at, const T& value) {
        std::memcpy(bytes(page) + at, &value, sizeof value);
    }
    void grant(std::size_t page, std::uint16_t flags) {
        domain().grants().set_entry(ref_of(page),
                                    {.flags = static_cast<std::uint16_t>(GTF_permit_access | flags),
                                     .domid = 0,
                                     .frame = static_cast<std::uint32_t>(pages_[page].raw)});
    }
    void grant_all() {
        for (std::size_t page = 0; page < most_pages; ++page) grant(page, 0);
    }
    void write(const Front& front, const std::string& name, std::uint64_t value) {
        machine_.store().write(domain().id(), 0, front.device->front_path() + "/" + name,
                               std::to_string(value));
    }
    std::uint32_t new_port(Front& front) {
        const int port = domain().events().alloc_unbound(domain0);
        if (port < 0) return 0;
        front.ports.push_back(EventPort{static_cast<std::uint32_t>(port)});
        return front.ports.back().raw;
    }

    void publish(Front& front) {
        for (const EventPort port : front.ports) domain().events().close(port);
        front.ports.clear();
        for (std::size_t page = 0; page < 2; ++page) {
            std::memset(bytes(front.first_page + page), 0, page_size);
            put(front.first_page + page, 4, std::uint32_t{1});
            put(front.first_page + page, 12, std::uint32_t{1});
        }
        if (front.device->kind() == "vbd") {
            write(front, "ring-ref", ref_of(front.first_page));
            write(front, "feature-persistent", any_below(2));
        } else {
            write(front, "tx-ring-ref", ref_of(front.first_page));
            write(front, "rx-ring-ref", ref_of(front.first_page + 1));
            for (const char* name : {"request-rx-copy", "feature-rx-notify", "feature-sg"})
                write(front, name, 1);
        }
        write(front, "event-channel", new_port(front));
    }

    void step(Front& front) {
        const bool is_connected = front.device->state() == XenbusStateConnected;
        if (front.was_connected && !is_connected && front.steps >= first_lie) ++cut_off;
        front.was_connected = is_connected;
        switch (front.steps++) {
            case 0:
                grant_all();
                write(front, "state", XenbusStateInitialising);
                return;
            case 4:
                publish(front);
                write(front, "state", XenbusStateInitialised);
                return;
            case 8:
                write(front, "state", XenbusStateConnected);
                return;
            case last_lie:
                write(front, "state", XenbusStateClosing);
                return;
            case last_lie + 4:
                write(front, "state", XenbusStateClosed);
                return;
            case last_lie + 8:
                front.steps = 0;
                return;
            default:
                if (front.steps > first_lie && front.steps <= last_lie)
                    for (int i = 0; i < 8; ++i) lie(front);
        }
    }

    void lie(Front& front) {
        ++lies;
        const std::size_t ring = front.first_page + any_below(2);
        switch (any_below(12)) {
            case 0:  // an index, near or anywhere
                put(ring, any_below(2) * 4, any_below(2) == 0 ? any() : any_below(64));
                break;
            case 1:  // a grant that goes, or has other flags, or another frame
                domain().grants().set_entry(
                    ref_of(any_below(most_pages)),
                    {.flags = static_cast<std::uint16_t>(any()),
                     .domid = static_cast<domid_t>(any_below(3)),
                     .frame =
                         any_below(4) == 0 ? any() : static_cast<std::uint32_t>(pages_[0].raw)});
                break;
            case 2:
                grant_all();
                break;
            case 3:
                if (any_below(16) == 0) write(front, "state", any_below(12));
                break;
            case 4:
                if (any_below(16) == 0) write(front, "ring-ref", any());
                break;
            default:
                fill_ring(front, ring);
                for (const EventPort port : front.ports) domain().events().send(port);
        }
        std::uint32_t responses;
        std::memcpy(&responses, bytes(front.first_page) + 8, sizeof responses);
        if (responses != 0 && front.device->kind() == "vbd") ++answered;
    }

    /// Requests, half true, and the producer's index after them. Nothing takes the answers.
    void fill_ring(Front& front, std::size_t ring) {
        const std::uint32_t count = any_below(9);
        std::uint32_t produced;
        std::memcpy(&produced, bytes(ring), sizeof produced);
        for (std::uint32_t i = 0; i < count; ++i, ++produced) {
            if (front.device->kind() == "vbd")
                put(ring, abi::blkif_ring_header + produced % 32 * abi::blkif_ring_entry,
                    block_request());
            else
                put(ring, 64 + produced % 256 * sizeof(netif_tx_request), net_request());
        }
        put(ring, 0, produced);
    }
    blkif_request block_request() {
        blkif_request request{};
        request.operation = static_cast<std::uint8_t>(any_below(8));
        request.nr_segments = static_cast<std::uint8_t>(any_below(4) == 0 ? any() : any_below(12));
        request.id = any();
        request.sector_number = any_below(4) == 0 ? any() : any_below(2048);
        for (blkif_request_segment& segment : request.seg)
            segment = {any_below(8) == 0 ? any() : ref_of(any_below(most_pages)),
                       static_cast<std::uint8_t>(any_below(9)),
                       static_cast<std::uint8_t>(any_below(9))};
        return request;
    }
    netif_tx_request net_request() {
        netif_tx_request request{};
        request.gref = any_below(8) == 0 ? any() : ref_of(any_below(most_pages));
        request.offset = static_cast<std::uint16_t>(any_below(4) == 0 ? any() : any_below(64));
        request.flags = static_cast<std::uint16_t>(any_below(4) == 0 ? any() : 0);
        request.id = static_cast<std::uint16_t>(any());
        request.size = static_cast<std::uint16_t>(any_below(4) == 0 ? any() : any_below(1514));
        return request;
    }

    /// Between the two a front end is connected, as far as it can tell.
    static constexpr int first_lie = 12, last_lie = 60;

    Machine& machine_;
    Guest& guest_;
    std::mt19937 random_;
    std::vector<Mfn> pages_;
    std::vector<Front> fronts_;
};

/// Types for the one guest and lies for the other, until the first has ended.
class Both final : public Outside {
public:
    explicit Both(std::vector<Typist::Line> lines) : typist(std::move(lines)) {}

    bool wants_stop() override { return victim != nullptr && !victim->is_alive(); }
    void prepare(std::vector<pollfd>& descriptors, Duration& at_most) override {
        typist.prepare(descriptors, at_most);
        at_most = std::min<Duration>(at_most, std::chrono::milliseconds{2});
    }
    void dispatch(std::span<const pollfd> descriptors) override {
        typist.dispatch(descriptors);
        if (liar != nullptr) liar->step();
    }

    Typist typist;
    Guest* victim = nullptr;
    Liar* liar = nullptr;
};

TEST(LyingFrontEnds, are_no_concern_of_another_guest) {
    constexpr std::uint32_t seed = 1;
    RecordProperty("seed", static_cast<int>(seed));
    Both outside(
        {{"login: ", "root\n"},
         {"# ", "dmesg -n 1; ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up\n"},
         {"# ",
          "for i in 1 2 3 4 5 6; do head -c 1000000 /dev/urandom >/srv/f$i; sha256sum /srv/f$i "
          ">>/srv/sums; sync; echo 3 >/proc/sys/vm/drop_caches; done; sha256sum -c /srv/sums "
          "&& echo all is we''ll; dmesg | grep -c 'I/O err''or'; poweroff\n"}});
    MachineConfig config;
    config.choose("clock", "wall", "the test");
    Machine machine(std::move(config), outside, {});

    GuestSpec spec =
        guest_spec(read_domain_config(std::string{build_info::source_root} + "/examples/base.cfg",
                                      std::vector<std::string>{"vif=[\"bridge=lan\"]"}),
                   resolve_file);
    spec.show = [&](std::span<const std::byte> output) { outside.typist.see(output); };
    Guest& victim = machine.add_guest(std::move(spec));
    GuestSpec sleeper = small_guest(sleeps(), "liar");
    std::vector<std::string> notes;
    for (const char* disk : {"memory:1M,xvda,w", "memory:1M,xvdb,r"})
        sleeper.config.disks.push_back(parse_disk(disk, notes));
    Guest& guest = machine.add_guest(std::move(sleeper));
    machine.attach(guest, parse_vif("bridge=lan", 0, guest.spec().config.uuid, "liar", notes));
    Liar liar(machine, guest, seed);
    outside.typist.sit_down(machine, victim);
    outside.victim = &victim;
    outside.liar = &liar;

    EXPECT_EQ(machine.run(), Machine::End::stopped);
    EXPECT_THAT(outside.typist.shown, HasSubstr("all is well\r\n0\r\n"));
    EXPECT_FALSE(victim.has_crashed());
    EXPECT_FALSE(guest.has_crashed());
    EXPECT_GT(liar.lies, 1000);
    EXPECT_GT(liar.answered, 0);
    EXPECT_GT(liar.cut_off, 0);
}

}  // namespace
}  // namespace ring3::test
