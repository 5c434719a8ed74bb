// SPDX-License-Identifier: MIT
// The socket that a machine in the background listens on: takes requests, has them carried out
// between two slices, and moves what streams on. Runs in the machine's own thread and waits for
// nobody.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hv/control/command.hpp"
#include "hv/control/connection.hpp"
#include "hv/control/endpoint.hpp"
#include "hv/io/host_poll.hpp"

namespace ring3 {

class Server final : public Pollable {
public:
    struct Options {
        std::string version;
        /// The machine ends by itself when its last domain has, and all clients have left.
        bool ends_with_last_domain = false;
    };

    /// Takes the place of a machine of this name that has died. ControlError when one lives.
    Server(const Endpoint& endpoint, Machine& machine, Options options);
    ~Server() override;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void prepare(std::vector<pollfd>& descriptors, Duration& at_most) override;
    void dispatch(std::span<const pollfd> descriptors) override;

    /// The machine is to end: somebody asked for it, or nobody needs it any more.
    bool wants_stop();

private:
    struct Peer;

    void accept();
    void serve(Peer& peer);
    void answer(Peer& peer, const std::string& line);
    Json carry_out(Peer& peer, const std::string& line);
    void advance();
    void note_ends();
    bool has_ended_guests();
    void remove_ended_guests();

    const Endpoint endpoint_;
    const Options options_;
    Service service_;
    int lock_ = -1;
    int listener_ = -1;
    std::list<Peer> peers_;
    /// Somebody has connected.
    bool was_used_ = false;
    Time started_{};
};

}  // namespace ring3
