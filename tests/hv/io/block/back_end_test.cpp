// SPDX-License-Identifier: MIT
#include "hv/io/block/back_end.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/io/block/memory_disk.hpp"
#include "hv/io/block/open_disk.hpp"
#include "tests/hv/io/block/block_front_end.hpp"
#include "tests/hv/io/block/temporary_file.hpp"

namespace ring3 {
namespace {

using testing::Each;
using testing::SizeIs;

constexpr std::uint64_t disk_sectors = 4096;

std::shared_ptr<Disk> memory_disk() { return std::make_shared<MemoryDisk>(disk_sectors * 512); }

struct Case {
    std::string name;
    BlockFrontEndOptions options;

    friend void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }
};

/// What holds for every path, transfer, ring size and world.
class EveryBlockRing : public testing::TestWithParam<Case> {
protected:
    BlockFrontEnd front{memory_disk(), GetParam().options};
};

TEST_P(EveryBlockRing, writes_and_reads_back_what_the_guest_gave) {
    front.connect();
    ASSERT_EQ(front.back->state(), XenbusStateConnected);
    for (std::size_t n = 0; n < 11; ++n) front.fill(n, static_cast<std::uint8_t>(n + 1));
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_WRITE, 100, 88)), BLKIF_RSP_OKAY);
    for (std::size_t n = 0; n < 11; ++n) front.fill(n, 0);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_READ, 108, 80)), BLKIF_RSP_OKAY);
    for (std::size_t n = 0; n < 10; ++n)
        EXPECT_THAT(front.data(n), Each(static_cast<std::byte>(n + 2))) << n;
}

TEST_P(EveryBlockRing, moves_parts_of_pages) {
    front.connect();
    front.fill(0, 7);
    blkif_request request = front.transfer(BLKIF_OP_WRITE, 10, 8);
    request.seg[0].first_sect = 3;
    request.seg[0].last_sect = 4;
    EXPECT_EQ(front.ask(request), BLKIF_RSP_OKAY);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_READ, 9, 8, 1)), BLKIF_RSP_OKAY);
    EXPECT_THAT(front.data(1).first(512), Each(std::byte{0}));
    EXPECT_THAT(front.data(1).subspan(512, 1024), Each(std::byte{7}));
    EXPECT_THAT(front.data(1).subspan(1536), Each(std::byte{0}));
}

TEST_P(EveryBlockRing, answers_more_requests_than_the_ring_has_entries) {
    front.connect();
    for (int round = 0; round < 5; ++round) {
        for (std::uint32_t i = 0; i < front.entries(); ++i)
            front.put(front.transfer(BLKIF_OP_WRITE, i * 8 % disk_sectors, 8));
        front.run();
        EXPECT_THAT(front.responses(), SizeIs(front.entries()));
    }
    EXPECT_EQ(front.domain0().charged.requests, 5u * front.entries());
}

TEST_P(EveryBlockRing, does_indirect_requests) {
    front.connect();
    for (std::size_t n = 0; n < BlockFrontEnd::data_pages; ++n)
        front.fill(n, static_cast<std::uint8_t>(n + 1));
    EXPECT_EQ(front.ask(front.indirect(BLKIF_OP_WRITE, 0, 33 * 8)), BLKIF_RSP_OKAY);
    for (std::size_t n = 0; n < BlockFrontEnd::data_pages; ++n) front.fill(n, 0);
    EXPECT_EQ(front.ask(front.indirect(BLKIF_OP_READ, 8, 32 * 8)), BLKIF_RSP_OKAY);
    EXPECT_THAT(front.data(31), Each(std::byte{33}));
}

TEST_P(EveryBlockRing, flushes_and_discards) {
    front.connect();
    front.fill(0, 9);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_WRITE_BARRIER, 8, 8)), BLKIF_RSP_OKAY);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_WRITE_BARRIER, 0, 0)), BLKIF_RSP_OKAY);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_FLUSH_DISKCACHE, 0, 0)), BLKIF_RSP_OKAY);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_FLUSH_DISKCACHE, 16, 8)), BLKIF_RSP_OKAY);
    EXPECT_EQ(front.ask(front.discard(8, 8)), BLKIF_RSP_OKAY);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_READ, 8, 16, 1)), BLKIF_RSP_OKAY);
    EXPECT_THAT(front.data(1), Each(std::byte{0}));
    EXPECT_THAT(front.data(2), Each(std::byte{9}));
}

