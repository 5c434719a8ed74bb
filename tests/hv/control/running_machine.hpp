// SPDX-License-Identifier: MIT
// A machine with its server in a thread of this process, for tests that are its clients.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "hv/control/client.hpp"
#include "hv/control/create_request.hpp"
#include "hv/control/server.hpp"
#include "hv/machine/machine.hpp"
#include "tests/support/program.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3::test {

class RunningMachine final : private Outside {
public:
    explicit RunningMachine(const std::string& name = "default",
                            Server::Options options = {"1.2.3", false})
        : endpoint(in_own_folder(name)),
          machine_(wall_machine(), *this, {}),
          server_(endpoint, machine_, std::move(options)) {
        thread_ = std::thread([this] { machine_.run(); });
    }
    ~RunningMachine() override { join(); }

    /// Ends it, if it has not ended by itself.
    void join() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }
    /// Waits for its own end.
    void wait_for_end() { thread_.join(); }

    Client connect() const { return Client::connect(endpoint); }
    Json request(const std::string& verb, Json arguments = Json::object()) const {
        return connect().request(verb, std::move(arguments));
    }
    /// The arguments of "create" for a guest with this code.
    static Json guest(const Code& code, const std::string& name, const std::string& more = "") {
        const std::string text =
            "name = \"" + name + "\"\nkernel = \"small\"\nmemory = 8\n" + more + "\n";
        const std::string kernel = small_kernel(code);
        return create_arguments(parse_domain_config("small.cfg", text), text, {},
                                [&](const std::string&) { return kernel; });
    }

    const Endpoint endpoint;

private:
    static Endpoint in_own_folder(const std::string& name) {
        own_runtime_folder();
        return Endpoint(name);
    }
    static MachineConfig wall_machine() {
        MachineConfig config = small_machine();
        config.choose("clock", "wall", "test");
        return config;
    }
    bool wants_stop() override { return stop_ || over_; }
    bool wants_to_go_on() override { return true; }
    void prepare(std::vector<pollfd>& descriptors, Duration& at_most) override {
        server_.prepare(descriptors, at_most);
        at_most = std::min<Duration>(at_most, std::chrono::milliseconds{10});
    }
    void dispatch(std::span<const pollfd> descriptors) override {
        server_.dispatch(descriptors);
        over_ = server_.wants_stop();
    }

    std::atomic<bool> stop_ = false;
    bool over_ = false;
    Machine machine_;
    Server server_;
    std::thread thread_;
};

}  // namespace ring3::test
