// SPDX-License-Identifier: MIT
#include "hv/io/net/back_end/net_back_end.hpp"

#include <utility>

#include <fmt/format.h>

namespace ring3::net {

NetBackEnd::NetBackEnd(const xenbus::Place& place, std::uint32_t number, Parameters parameters,
                       Switch& network)
    : BackEnd(place, "vif", number),
      parameters_(std::move(parameters)),
      switch_(network),
      up_(place.driver_domain, std::move(parameters_.up), name() + " up",
          [this](const Frame& frame) { switch_.forward(*this, frame); }),
      down_(place.driver_domain, std::move(parameters_.down), name() + " down",
            [this](const Frame& frame) { give(frame); }),
      fail_(place.driver_domain, [this] { fail(why_broken_); }) {
    if (!parameters_.capture_file.empty())
        capture_ = std::make_unique<Capture>(parameters_.capture_file, guest().hypervisor(),
                                             driver_domain());
    switch_.join(*this);
}

NetBackEnd::~NetBackEnd() {
    switch_.leave(*this);
    disconnect();
}

xenbus::BackEnd::Nodes NetBackEnd::front_nodes() const {
    Nodes nodes{{"handle", std::to_string(number())}, {"mac", to_string(parameters_.mac)}};
    if (parameters_.mtu) nodes.emplace_back("mtu", std::to_string(*parameters_.mtu));
    return nodes;
}

xenbus::BackEnd::Nodes NetBackEnd::back_nodes() const {
    Nodes nodes{
        {"handle", std::to_string(number())},
        {"mac", to_string(parameters_.mac)},
        {"bridge", switch_.name()},
        {"type", "vif"},
        {"feature-sg", "1"},
        {"feature-gso-tcpv4", "1"},
        {"feature-gso-tcpv6", "1"},
        {"feature-ipv6-csum-offload", "1"},
        {"feature-rx-copy", "1"},
        {"feature-rx-flip", "0"},
        {"feature-split-event-channels", "1"},
        {"multi-queue-max-queues", std::to_string(most_queues)},
        {"hotplug-status", "connected"},
    };
    // As libxl writes it: bytes, and microseconds.
    if (const auto& rate = parameters_.rate)
        nodes.emplace_back(
            "rate", fmt::format("{},{}", rate->bytes_per_interval, rate->interval.count() / 1000));
    nodes.insert(nodes.end(), parameters_.notes.begin(), parameters_.notes.end());
    return nodes;
}

Features NetBackEnd::read_features() const {
    const auto has = [this](const char* name, std::uint64_t otherwise = 0) {
        return read_front_number(name).value_or(otherwise) != 0;
    };
    Features features;
    features.scatter_gather = has("feature-sg");
    features.ipv4_checksum = !has("feature-no-csum-offload");
    features.ipv6_checksum = has("feature-ipv6-csum-offload");
    const bool has_prefix = has("feature-gso-tcpv4-prefix") || has("feature-gso-tcpv6-prefix");
    features.gso_style = has_prefix ? GsoStyle::prefix : GsoStyle::extra_info;
    const char* const suffix = has_prefix ? "-prefix" : "";
    features.gso_ipv4 =
        features.scatter_gather && has(fmt::format("feature-gso-tcpv4{}", suffix).c_str());
    features.gso_ipv6 =
        features.scatter_gather && has(fmt::format("feature-gso-tcpv6{}", suffix).c_str());
    features.rx_notify = has("feature-rx-notify");
    return features;
}

std::optional<std::string> NetBackEnd::connect() {
    if (read_front_number("request-rx-copy").value_or(0) == 0)
        return "the front end wants pages flipped, which nothing has done for long: it does not "
               "set request-rx-copy";
    const std::uint64_t count = read_front_number("multi-queue-num-queues").value_or(1);
    if (count == 0 || count > most_queues)
        return fmt::format("the front end asks for {} queues of {}", count, most_queues);
    features_ = read_features();
    if (parameters_.rate) limit_.emplace(*parameters_.rate, driver_domain().now());
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string prefix = count == 1 ? "" : fmt::format("queue-{}/", i);
        if (auto wrong = add_queue(prefix, features_)) return wrong;
    }
    for (const auto& queue : queues_) queue->start();
    return std::nullopt;
}

