// SPDX-License-Identifier: MIT
#include "hv/io/store/native_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "hv/io/store/store.hpp"

namespace ring3::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr DomainId tools{0};

class StoreNativeWatch : public ::testing::Test {
protected:
    NativeWatch::Callback note(const std::string& name) {
        return [this, name](const std::string& path) { calls.push_back(name + " " + path); };
    }
    void write(std::string_view path) { ASSERT_EQ(store.write(tools, 0, path, ""), Error::none); }

    std::vector<std::string> calls;
    Store store{[](DomainId, const std::string&, const std::string&) {}};
};

TEST_F(StoreNativeWatch, fires_once_for_its_registration_then_for_each_change_at_or_below_it) {
    const NativeWatch watch(store, "/backend", note("a"));
    EXPECT_THAT(calls, IsEmpty()) << "not within the constructor";
    EXPECT_TRUE(store.has_native_events());
    store.deliver_native();
    EXPECT_THAT(calls, ElementsAre("a /backend"));
    write("/backend/vbd");
    write("/frontend");
    store.remove(tools, 0, "/backend/vbd");
    write("/backend/vif");
    store.deliver_native();
    EXPECT_THAT(calls, ElementsAre("a /backend", "a /backend/vbd", "a /backend/vif"));
    EXPECT_FALSE(store.has_native_events());
}

TEST_F(StoreNativeWatch, tells_several_watches_in_the_order_of_their_registration) {
    const NativeWatch first(store, "/a", note("1"));
    const NativeWatch second(store, "/", note("2"));
    const NativeWatch third(store, "/a", note("3"));
    store.deliver_native();
    calls.clear();
    write("/a");
    store.deliver_native();
    EXPECT_THAT(calls, ElementsAre("1 /a", "2 /a", "3 /a"));
}

TEST_F(StoreNativeWatch, is_silent_once_destroyed_even_about_what_waited) {
    auto watch = std::make_unique<NativeWatch>(store, "/a", note("a"));
    write("/a");
    watch.reset();
    store.deliver_native();
    EXPECT_THAT(calls, IsEmpty());
}

TEST_F(StoreNativeWatch, may_write_in_its_callback_and_hears_of_it_afterwards) {
    const NativeWatch watch(store, "/a", [&](const std::string& path) {
        calls.push_back(path);
        if (path == "/a/1") {
            write("/a/2");
            store.deliver_native();
            EXPECT_EQ(calls.back(), "/a/1") << "nothing is told within a callback";
        }
    });
    write("/a/1");
    store.deliver_native();
    EXPECT_THAT(calls, ElementsAre("/a", "/a/1", "/a/2"));
}

TEST_F(StoreNativeWatch, may_destroy_itself_and_others_and_make_new_ones_in_its_callback) {
    std::unique_ptr<NativeWatch> one, other, made;
    one = std::make_unique<NativeWatch>(store, "/a", [&](const std::string& path) {
        const auto captured = calls.size();
        one.reset();
        other.reset();
        made = std::make_unique<NativeWatch>(store, "/b", note("made"));
        calls.push_back("one " + path + " " + std::to_string(captured));
    });
    other = std::make_unique<NativeWatch>(store, "/a", note("other"));
    write("/a");
    store.deliver_native();
    EXPECT_THAT(calls, ElementsAre("one /a 0", "made /b"));
}

TEST_F(StoreNativeWatch, hears_of_domains_that_come_and_go) {
    const NativeWatch come(store, "@introduceDomain", note("come"));
    const NativeWatch go(store, "@releaseDomain", note("go"));
    store.deliver_native();
    calls.clear();
    store.introduce(DomainId{1});
    store.release(DomainId{1});
    store.deliver_native();
    EXPECT_THAT(calls, ElementsAre("come @introduceDomain", "go @releaseDomain"));
}

TEST_F(StoreNativeWatch, is_no_watch_of_a_client_in_domain_0) {
    const NativeWatch watch(store, "/a", note("a"));
    store.deliver_native();
    EXPECT_EQ(store.unwatch(tools, "/a", ""), Error::noent);
    store.reset_watches(tools);
    write("/a");
    store.deliver_native();
    EXPECT_THAT(calls, ElementsAre("a /a", "a /a"));
}

}  // namespace
}  // namespace ring3::store
