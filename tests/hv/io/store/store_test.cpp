// SPDX-License-Identifier: MIT
#include "hv/io/store/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/io/store/path.hpp"

namespace ring3::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr DomainId tools{0}, guest{1}, other{2};

class StoreTest : public ::testing::Test {
protected:
    StoreTest() {
        store.write(tools, 0, "/local/domain/1", "");
        store.set_permissions(tools, 0, "/local/domain/1",
                              {{tools, Rights::none}, {guest, Rights::read}});
        store.introduce(guest);
        store.introduce(other);
        store.write(tools, 0, "/local/domain/1/data", "");
        store.set_permissions(tools, 0, "/local/domain/1/data", {{guest, Rights::none}});
    }
    std::string value(std::string_view path, DomainId who = guest, Store::TransactionId in = 0) {
        std::string text;
        const Error error = store.read(who, in, path, text);
        return error == Error::none ? text : std::string(error_name(error));
    }
    Store::TransactionId start(DomainId who = guest) {
        Store::TransactionId id = 0;
        EXPECT_EQ(store.start_transaction(who, id), Error::none);
        return id;
    }

    std::vector<std::string> events;
    Store store{[this](DomainId watcher, const std::string& path, const std::string& token) {
        events.push_back(std::to_string(watcher.raw) + " " + path + " " + token);
    }};
};

TEST_F(StoreTest, reads_what_was_written) {
    EXPECT_EQ(store.write(guest, 0, "data/colour", "red"), Error::none);
    EXPECT_EQ(value("data/colour"), "red");
    EXPECT_EQ(value("/local/domain/1/data/colour"), "red");
    EXPECT_EQ(value("data/missing"), "ENOENT");
}

TEST_F(StoreTest, makes_missing_parents_that_belong_to_the_writer) {
    EXPECT_EQ(store.write(guest, 0, "data/a/b/c", "deep"), Error::none);
    EXPECT_EQ(value("data/a/b"), "");
    Permissions all;
    EXPECT_EQ(store.permissions(guest, 0, "data/a/b", all), Error::none);
    EXPECT_EQ(all.front().domain, guest);
}

TEST_F(StoreTest, refuses_malformed_paths) {
    for (const char* path : {"", "a/", "//a", "/a//b", "a b", "a\n", "ä", "/a/"})
        EXPECT_EQ(value(path), "EINVAL") << path;
    EXPECT_EQ(value(std::string(5000, 'a')), "EINVAL");
    EXPECT_FALSE(is_valid_path("/" + std::string(longest_absolute_path, 'a')));
}

TEST_F(StoreTest, refuses_what_the_permissions_do_not_give) {
    store.write(tools, 0, "/tool", "secret");
    EXPECT_EQ(value("/tool"), "EACCES");
    EXPECT_EQ(value("/nothing/here"), "EACCES") << "must not tell what exists";
    EXPECT_EQ(store.write(guest, 0, "name", "mine"), Error::acces);
    EXPECT_EQ(store.write(other, 0, "/local/domain/1/data/x", "theirs"), Error::acces);
    EXPECT_EQ(store.remove(guest, 0, "/local/domain/1"), Error::acces);
    EXPECT_EQ(value("name"), "ENOENT");
}

TEST_F(StoreTest, shares_a_node_when_its_owner_says_so) {
    store.write(guest, 0, "data/shared", "1");
    EXPECT_EQ(store.set_permissions(guest, 0, "data/shared",
                                    {{guest, Rights::none}, {other, Rights::read}}),
              Error::none);
    EXPECT_EQ(value("/local/domain/1/data/shared", other), "1");
    EXPECT_EQ(store.write(other, 0, "/local/domain/1/data/shared", "2"), Error::acces);
    EXPECT_EQ(store.set_permissions(guest, 0, "data/shared", {{other, Rights::none}}), Error::perm);
}

