// SPDX-License-Identifier: MIT
#include "hv/io/net/switch/switch.hpp"

#include <algorithm>

#include "hv/base/check.hpp"

namespace ring3::net {

void Switch::join(Port& port) { ports_.push_back({&port}); }

void Switch::leave(Port& port) {
    std::erase_if(places_, [&](const auto& known) { return known.second.port == &port; });
    std::erase_if(ports_, [&](const Member& member) { return member.port == &port; });
}

Switch::Member& Switch::member_of(const Port& port) {
    const auto found = std::ranges::find(ports_, &port, &Member::port);
    HV_CHECK(found != ports_.end(), "a port of another switch");
    return *found;
}

void Switch::forward(Port& from, const Frame& frame) {
    if (frame.bytes.size() < ethernet_header) return;
    const Mac destination = Mac::at(frame.bytes), source = Mac::at(frame.bytes.subspan(6));
    if (source.is_multicast() || destination.is_link_local()) return;
    learn(source, from);
    if (!destination.is_multicast()) {
        const auto known = places_.find(destination);
        if (known != places_.end() && domain_.now() - known->second.seen <= ageing_time) {
            Port& to = *known->second.port;
            if (&to != &from) to.receive(frame);
            return;
        }
    }
    // By number: a receiver may answer at once, through this same switch.
    for (std::size_t i = 0; i < ports_.size(); ++i)
        if (ports_[i].port != &from) ports_[i].port->receive(frame);
}

void Switch::learn(const Mac& mac, Port& port) {
    const Time now = domain_.now();
    const auto known = places_.find(mac);
    if (known != places_.end() && known->second.port == &port) {
        known->second.seen = now;
        return;
    }
    Member* member = &member_of(port);
    if (member->addresses >= most_addresses_per_port) forget_old(port);
    // What cannot be learnt is flooded.
    if (member->addresses >= most_addresses_per_port) return;
    if (known != places_.end()) forget(known);
    places_.insert_or_assign(mac, Place{&port, now});
    ++member->addresses;
}

void Switch::forget(std::map<Mac, Place>::iterator known) {
    --member_of(*known->second.port).addresses;
    places_.erase(known);
}

void Switch::forget_old(const Port& port) {
    const Time now = domain_.now();
    for (auto known = places_.begin(); known != places_.end();) {
        const auto here = known++;
        if (here->second.port == &port && now - here->second.seen > ageing_time) forget(here);
    }
}

}  // namespace ring3::net