TEST_P(EveryBlockRing, keeps_a_barrier_between_what_is_before_and_after) {
    front.connect();
    for (std::uint32_t i = 0; i < 4; ++i) front.put(front.transfer(BLKIF_OP_WRITE, i * 8, 8));
    const blkif_request barrier = front.transfer(BLKIF_OP_WRITE_BARRIER, 64, 8);
    front.put(barrier);
    for (std::uint32_t i = 0; i < 4; ++i) front.put(front.transfer(BLKIF_OP_READ, i * 8, 8));
    front.run();
    const auto answers = front.responses();
    ASSERT_THAT(answers, SizeIs(9));
    EXPECT_EQ(answers[4].id, barrier.id);
}

TEST_P(EveryBlockRing, lets_go_of_all_pages_when_the_front_end_closes_and_connects_again) {
    const auto references = [&] {
        std::uint64_t all = 0;
        for (const Mfn mfn : front.small.p2m) all += front.small.frames.at(mfn).ref_count;
        return all;
    };
    const std::uint64_t before = references();
    front.connect();
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_WRITE, 0, 88)), BLKIF_RSP_OKAY);
    EXPECT_GT(references(), before);
    front.set_state(XenbusStateClosing);
    EXPECT_EQ(references(), before);
    front.set_state(XenbusStateClosed);
    EXPECT_EQ(front.back->state(), XenbusStateClosed);
    front.set_state(XenbusStateInitialising);
    EXPECT_EQ(front.back->state(), XenbusStateInitWait);
    front.connect();
    EXPECT_EQ(front.back->state(), XenbusStateConnected) << front.read_node("error");
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_READ, 0, 88)), BLKIF_RSP_OKAY);
}

TEST_P(EveryBlockRing, may_go_away_with_requests_in_the_ring) {
    front.connect();
    for (std::uint32_t i = 0; i < front.entries(); ++i)
        front.put(front.transfer(BLKIF_OP_WRITE, i * 8 % disk_sectors, 8));
    front.kick();
    front.domain0().run_next();
    front.back.reset();
    front.pass_time();
}

const Case cases[] = {
    {"event", {}},
    {"copied", {.transfer = "copy"}},
    {"persistent", {.transfer = "persistent", .persistent = true}},
    {"persistent_not_taken", {.transfer = "persistent"}},
    {"persistent_not_offered", {.persistent = true}},
    {"two_pages", {.order = 1}},
    {"sixteen_pages", {.order = 4}},
    {"coalesced", {.path = "coalesced", .model = "instant"}},
    {"polled_ssd", {.model = "ssd", .order = 2}},
    {"disk_2003", {.model = "disk-2003"}},
    {"disk_2003_copied", {.transfer = "copy", .model = "disk-2003"}},
};
INSTANTIATE_TEST_SUITE_P(Block, EveryBlockRing, testing::ValuesIn(cases),
                         [](const auto& test) { return test.param.name; });

TEST(BlockBackEnd, publishes_what_xen_blkback_offers) {
    BlockFrontEnd front(memory_disk());
    EXPECT_EQ(front.back->state(), XenbusStateInitWait);
    EXPECT_EQ(front.read_node("sectors"), "4096");
    EXPECT_EQ(front.read_node("sector-size"), "512");
    EXPECT_EQ(front.read_node("info"), "0");
    EXPECT_EQ(front.read_node("mode"), "w");
    EXPECT_EQ(front.read_node("feature-flush-cache"), "1");
    EXPECT_EQ(front.read_node("feature-discard"), "1");
    EXPECT_EQ(front.read_node("feature-max-indirect-segments"), "256");
    EXPECT_EQ(front.read_node("max-ring-page-order"), "4");
}

TEST(BlockBackEnd, connects_several_queues) {
    BlockFrontEnd front(memory_disk());
    front.write_node("multi-queue-num-queues", "2");
    for (int queue = 0; queue < 2; ++queue) {
        const std::string folder = fmt::format("queue-{}/", queue);
        const int allocated = front.small.domain.events().alloc_unbound(DomainId{0});
        front.write_node(folder + "ring-ref",
                         std::to_string(BlockFrontEnd::ref_of(static_cast<std::uint64_t>(queue))));
        front.write_node(folder + "event-channel", std::to_string(allocated));
        front.port = EventPort{static_cast<std::uint32_t>(allocated)};
    }
    front.set_state(XenbusStateInitialised);
    EXPECT_EQ(front.back->state(), XenbusStateConnected) << front.read_node("error");
}

