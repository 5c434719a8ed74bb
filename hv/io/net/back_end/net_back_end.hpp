// SPDX-License-Identifier: MIT
// The back end of one network interface of a guest, for the front ends of io/netif.h: what it
// offers, how it connects, and what frames go through between the guest's queues and the switch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hv/io/net/back_end/queue.hpp"
#include "hv/io/net/link/link.hpp"
#include "hv/io/net/outside/capture.hpp"
#include "hv/io/net/packet/mac.hpp"
#include "hv/io/net/packet/plain_frames.hpp"
#include "hv/io/net/switch/switch.hpp"
#include "hv/io/xenbus/back_end.hpp"

namespace ring3::net {

class NetBackEnd final : public xenbus::BackEnd, private Port {
public:
    struct Parameters {
        Mac mac;
        std::optional<std::uint32_t> mtu;
        std::optional<RateLimit::Rate> rate;
        /// For each ring one.
        std::function<std::unique_ptr<IoPath>()> make_path;
        /// From the guest to the switch, and back.
        std::unique_ptr<LinkModel> up, down;
        /// What passes the guest's end is written to this file; empty: nothing is.
        std::string capture_file;
        /// What others keep for as long as there is this interface (Networks::Place::seat).
        std::shared_ptr<void> seat;
        /// Nodes that tools show and nothing here reads: script, ip, vifname.
        std::vector<std::pair<std::string, std::string>> notes;
    };
    static constexpr std::uint32_t most_queues = 8;

    /// Plugs into the switch, which outlives it. Throws EnvironmentError when the capture's file
    /// cannot be written.
    NetBackEnd(const xenbus::Place& place, std::uint32_t number, Parameters parameters,
               Switch& network);
    ~NetBackEnd() override;

    const Mac& mac() const { return parameters_.mac; }
    const std::string& bridge() const { return switch_.name(); }
    std::vector<RingDepth> ring_depths() const override;

private:
    // xenbus::BackEnd
    Nodes front_nodes() const override;
    Nodes back_nodes() const override;
    std::optional<std::string> connect() override;
    void disconnect() override;

    // Port: from the switch.
    void receive(const Frame& frame) override { down_.send(frame); }

    Features read_features() const;
    std::optional<std::string> add_queue(const std::string& prefix, const Features& features);
    std::optional<EventPort> read_port(const std::string& name) const;
    void transmit(const Frame& frame);
    void give(const Frame& frame);
    bool takes(const Frame& frame) const;
    void broken(const std::string& why);

    Parameters parameters_;
    Switch& switch_;
    Features features_;
    Link up_, down_;
    PlainFrames plain_;
    std::optional<RateLimit> limit_;
    std::unique_ptr<Capture> capture_;
    std::string why_broken_;
    /// A queue cannot be destroyed inside of its own work.
    DriverDomain::Task fail_;
    std::vector<std::unique_ptr<Queue>> queues_;
};

}  // namespace ring3::net