std::optional<EventPort> NetBackEnd::read_port(const std::string& name) const {
    const auto number = read_front_number(name);
    if (!number || *number == 0 || *number > EventChannels::max_port) return std::nullopt;
    return EventPort{static_cast<std::uint32_t>(*number)};
}

std::optional<std::string> NetBackEnd::add_queue(const std::string& prefix,
                                                 const Features& features) {
    const auto map = [&](const char* ring) -> std::optional<GrantedPage> {
        const auto ref = read_front_number(prefix + ring);
        if (!ref || *ref > ~grant_ref_t{0}) return std::nullopt;
        return GrantedPage::map(guest(), static_cast<grant_ref_t>(*ref), GrantedPage::Use::write);
    };
    auto tx = map("tx-ring-ref"), rx = map("rx-ring-ref");
    if (!tx || !rx)
        return fmt::format("the front end does not grant {}{}-ring-ref", prefix, tx ? "rx" : "tx");
    const auto both = read_port(prefix + "event-channel");
    const auto tx_port = both ? both : read_port(prefix + "event-channel-tx");
    const auto rx_port = both ? both : read_port(prefix + "event-channel-rx");
    if (!tx_port || !rx_port) return fmt::format("the front end has no {}event-channel", prefix);

    Queue::Device device;
    device.transmit = [this](const Frame& frame) { transmit(frame); };
    device.broken = [this](const std::string& why) { broken(why); };
    device.make_path = parameters_.make_path;
    device.limit = limit_ ? &*limit_ : nullptr;
    device.number = number();
    queues_.push_back(std::make_unique<Queue>(
        driver_domain(), guest(), Queue::Rings{std::move(*tx), std::move(*rx), *tx_port, *rx_port},
        features, std::move(device), fmt::format("{} q{}", name(), queues_.size())));
    if (!queues_.back()->is_bound())
        return fmt::format("the front end has not allocated {}event-channel", prefix);
    return std::nullopt;
}

void NetBackEnd::disconnect() {
    fail_.cancel();
    queues_.clear();
    up_.clear();
    down_.clear();
    limit_.reset();
}

std::vector<RingDepth> NetBackEnd::ring_depths() const {
    std::vector<RingDepth> depths;
    for (std::size_t i = 0; i < queues_.size(); ++i)
        for (RingDepth depth : queues_[i]->depths()) {
            depth.ring = fmt::format("q{}-{}", i, depth.ring);
            depths.push_back(std::move(depth));
        }
    return depths;
}

void NetBackEnd::broken(const std::string& why) {
    why_broken_ = why;
    fail_.schedule();
}

void NetBackEnd::transmit(const Frame& frame) {
    if (capture_) capture_->add(frame);
    up_.send(frame);
}

/// Whether the front end takes this frame as it is.
bool NetBackEnd::takes(const Frame& frame) const {
    switch (frame.gso) {
        case Gso::tcpv4:
            return features_.gso_ipv4 && features_.ipv4_checksum;
        case Gso::tcpv6:
            return features_.gso_ipv6 && features_.ipv6_checksum;
        case Gso::none:
            break;
    }
    if (frame.checksum != Checksum::blank) return true;
    const auto headers = find_headers(frame.bytes);
    return headers && (headers->is_ipv6 ? features_.ipv6_checksum : features_.ipv4_checksum);
}

void NetBackEnd::give(const Frame& frame) {
    if (queues_.empty()) return;
    const std::size_t number = queues_.size() == 1 ? 0 : flow_hash(frame.bytes) % queues_.size();
    Queue& queue = *queues_[number];
    const auto pass = [&](const Frame& one) {
        if (capture_) capture_->add(one);
        queue.receive(one);
    };
    takes(frame) ? pass(frame) : plain_.each(frame, pass);
}

}  // namespace ring3::net