TEST(BlockBackEnd, refuses_connections_that_cannot_be) {
    struct Wrong {
        const char* node;
        const char* value;
        const char* error;
    };
    const Wrong wrongs[] = {
        {"protocol", "x86_32-abi", "protocol is not x86_64-abi"},
        {"ring-ref", "400", "ring-ref names no page"},
        {"ring-ref", "99999999999", "ring-ref names no page"},
        {"event-channel", "77", "event-channel is none"},
        {"event-channel", "x", "there is no event-channel"},
        {"ring-page-order", "5", "more than 16 pages"},
        {"num-ring-pages", "3", "more than 16 pages"},
        {"multi-queue-num-queues", "0", "0 queues"},
        {"multi-queue-num-queues", "5", "5 queues"},
        {"multi-queue-num-queues", "2", "queue-0/ring-ref names no page"},
    };
    for (const Wrong& wrong : wrongs) {
        BlockFrontEnd front(memory_disk());
        front.publish();
        front.write_node(wrong.node, wrong.value);
        front.set_state(XenbusStateInitialised);
        EXPECT_EQ(front.back->state(), XenbusStateClosing) << wrong.node << wrong.value;
        EXPECT_THAT(front.read_node("error"), testing::HasSubstr(wrong.error));
    }
}

TEST(BlockBackEnd, refuses_what_a_request_must_not_ask) {
    BlockFrontEnd front(memory_disk());
    front.connect();
    const auto status = [&](auto change) {
        blkif_request request = front.transfer(BLKIF_OP_READ, 0, 16);
        change(request);
        return front.ask(request);
    };
    EXPECT_EQ(status([](auto& r) { r.operation = 9; }), BLKIF_RSP_EOPNOTSUPP);
    EXPECT_EQ(status([](auto& r) { r.nr_segments = 0; }), BLKIF_RSP_ERROR);
    EXPECT_EQ(status([](auto& r) { r.nr_segments = 12; }), BLKIF_RSP_ERROR);
    EXPECT_EQ(status([](auto& r) { r.nr_segments = 255; }), BLKIF_RSP_ERROR);
    EXPECT_EQ(status([](auto& r) { r.seg[1].first_sect = 5, r.seg[1].last_sect = 4; }),
              BLKIF_RSP_ERROR);
    EXPECT_EQ(status([](auto& r) { r.seg[1].last_sect = 8; }), BLKIF_RSP_ERROR);
    EXPECT_EQ(status([](auto& r) { r.seg[0].gref = 400; }), BLKIF_RSP_ERROR);
    EXPECT_EQ(status([](auto& r) { r.seg[0].gref = 0xffffffff; }), BLKIF_RSP_ERROR);
    EXPECT_EQ(status([](auto& r) { r.sector_number = disk_sectors - 15; }), BLKIF_RSP_ERROR);
    EXPECT_EQ(status([](auto& r) { r.sector_number = ~std::uint64_t{0}; }), BLKIF_RSP_ERROR);
    EXPECT_EQ(status([](auto& r) { r.sector_number = disk_sectors - 16; }), BLKIF_RSP_OKAY);

    blkif_request_indirect indirect = front.indirect(BLKIF_OP_READ, 0, 16);
    indirect.nr_segments = 257;
    EXPECT_EQ(front.ask(indirect), BLKIF_RSP_ERROR);
    indirect.nr_segments = 0;
    EXPECT_EQ(front.ask(indirect), BLKIF_RSP_ERROR);
    indirect.nr_segments = 2;
    indirect.indirect_op = BLKIF_OP_FLUSH_DISKCACHE;
    EXPECT_EQ(front.ask(indirect), BLKIF_RSP_EOPNOTSUPP);
    indirect.indirect_op = BLKIF_OP_READ;
    indirect.indirect_grefs[0] = 400;
    EXPECT_EQ(front.ask(indirect), BLKIF_RSP_ERROR);

    EXPECT_EQ(front.ask(front.discard(1, disk_sectors)), BLKIF_RSP_ERROR);
    EXPECT_EQ(front.ask(front.discard(2, ~std::uint64_t{0})), BLKIF_RSP_ERROR);
    EXPECT_EQ(front.back->state(), XenbusStateConnected);
}