TEST_F(StoreTest, lists_children_in_the_order_of_their_names) {
    for (const char* name : {"data/z", "data/a", "data/m"}) store.write(guest, 0, name, "");
    std::vector<std::string> children;
    std::uint64_t generation = 0;
    EXPECT_EQ(store.directory(guest, 0, "data", children, generation), Error::none);
    EXPECT_THAT(children, ElementsAre("a", "m", "z"));
}

TEST_F(StoreTest, removes_a_node_with_all_below_it) {
    store.write(guest, 0, "data/a/b", "");
    EXPECT_EQ(store.remove(guest, 0, "data/a"), Error::none);
    EXPECT_EQ(value("data/a/b"), "ENOENT");
    EXPECT_EQ(store.remove(guest, 0, "data/a"), Error::none) << "gone already, its parent exists";
    EXPECT_EQ(store.remove(guest, 0, "data/a/b/c"), Error::noent);
    EXPECT_EQ(store.remove(tools, 0, "/"), Error::inval);
}

TEST_F(StoreTest, tells_a_watcher_at_once_and_at_each_change_at_or_below_its_path) {
    EXPECT_EQ(store.watch(guest, "data", "T"), Error::none);
    EXPECT_THAT(events, ElementsAre("1 data T"));
    store.write(guest, 0, "data/a", "1");
    store.write(tools, 0, "/local/domain/1/data/b", "2");
    store.write(tools, 0, "/local/domain/1/name", "x");
    EXPECT_THAT(events, ElementsAre("1 data T", "1 data/a T", "1 data/b T"));
}

TEST_F(StoreTest, tells_a_watcher_of_what_went_with_its_parent) {
    store.write(guest, 0, "data/a/b", "1");
    store.watch(guest, "/local/domain/1/data/a/b", "T");
    events.clear();
    store.remove(guest, 0, "data/a");
    EXPECT_THAT(events, ElementsAre("1 /local/domain/1/data/a/b T"));
}

TEST_F(StoreTest, does_not_tell_who_may_not_read) {
    store.watch(other, "/local/domain/1", "T");
    events.clear();
    store.write(guest, 0, "data/a", "1");
    EXPECT_THAT(events, IsEmpty());
}

TEST_F(StoreTest, ends_a_watch) {
    store.watch(guest, "data", "T");
    EXPECT_EQ(store.watch(guest, "data", "T"), Error::exist);
    EXPECT_EQ(store.unwatch(guest, "data", "other"), Error::noent);
    EXPECT_EQ(store.unwatch(guest, "data", "T"), Error::none);
    events.clear();
    store.write(guest, 0, "data/a", "1");
    EXPECT_THAT(events, IsEmpty());
}

TEST_F(StoreTest, shows_a_transaction_to_nobody_else_before_it_ends) {
    const auto in = start();
    store.watch(guest, "data", "T");
    events.clear();
    EXPECT_EQ(store.write(guest, in, "data/a", "1"), Error::none);
    EXPECT_EQ(value("data/a", guest, in), "1");
    EXPECT_EQ(value("data/a"), "ENOENT");
    EXPECT_THAT(events, IsEmpty());
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::none);
    EXPECT_EQ(value("data/a"), "1");
    EXPECT_THAT(events, ElementsAre("1 data/a T"));
}

TEST_F(StoreTest, forgets_an_aborted_transaction) {
    const auto in = start();
    store.write(guest, in, "data/a", "1");
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::abort), Error::none);
    EXPECT_EQ(value("data/a"), "ENOENT");
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::noent);
}

TEST_F(StoreTest, refuses_a_transaction_whose_readings_have_changed) {
    store.write(guest, 0, "data/a", "1");
    const auto in = start();
    EXPECT_EQ(value("data/a", guest, in), "1");
    store.write(guest, in, "data/copy", "1");
    store.write(tools, 0, "/local/domain/1/data/a", "2");
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::again);
    EXPECT_EQ(value("data/copy"), "ENOENT");
}

TEST_F(StoreTest, refuses_a_transaction_that_saw_nothing_where_something_is_now) {
    const auto in = start();
    EXPECT_EQ(value("data/a", guest, in), "ENOENT");
    store.write(tools, 0, "/local/domain/1/data/a", "2");
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::again);
}

