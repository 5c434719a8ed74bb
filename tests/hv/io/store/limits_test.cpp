// SPDX-License-Identifier: MIT
// What a guest may keep in the store, and what remains when it is gone. What a hostile one tries is
// refused, and others notice nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "hv/io/store/store.hpp"

namespace ring3::store {
namespace {

constexpr DomainId tools{0}, guest{1}, other{2};

class StoreLimits : public ::testing::Test {
protected:
    StoreLimits() {
        make(guest);
        make(other);
    }
    void make(DomainId domain) {
        const std::string home = Store::home_of(domain);
        store.write(tools, 0, home, "");
        store.set_permissions(tools, 0, home, {{tools, Rights::none}, {domain, Rights::read}});
        store.write(tools, 0, home + "/data", "");
        store.set_permissions(tools, 0, home + "/data", {{domain, Rights::none}});
        store.introduce(domain);
    }
    void end(DomainId domain) {
        store.release(domain);
        store.remove(tools, 0, Store::home_of(domain));
    }
    Store::TransactionId start(DomainId who = guest) {
        Store::TransactionId id = 0;
        EXPECT_EQ(store.start_transaction(who, id), Error::none);
        return id;
    }
    static std::string name(int i) {
        return "data/" + std::to_string(i / 100) + "/" + std::to_string(i);
    }
    bool exists(std::string_view path) {
        std::string value;
        return store.read(tools, 0, path, value) == Error::none;
    }