TEST(BlockBackEnd, stores_nothing_to_pages_that_are_granted_for_reading_only) {
    BlockFrontEnd front(memory_disk());
    front.connect();
    front.grant(BlockFrontEnd::data_pfn(0), GTF_readonly);
    front.fill(0, 5);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_READ, 0, 8)), BLKIF_RSP_ERROR);
    EXPECT_THAT(front.data(0), Each(std::byte{5}));
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_WRITE, 0, 8)), BLKIF_RSP_OKAY);
    // A page table is never written, whatever is granted.
    front.grant(SmallDomain::first_table, 0);
    blkif_request request = front.transfer(BLKIF_OP_READ, 0, 8);
    request.seg[0].gref = BlockFrontEnd::ref_of(SmallDomain::first_table);
    EXPECT_EQ(front.ask(request), BLKIF_RSP_ERROR);
}

TEST(BlockBackEnd, ends_the_connection_of_a_front_end_whose_index_runs_away) {
    for (const std::uint32_t index : {33u, 1000u, 0x80000000u, 0xffffffffu}) {
        BlockFrontEnd front(memory_disk());
        front.connect();
        front.set_index(offsetof(blkif_sring, req_prod), index);
        front.kick();
        front.settle();
        EXPECT_EQ(front.back->state(), XenbusStateClosing);
        EXPECT_THAT(front.read_node("error"), testing::HasSubstr("producer index"));
        EXPECT_THAT(front.responses(), SizeIs(0));
    }
}

TEST(BlockBackEnd, writes_nothing_to_a_read_only_disk) {
    const TemporaryFile file(1 << 20, 'x');
    const auto io = make_immediate_io();
    std::vector<std::string> notes;
    BlockFrontEnd front(
        open_disk({.sharing = Sharing::read_only, .path = file.path()}, *io, notes));
    EXPECT_EQ(front.read_node("mode"), "r");
    EXPECT_EQ(front.read_node("info"), "4");
    EXPECT_EQ(front.read_node("feature-discard"), "");
    front.connect();
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_WRITE, 0, 8)), BLKIF_RSP_ERROR);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_WRITE_BARRIER, 0, 8)), BLKIF_RSP_ERROR);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_FLUSH_DISKCACHE, 0, 8)), BLKIF_RSP_ERROR);
    EXPECT_EQ(front.ask(front.indirect(BLKIF_OP_WRITE, 0, 8)), BLKIF_RSP_ERROR);
    EXPECT_EQ(front.ask(front.discard(0, 8)), BLKIF_RSP_EOPNOTSUPP);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_READ, 0, 8)), BLKIF_RSP_OKAY);
    EXPECT_THAT(front.data(0), Each(std::byte{'x'}));
    EXPECT_EQ(file.read(), std::string(1 << 20, 'x'));
}

TEST(BlockBackEnd, answers_a_read_behind_the_end_of_a_file_that_became_shorter) {
    TemporaryFile file(1 << 20, 'x');
    const auto io = make_immediate_io();
    std::vector<std::string> notes;
    BlockFrontEnd front(
        open_disk({.sharing = Sharing::exclusive, .path = file.path()}, *io, notes));
    front.connect();
    std::filesystem::resize_file(file.path(), 4096);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_READ, 100, 8)), BLKIF_RSP_ERROR);
    EXPECT_EQ(front.ask(front.transfer(BLKIF_OP_READ, 0, 8)), BLKIF_RSP_OKAY);
}

TEST(BlockBackEnd, puts_nothing_of_its_own_memory_between_the_fields_of_a_response) {
    BlockFrontEnd front(memory_disk());
    front.connect();
    front.put(front.transfer(BLKIF_OP_READ, 0, 8));
    // The request's identity stands where the response has padding.
    front.move_entry(0, 16, [](std::byte& byte, std::size_t i) {
        if (i >= 8) byte = std::byte{0xff};
    });
    front.run();
    front.move_entry(0, 16, [](std::byte& byte, std::size_t i) {
        const bool is_padding = i == 9 || i >= 12;
        EXPECT_TRUE(!is_padding || byte == std::byte{0}) << i;
    });
}

TEST(BlockBackEnd, notifies_only_a_front_end_that_asked_for_it) {
    BlockFrontEnd front(memory_disk());
    front.connect();
    front.set_index(offsetof(blkif_sring, rsp_event), 3);
    const auto& events = front.small.domain.events();
    front.put(front.transfer(BLKIF_OP_READ, 0, 8));
    front.put(front.transfer(BLKIF_OP_READ, 0, 8));
    front.run();
    EXPECT_FALSE(events.is_pending(front.port));
    front.put(front.transfer(BLKIF_OP_READ, 0, 8));
    front.run();
    EXPECT_TRUE(events.is_pending(front.port));
    EXPECT_EQ(front.index(offsetof(blkif_sring, req_event)), 4u) << "it wants the next kick";
}

}  // namespace
}  // namespace ring3
