// SPDX-License-Identifier: MIT
// One device of a guest as Domain-0 has it: the nodes of both ends in the store, and the states
// through which the two ends go until they are connected, and again until they have let go (Xen's
// public io/xenbus.h). Kinds of devices derive from it and say what they publish and what a
// connection is.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hv/abi/xenbus.hpp"
#include "hv/domain/domain.hpp"
#include "hv/io/driver_domain.hpp"
#include "hv/io/ring_depth.hpp"
#include "hv/io/store/native_watch.hpp"
#include "hv/io/store/store.hpp"

namespace ring3::xenbus {

/// What every back end needs.
struct Place {
    DriverDomain& driver_domain;
    store::Store& store;
    Domain& guest;
};

class BackEnd {
public:
    /// `kind` is "vbd" or "vif"; `number` tells the devices of one kind apart (51712 is xvda).
    BackEnd(const Place& place, std::string kind, std::uint32_t number);
    /// Takes the nodes away: the guest sees the device go.
    virtual ~BackEnd();
    BackEnd(const BackEnd&) = delete;
    BackEnd& operator=(const BackEnd&) = delete;

    const std::string& kind() const { return kind_; }
    std::uint32_t number() const { return number_; }
    /// "d1 vbd-51712": for the log, and for the names of timers.
    std::string name() const;

    /// Puts the nodes of both ends into the store; the guest's driver finds the device.
    void open();
    /// Asks the front end to let go (an unplug); `on_closed` is called when it has.
    void close();
    std::function<void()> on_closed;

    XenbusState state() const { return state_; }
    std::string front_path() const;
    std::string back_path() const;
    /// Of the rings that are connected now.
    virtual std::vector<RingDepth> ring_depths() const = 0;

protected:
    using Nodes = std::vector<std::pair<std::string, std::string>>;

    /// Nodes below the front end's path and below the back end's, besides those of every device.
    virtual Nodes front_nodes() const = 0;
    virtual Nodes back_nodes() const = 0;
    /// The front end has said where its rings are: read_front() them and map them. What is wrong
    /// with them, if something is: the device is closed with that error.
    virtual std::optional<std::string> connect() = 0;
    /// Lets go of everything that connect() took. Also called when nothing is connected.
    virtual void disconnect() = 0;

    /// A node that the front end wrote below its path. Anything may stand in it.
    std::optional<std::string> read_front(std::string_view name) const;
    std::optional<std::uint64_t> read_front_number(std::string_view name) const;
    void write_back(std::string_view name, std::string_view value);
    /// Ends the connection for a front end that does what no front end does.
    void fail(const std::string& why);

    DriverDomain& driver_domain() { return place_.driver_domain; }
    Domain& guest() { return place_.guest; }
    const Domain& guest() const { return place_.guest; }

private:
    void front_changed();
    void closed();
    void set_state(XenbusState state);
    void write(const std::string& path, std::string_view value, bool is_guests);
    void let_go();

    const Place place_;
    const std::string kind_;
    const std::uint32_t number_;
    XenbusState state_ = XenbusStateUnknown;
    bool unplugging_ = false;
    bool connected_ = false;
    std::optional<store::NativeWatch> watch_;
};

}  // namespace ring3::xenbus
