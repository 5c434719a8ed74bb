// SPDX-License-Identifier: MIT
#include "hv/io/xenbus/back_end.hpp"

#include <gtest/gtest.h>

#include "tests/hv/domain/small_domain.hpp"
#include "tests/hv/io/fake_driver_domain.hpp"

namespace ring3::xenbus {
namespace {

class Device final : public BackEnd {
public:
    explicit Device(const Place& place) : BackEnd(place, "vbd", 51712) {}
    ~Device() override { disconnect(); }

    Nodes front_nodes() const override { return {{"virtual-device", "51712"}}; }
    Nodes back_nodes() const override { return {{"mode", "w"}}; }
    std::optional<std::string> connect() override {
        ++connections;
        ring = read_front_number("ring-ref").value_or(0);
        if (ring == 0) return "no ring-ref";
        is_connected = true;
        return std::nullopt;
    }
    void disconnect() override { is_connected = false; }
    std::vector<RingDepth> ring_depths() const override { return {}; }

    int connections = 0;
    bool is_connected = false;
    std::uint64_t ring = 0;
};

class BackEndTest : public ::testing::Test {
protected:
    BackEndTest() {
        store.introduce(small.domain.id());
        device = std::make_unique<Device>(Place{driver_domain, store, small.domain});
        device->open();
        store.deliver_native();
    }
    std::string node(const std::string& path) {
        std::string value;
        return store.read(domain0, 0, path, value) == store::Error::none ? value : "(none)";
    }
    /// As the guest's driver does.
    void front_writes(const std::string& name, const std::string& value) {
        EXPECT_EQ(store.write(small.domain.id(), 0, device->front_path() + "/" + name, value),
                  store::Error::none);
        store.deliver_native();
    }
    void front_goes_to(XenbusState state) {
        front_writes("state", std::to_string(static_cast<int>(state)));
    }
    void connect() {
        front_writes("ring-ref", "8");
        front_goes_to(XenbusStateInitialised);
    }

    SmallDomain small;
    FakeDriverDomain driver_domain;
    store::Store store{[](DomainId, const std::string&, const std::string&) {}};
    std::unique_ptr<Device> device;
};

TEST_F(BackEndTest, shows_the_guest_a_device_that_waits) {
    EXPECT_EQ(node("/local/domain/1/device/vbd/51712/backend"),
              "/local/domain/0/backend/vbd/1/51712");
    EXPECT_EQ(node("/local/domain/1/device/vbd/51712/state"), "1");
    EXPECT_EQ(node("/local/domain/1/device/vbd/51712/virtual-device"), "51712");
    EXPECT_EQ(node("/local/domain/0/backend/vbd/1/51712/state"), "2");
    EXPECT_EQ(node("/local/domain/0/backend/vbd/1/51712/mode"), "w");
    std::string value;
    EXPECT_EQ(store.read(small.domain.id(), 0, device->back_path() + "/mode", value),
              store::Error::none);
    EXPECT_EQ(store.write(small.domain.id(), 0, device->back_path() + "/mode", "r"),
              store::Error::acces);
}

TEST_F(BackEndTest, connects_when_the_front_end_is_ready_and_lets_go_when_it_closes) {
    connect();
    EXPECT_TRUE(device->is_connected);
    EXPECT_EQ(device->ring, 8u);
    EXPECT_EQ(node(device->back_path() + "/state"), "4");
    front_goes_to(XenbusStateConnected);
    EXPECT_EQ(device->connections, 1) << "once";
    front_goes_to(XenbusStateClosing);
    EXPECT_FALSE(device->is_connected);
    EXPECT_EQ(node(device->back_path() + "/state"), "5");
    front_goes_to(XenbusStateClosed);
    EXPECT_EQ(node(device->back_path() + "/state"), "6");
}

TEST_F(BackEndTest, connects_again_for_a_driver_that_was_loaded_again) {
    connect();
    front_goes_to(XenbusStateClosed);
    front_goes_to(XenbusStateInitialising);
    EXPECT_EQ(node(device->back_path() + "/state"), "2");
    connect();
    EXPECT_EQ(device->connections, 2);
    EXPECT_TRUE(device->is_connected);
}

TEST_F(BackEndTest, closes_with_an_error_for_a_front_end_that_tells_nonsense) {
    front_writes("ring-ref", "eight");
    front_goes_to(XenbusStateInitialised);
    EXPECT_EQ(node(device->back_path() + "/error"), "no ring-ref");
    EXPECT_EQ(node(device->back_path() + "/state"), "5");
    front_writes("state", "77");
    front_writes("state", "not a number at all");
    EXPECT_FALSE(device->is_connected);
}

TEST_F(BackEndTest, is_unplugged_when_the_front_end_has_let_go) {
    connect();
    bool is_gone = false;
    device->on_closed = [&] {
        is_gone = true;
        device.reset();
    };
    device->close();
    store.deliver_native();
    EXPECT_EQ(node("/local/domain/0/backend/vbd/1/51712/online"), "0");
    EXPECT_EQ(node("/local/domain/0/backend/vbd/1/51712/state"), "5");
    EXPECT_FALSE(is_gone);
    front_goes_to(XenbusStateClosing);
    EXPECT_FALSE(is_gone);
    front_goes_to(XenbusStateClosed);
    EXPECT_TRUE(is_gone);
    EXPECT_EQ(node("/local/domain/0/backend/vbd/1/51712/state"), "(none)");
    EXPECT_EQ(node("/local/domain/1/device/vbd/51712/state"), "(none)");
}

TEST_F(BackEndTest, is_unplugged_at_once_where_nobody_is_connected) {
    bool is_gone = false;
    device->on_closed = [&] { is_gone = true; };
    device->close();
    EXPECT_TRUE(is_gone);
}

TEST_F(BackEndTest, survives_a_front_end_that_removes_its_nodes) {
    connect();
    EXPECT_EQ(store.remove(small.domain.id(), 0, device->front_path()), store::Error::none);
    store.deliver_native();
    EXPECT_FALSE(device->is_connected);
}

}  // namespace
}  // namespace ring3::xenbus
