// SPDX-License-Identifier: MIT
// The store as a guest meets it: bytes in a shared page.
#include "hv/io/store/connection.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "hv/abi/xs_wire.hpp"

namespace ring3::store {
namespace {

constexpr DomainId guest{1};
using namespace std::string_literals;

class StoreConnection : public ::testing::Test {
protected:
    StoreConnection() {
        store.write(DomainId{0}, 0, "/local/domain/1", "");
        store.set_permissions(DomainId{0}, 0, "/local/domain/1", {{guest, Rights::none}});
        connection = std::make_unique<Connection>(frames, page, store, guest, [this] { ++kicks; });
    }
    abi::StoreRing& ring() { return *reinterpret_cast<abi::StoreRing*>(frames.at(page).host); }

    void put(std::string_view bytes) {
        for (const char byte : bytes) {
            if (ring().req_prod - ring().req_cons == XENSTORE_RING_SIZE) connection->serve();
            ring().req[MASK_XENSTORE_IDX(ring().req_prod)] = byte;
            ring().req_prod = ring().req_prod + 1;
        }
        connection->serve();
    }
    static std::string bytes_of(std::uint32_t type, std::string_view payload, std::uint32_t id = 7,
                                std::uint32_t transaction = 0) {
        const abi::StoreHeader header{type, id, transaction,
                                      static_cast<std::uint32_t>(payload.size())};
        std::string bytes(sizeof header, '\0');
        std::memcpy(bytes.data(), &header, sizeof header);
        return bytes.append(payload);
    }
    std::string take(std::size_t count) {
        std::string bytes;
        while (bytes.size() < count) {
            if (ring().rsp_cons == ring().rsp_prod) connection->serve();
            if (ring().rsp_cons == ring().rsp_prod) break;
            bytes.push_back(ring().rsp[MASK_XENSTORE_IDX(ring().rsp_cons)]);
            ring().rsp_cons = ring().rsp_cons + 1;
        }
        return bytes;
    }
    /// "type id transaction payload" of the next message, "" when there is none.
    Message next() {
        const std::string head = take(sizeof(abi::StoreHeader));
        if (head.size() < sizeof(abi::StoreHeader)) return {XS_INVALID, 0, 0, {}};
        abi::StoreHeader header;
        std::memcpy(&header, head.data(), sizeof header);
        return {header.type, header.req_id, header.tx_id, take(header.len)};
    }
    std::string ask(std::uint32_t type, std::string_view payload, std::uint32_t transaction = 0) {
        put(bytes_of(type, payload, 7, transaction));
        const Message reply = next();
        EXPECT_EQ(reply.request_id, 7u);
        EXPECT_TRUE(reply.type == type || reply.type == XS_ERROR);
        return reply.payload;
    }