TEST_F(StoreTest, refuses_a_transaction_below_a_parent_that_is_gone) {
    store.write(guest, 0, "data/dir", "");
    const auto in = start();
    store.write(guest, in, "data/dir/child", "");
    store.remove(guest, 0, "data/dir");
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::again);
}

TEST_F(StoreTest, merges_transactions_that_touch_different_nodes) {
    const auto first = start();
    const auto second = start(tools);
    store.write(guest, first, "data/a", "1");
    store.write(tools, second, "/local/domain/1/data/b", "2");
    EXPECT_EQ(store.end_transaction(tools, second, Store::End::commit), Error::none);
    EXPECT_EQ(store.end_transaction(guest, first, Store::End::commit), Error::none);
    EXPECT_EQ(value("data/a") + value("data/b"), "12");
}

TEST_F(StoreTest, removes_in_a_transaction) {
    store.write(guest, 0, "data/a/b", "1");
    const auto in = start();
    EXPECT_EQ(store.remove(guest, in, "data/a"), Error::none);
    EXPECT_EQ(value("data/a/b"), "1");
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::none);
    EXPECT_EQ(value("data/a"), "ENOENT");
}

TEST_F(StoreTest, does_not_know_a_transaction_of_another_domain) {
    const auto in = start(tools);
    EXPECT_EQ(value("data", guest, in), "ENOENT");
    EXPECT_EQ(store.write(guest, in, "data/a", ""), Error::noent);
    EXPECT_EQ(store.make_directory(guest, in, "data/a"), Error::noent);
    EXPECT_EQ(store.remove(guest, in, "data/a"), Error::noent);
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::noent);
}

TEST_F(StoreTest, tells_of_domains_that_come_and_go) {
    store.watch(tools, "@introduceDomain", "in");
    store.watch(tools, "@releaseDomain", "out");
    store.watch(other, "@releaseDomain", "not told");
    const DomainId third{3};
    store.introduce(third);
    store.watch(third, "/local", "T");
    events.clear();
    EXPECT_TRUE(store.is_introduced(third));
    store.release(third);
    EXPECT_FALSE(store.is_introduced(third));
    store.introduce(third);
    store.write(tools, 0, "/local/domain/1/data/a", "nobody hears");
    EXPECT_THAT(events, ElementsAre("0 @releaseDomain out", "0 @introduceDomain in"));
}

TEST_F(StoreTest, tells_of_domains_those_whom_domain_0_lets_know) {
    Permissions all;
    EXPECT_EQ(store.permissions(guest, 0, "@releaseDomain", all), Error::acces);
    EXPECT_EQ(store.set_permissions(guest, 0, "@releaseDomain", {{guest, Rights::none}}),
              Error::acces);
    EXPECT_EQ(store.set_permissions(tools, 0, "@noSuchEvent", {{tools, Rights::none}}),
              Error::inval);
    EXPECT_EQ(store.set_permissions(tools, 0, "@releaseDomain",
                                    {{tools, Rights::none}, {guest, Rights::read}}),
              Error::none);
    EXPECT_EQ(store.permissions(guest, 0, "@releaseDomain", all), Error::none);
    EXPECT_EQ(all.size(), 2u);
    store.watch(guest, "@releaseDomain", "T");
    store.watch(guest, "@introduceDomain", "T");
    events.clear();
    store.introduce(DomainId{3});
    store.release(DomainId{3});
    EXPECT_THAT(events, ElementsAre("1 @releaseDomain T"));
}

TEST_F(StoreTest, resets_watches_and_transactions_of_one_client) {
    store.watch(guest, "data", "T");
    store.watch(tools, "/local", "T");
    const auto in = start();
    store.reset_watches(guest);
    events.clear();
    store.write(guest, 0, "data/a", "");
    EXPECT_THAT(events, ElementsAre("0 /local/domain/1/data/a T"));
    EXPECT_EQ(store.end_transaction(guest, in, Store::End::commit), Error::noent);
}

}  // namespace
}  // namespace ring3::store