    std::size_t told = 0;
    Store store{[this](DomainId, const std::string&, const std::string&) { ++told; }};
};

TEST_F(StoreLimits, lets_a_guest_own_1000_nodes) {
    Error error = Error::none;
    int made = 0;
    while (error == Error::none && made < 5000) error = store.write(guest, 0, name(made++), "");
    EXPECT_EQ(error, Error::nospc);
    EXPECT_LE(made, 1001);
    EXPECT_GT(made, 900);
    EXPECT_EQ(store.remove(guest, 0, name(0)), Error::none);
    EXPECT_EQ(store.write(guest, 0, name(1) + "/again", ""), Error::none);
    EXPECT_EQ(store.write(other, 0, "data/mine", ""), Error::none);
}

TEST_F(StoreLimits, bounds_a_nodes_value_and_the_names_of_its_children) {
    EXPECT_EQ(store.write(guest, 0, "data/a", std::string(2048, 'x')), Error::none);
    EXPECT_EQ(store.write(guest, 0, "data/a", std::string(2049, 'x')), Error::nospc);
    EXPECT_EQ(store.write(guest, 0, "data/a/b", ""), Error::nospc);
    EXPECT_EQ(store.write(guest, 0, "data/b", std::string(2049, 'x')), Error::nospc);
    EXPECT_EQ(store.write(guest, 0, "data/" + std::string(1500, 'n'), ""), Error::none);
    EXPECT_EQ(store.write(guest, 0, "data/" + std::string(1499, 'n'), ""), Error::nospc);
    EXPECT_EQ(store.write(tools, 0, "/big", std::string(100'000, 'x')), Error::none);
}

TEST_F(StoreLimits, bounds_paths_behind_the_home_of_a_domain) {
    const std::string home = "/local/domain/1/data/";
    std::string deep = "data";
    while (deep.size() < 2040) deep += "/abc";
    EXPECT_EQ(store.write(guest, 0, "/local/domain/1/" + deep, ""), Error::none);
    EXPECT_EQ(store.write(guest, 0, "/" + deep + std::string(20, 'x'), ""), Error::inval);
    EXPECT_EQ(store.write(guest, 0, deep + std::string(20, 'x'), ""), Error::inval);
    EXPECT_EQ(store.watch(guest, deep + std::string(20, 'x'), "T"), Error::inval);
}

TEST_F(StoreLimits, lets_a_guest_have_128_watches) {
    int made = 0;
    while (made < 10'000 && store.watch(guest, "data", std::to_string(made)) == Error::none) ++made;
    EXPECT_EQ(made, 128);
    EXPECT_EQ(store.watch(guest, "data", "one more"), Error::too_big);
    EXPECT_EQ(store.unwatch(guest, "data", "5"), Error::none);
    EXPECT_EQ(store.watch(guest, "data", "one more"), Error::none);
    EXPECT_EQ(store.watch(other, "data", "theirs"), Error::none);
}

TEST_F(StoreLimits, lets_a_guest_have_10_transactions_open) {
    std::vector<Store::TransactionId> open;
    for (int i = 0; i < 10'000; ++i) {
        Store::TransactionId id = 0;
        if (store.start_transaction(guest, id) == Error::none) open.push_back(id);
    }
    EXPECT_EQ(open.size(), 10u);
    EXPECT_EQ(store.end_transaction(guest, open[3], Store::End::abort), Error::none);
    start();
    start(other);
}

TEST_F(StoreLimits, bounds_what_one_transaction_looks_at) {
    const auto in = start();
    Error error = Error::none;
    std::string text;
    for (int i = 0; i < 1100 && error != Error::nospc; ++i)
        error = store.read(guest, in, "data/n" + std::to_string(i), text);
    EXPECT_EQ(error, Error::nospc);
}

TEST_F(StoreLimits, bounds_the_entries_of_a_nodes_permissions) {
    Permissions all(5, {guest, Rights::none});
    EXPECT_EQ(store.set_permissions(guest, 0, "data", all), Error::none);
    all.push_back({guest, Rights::none});
    EXPECT_EQ(store.set_permissions(guest, 0, "data", all), Error::nospc);
    EXPECT_EQ(store.set_permissions(guest, 0, "data", {}), Error::inval);
}

TEST_F(StoreLimits, refuses_to_give_nodes_away) {
    store.write(guest, 0, "data/gift", "");
    EXPECT_EQ(store.set_permissions(guest, 0, "data/gift", {{other, Rights::none}}), Error::perm);
    EXPECT_EQ(store.set_permissions(guest, 0, "data/gift", {{tools, Rights::none}}), Error::perm);
    const auto in = start();
    EXPECT_EQ(store.set_permissions(guest, in, "data/gift", {{other, Rights::none}}), Error::perm);
}

TEST_F(StoreLimits, bounds_all_that_is_kept_for_a_guest) {
    const Limits limits;
    const std::string big(2000, 'x');
    for (int i = 0; i < 1000; ++i) store.write(guest, 0, name(i), big);
    std::vector<Store::TransactionId> open;
    for (int t = 0; t < 10; ++t) {
        Store::TransactionId id = 0;
        if (store.start_transaction(guest, id) == Error::none) open.push_back(id);
    }
    ASSERT_FALSE(open.empty());
    Error error = Error::none;
    for (int i = 0; i < 1000; ++i) error = store.write(guest, open[0], name(i), big);
    EXPECT_EQ(error, Error::nomem);
    for (int i = 0; i < 128; ++i)
        store.watch(guest, "data", std::to_string(i) + std::string(3000, 't'));
    EXPECT_LE(store.memory_of(guest), limits.memory_bytes);
    EXPECT_EQ(store.write(other, 0, "data/fine", big), Error::none);
    // And it can make room again.
    for (const auto id : open) store.end_transaction(guest, id, Store::End::abort);
    EXPECT_EQ(store.remove(guest, 0, "data/1"), Error::none);
    EXPECT_EQ(store.write(guest, 0, "data/1", big), Error::none);
}

TEST_F(StoreLimits, fails_a_transaction_that_keeps_too_much_of_the_past) {
    const auto in = start();
    std::string text;
    ASSERT_EQ(store.read(guest, in, "data", text), Error::none);
    // Each of these snapshots makes the next write copy a node of 2,000 bytes.
    for (int i = 0; i < 10'000; ++i) {
        const auto pin = start(other);
        ASSERT_EQ(store.write(other, 0, "data/x", std::string(2000, 'x')), Error::none);
        ASSERT_EQ(store.end_transaction(other, pin, Store::End::abort), Error::none);
    }
    EXPECT_EQ(store.read(guest, in, "data", text), Error::none) << "it still gets answers";
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::again);
}

TEST_F(StoreLimits, takes_the_nodes_of_a_domain_away_with_it) {
    store.write(tools, 0, "/shared", "");
    store.set_permissions(tools, 0, "/shared", {{tools, Rights::both}});
    store.write(guest, 0, "/shared/mine", "");
    store.write(other, 0, "/shared/theirs", "");
    end(guest);
    EXPECT_FALSE(exists("/shared/mine"));
    EXPECT_TRUE(exists("/shared/theirs"));
    EXPECT_EQ(store.memory_of(guest), 0u);
}

TEST_F(StoreLimits, gives_a_later_domain_none_of_the_rights_of_an_earlier_one) {
    store.write(other, 0, "data/secret", "s");
    store.set_permissions(other, 0, "data/secret", {{other, Rights::none}, {guest, Rights::both}});
    end(guest);
    make(guest);
    std::string text;
    EXPECT_EQ(store.read(guest, 0, "/local/domain/2/data/secret", text), Error::acces);
    EXPECT_EQ(store.set_permissions(other, 0, "data/secret",
                                    {{other, Rights::none}, {guest, Rights::read}}),
              Error::none);
    EXPECT_EQ(store.read(guest, 0, "/local/domain/2/data/secret", text), Error::none);
}

TEST_F(StoreLimits, gives_no_right_to_a_domain_that_was_not_there_when_it_was_given) {
    const DomainId later{7};
    store.write(guest, 0, "data/a", "");
    store.set_permissions(guest, 0, "data/a", {{guest, Rights::none}, {later, Rights::both}});
    make(later);
    std::string text;
    EXPECT_EQ(store.read(later, 0, "/local/domain/1/data/a", text), Error::acces);
}

TEST_F(StoreLimits, fails_a_transaction_that_gives_to_a_domain_gone_meanwhile) {
    Store::TransactionId in = start(tools);
    store.write(tools, in, "/gift", "");
    store.set_permissions(tools, in, "/gift", {{guest, Rights::none}});
    end(guest);
    make(guest);
    EXPECT_EQ(store.end_transaction(tools, in, Store::End::commit), Error::again);
}

TEST_F(StoreLimits, judges_a_transaction_by_the_permissions_at_its_end) {
    store.write(tools, 0, "/shared", "");
    store.set_permissions(tools, 0, "/shared", {{tools, Rights::both}});
    const auto in = start();
    EXPECT_EQ(store.write(guest, in, "/shared/a", ""), Error::none);
    store.set_permissions(tools, 0, "/shared", {{tools, Rights::read}});
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::again);
    EXPECT_FALSE(exists("/shared/a"));
}

TEST_F(StoreLimits, keeps_nothing_of_domains_that_come_and_go) {
    const std::size_t before = store.memory_of(tools);
    for (int i = 0; i < 20'000; ++i) {
        store.write(guest, 0, "data/a/b/c", "x");
        store.watch(guest, "data", "T");
        store.write(guest, start(), "data/d", "y");
        end(guest);
        ASSERT_EQ(store.memory_of(guest), 0u);
        make(guest);
    }
    EXPECT_EQ(store.memory_of(tools), before);
}

TEST_F(StoreLimits, stays_quick_with_thousands_of_nodes_and_watches) {
    const auto start_time = std::chrono::steady_clock::now();
    for (int i = 0; i < 5000; ++i) {
        ASSERT_EQ(store.write(tools, 0, "/many/" + std::to_string(i), "x"), Error::none);
        ASSERT_EQ(store.watch(tools, "/many/" + std::to_string(i), "T"), Error::none);
    }
    told = 0;
    for (int i = 0; i < 5000; ++i)
        ASSERT_EQ(store.write(tools, 0, "/many/" + std::to_string(i), "y"), Error::none);
    EXPECT_EQ(told, 5000u);
    EXPECT_EQ(store.remove(tools, 0, "/many"), Error::none);
    EXPECT_EQ(told, 10'000u);
    // Generous: each step takes microseconds, and took milliseconds when it looked at everything.
    EXPECT_LT(std::chrono::steady_clock::now() - start_time, std::chrono::seconds(5));
}

}  // namespace
}  // namespace ring3::store