    FrameTable frames{Frames{16}};
    Mfn page = *frames.allocate(guest);
    std::unique_ptr<Connection> connection;
    Store store{[this](DomainId watcher, const std::string& path, const std::string& token) {
        if (watcher == guest) connection->add_event(path, token);
    }};
    int kicks = 0;
};

TEST_F(StoreConnection, answers_each_operation_in_the_form_of_the_protocol) {
    EXPECT_EQ(ask(XS_WRITE, "data/a\0red"s), "OK\0"s);
    EXPECT_EQ(ask(XS_READ, "data/a\0"s), "red");
    EXPECT_EQ(ask(XS_READ, "data/b\0"s), "ENOENT\0"s);
    EXPECT_EQ(ask(XS_MKDIR, "data/b\0"s), "OK\0"s);
    EXPECT_EQ(ask(XS_DIRECTORY, "data\0"s), "a\0b\0"s);
    EXPECT_EQ(ask(XS_GET_PERMS, "data/a\0"s), "n1\0"s);
    EXPECT_EQ(ask(XS_SET_PERMS, "data/a\0n1\0r2\0"s), "OK\0"s);
    EXPECT_EQ(ask(XS_GET_PERMS, "data/a\0"s), "n1\0r2\0"s);
    EXPECT_EQ(ask(XS_RM, "data/a\0"s), "OK\0"s);
    EXPECT_EQ(ask(XS_GET_DOMAIN_PATH, "5\0"s), "/local/domain/5\0"s);
    EXPECT_EQ(ask(XS_IS_DOMAIN_INTRODUCED, "5\0"s), "F\0"s);
    EXPECT_EQ(ask(XS_INTRODUCE, "5\0"s), "EACCES\0"s);
    EXPECT_EQ(ask(XS_CONTROL, "help\0"s), "EACCES\0"s);
    EXPECT_EQ(ask(999, ""), "ENOSYS\0"s);
}

TEST_F(StoreConnection, sends_the_first_event_of_a_watch_behind_the_reply) {
    EXPECT_EQ(ask(XS_WATCH, "data\0tok\0"s), "OK\0"s);
    const Message event = next();
    EXPECT_EQ(event.type, std::uint32_t{XS_WATCH_EVENT});
    EXPECT_EQ(event.payload, "data\0tok\0"s);
    EXPECT_EQ(ask(XS_UNWATCH, "data\0tok\0"s), "OK\0"s);
}

TEST_F(StoreConnection, runs_transactions) {
    EXPECT_EQ(ask(XS_TRANSACTION_START, "\0"s), "1\0"s);
    EXPECT_EQ(ask(XS_WRITE, "data/a\0x"s, 1), "OK\0"s);
    EXPECT_EQ(ask(XS_READ, "data/a\0"s), "ENOENT\0"s);
    EXPECT_EQ(ask(XS_TRANSACTION_START, "\0"s, 1), "EBUSY\0"s);
    EXPECT_EQ(ask(XS_TRANSACTION_END, "maybe\0"s, 1), "EINVAL\0"s);
    EXPECT_EQ(ask(XS_TRANSACTION_END, "T\0"s, 1), "OK\0"s);
    EXPECT_EQ(ask(XS_READ, "data/a\0"s), "x");
}

TEST_F(StoreConnection, answers_requests_that_arrive_together_in_order) {
    put(bytes_of(XS_READ, "a\0"s, 1) + bytes_of(XS_READ, "b\0"s, 2) + bytes_of(XS_READ, "c\0"s, 3));
    for (std::uint32_t id : {1u, 2u, 3u}) EXPECT_EQ(next().request_id, id);
    EXPECT_EQ(kicks, 1);
}

TEST_F(StoreConnection, waits_for_the_rest_of_a_message) {
    const std::string bytes = bytes_of(XS_READ, "data\0"s);
    for (const char byte : bytes.substr(0, bytes.size() - 1)) put({&byte, 1});
    EXPECT_EQ(ring().rsp_prod, 0u);
    put({&bytes.back(), 1});
    EXPECT_EQ(next().payload, "ENOENT\0"s);
}

TEST_F(StoreConnection, carries_messages_longer_than_the_ring) {
    const std::string value(2000, 'v');
    EXPECT_EQ(ask(XS_WRITE, "data\0"s + value), "OK\0"s);
    EXPECT_EQ(ask(XS_READ, "data\0"s), value);
}

TEST_F(StoreConnection, lists_a_long_directory_in_parts) {
    std::string wanted;
    for (int i = 100; i < 999; ++i) {
        const std::string name = "child" + std::to_string(i);
        store.write(DomainId{0}, 0, "/local/domain/1/data/" + name, "");
        wanted += name + '\0';
    }
    EXPECT_EQ(ask(XS_DIRECTORY, "data\0"s), "E2BIG\0"s);
    std::string names;
    while (true) {
        const std::string part =
            ask(XS_DIRECTORY_PART, "data\0"s + std::to_string(names.size()) + '\0');
        const std::size_t head = part.find('\0') + 1;
        ASSERT_GT(part.size(), head);
        const bool last = part.ends_with("\0\0"s);
        names += part.substr(head, part.size() - head - (last ? 1 : 0));
        if (last) break;
    }
    EXPECT_EQ(names, wanted);
}

TEST_F(StoreConnection, answers_no_more_while_the_client_does_not_read) {
    store.write(guest, 0, "data", std::string(1500, 'x'));
    for (int i = 0; i < 10; ++i) {
        const std::string request = bytes_of(XS_READ, "data\0"s);
        if (ring().req_prod - ring().req_cons + request.size() > XENSTORE_RING_SIZE) break;
        put(request);
    }
    EXPECT_EQ(ring().rsp_prod, XENSTORE_RING_SIZE) << "the ring is full";
    EXPECT_GT(ring().req_prod - ring().req_cons, 0u) << "requests wait in the guest's own page";
    EXPECT_EQ(next().payload.size(), 1500u);
    EXPECT_EQ(next().payload.size(), 1500u);
}

TEST_F(StoreConnection, keeps_one_event_of_several_equal_ones_for_a_client_that_does_not_read) {
    ask(XS_WATCH, "data\0tok\0"s);
    next();
    ring().rsp_prod = ring().rsp_cons + XENSTORE_RING_SIZE;  // as if full
    for (int i = 0; i < 10'000; ++i) store.write(DomainId{0}, 0, "/local/domain/1/data", "again");
    ring().rsp_cons = ring().rsp_prod;
    EXPECT_EQ(next().payload, "data\0tok\0"s);
    EXPECT_EQ(next().type, std::uint32_t{XS_INVALID});
}

TEST_F(StoreConnection, tells_a_slow_client_to_look_again_instead_of_keeping_all_events) {
    ask(XS_WATCH, "data\0tok\0"s);
    next();
    ring().rsp_prod = ring().rsp_cons + XENSTORE_RING_SIZE;
    for (int i = 0; i < 100'000; ++i) {
        const std::string path = "/local/domain/1/data/" + std::to_string(i);
        store.write(DomainId{0}, 0, path, "");
        store.remove(DomainId{0}, 0, path);
    }
    ring().rsp_cons = ring().rsp_prod;
    std::size_t events = 0, bytes = 0;
    std::string last;
    for (Message event = next(); event.type == XS_WATCH_EVENT; event = next()) {
        ++events;
        bytes += event.payload.size();
        last = event.payload;
    }
    EXPECT_GT(events, 1000u);
    EXPECT_LT(bytes, 100'000u);
    EXPECT_EQ(last, "data\0tok\0"s) << "the whole watch, behind single events";
    EXPECT_FALSE(connection->is_broken());
    EXPECT_EQ(ask(XS_WRITE, "data/a\0b"s), "OK\0"s);
}

TEST_F(StoreConnection, does_not_listen_to_a_client_with_impossible_indices) {
    ring().req_prod = ring().req_cons + XENSTORE_RING_SIZE + 1;
    connection->serve();
    EXPECT_TRUE(connection->is_broken());
    EXPECT_EQ(ring().error, std::uint32_t{XENSTORE_ERROR_RINGIDX});
    ring().req_prod = ring().req_cons;
    put(bytes_of(XS_READ, "data\0"s));
    EXPECT_EQ(ring().rsp_prod, 0u);
}

TEST_F(StoreConnection, does_not_send_into_a_ring_with_impossible_indices) {
    ring().rsp_prod = ring().rsp_cons - 1;
    put(bytes_of(XS_READ, "data\0"s));
    EXPECT_TRUE(connection->is_broken());
}

TEST_F(StoreConnection, refuses_a_message_longer_than_the_protocol_allows) {
    abi::StoreHeader header{XS_WRITE, 1, 0, abi::store_payload_max + 1};
    std::string bytes(sizeof header, '\0');
    std::memcpy(bytes.data(), &header, sizeof header);
    put(bytes);
    EXPECT_TRUE(connection->is_broken());
    EXPECT_EQ(ring().error, std::uint32_t{XENSTORE_ERROR_PROTO});
}

TEST_F(StoreConnection, answers_payloads_without_their_nul_with_einval) {
    for (const std::uint32_t type :
         {XS_READ, XS_WRITE, XS_MKDIR, XS_RM, XS_DIRECTORY, XS_GET_PERMS, XS_SET_PERMS, XS_WATCH,
          XS_UNWATCH, XS_GET_DOMAIN_PATH, XS_DIRECTORY_PART, XS_IS_DOMAIN_INTRODUCED}) {
        EXPECT_EQ(ask(type, "no end"), "EINVAL\0"s) << type;
        EXPECT_EQ(ask(type, ""), "EINVAL\0"s) << type;
    }
}

}  // namespace
}  // namespace ring3::store
