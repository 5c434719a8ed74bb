// SPDX-License-Identifier: MIT
// The host's side of a guest's connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace ring3::test {

/// A port of the host that nobody listened on a moment ago.
std::uint16_t free_port();

/// Sends `request` to a port of the host; what comes back until the end. Empty: nobody is there.
std::string ask_port(std::uint16_t port, const std::string& request);

/// Answers each connection to a port of the host with the same page.
class PageServer {
public:
    explicit PageServer(std::string page);
    ~PageServer();
    PageServer(const PageServer&) = delete;
    PageServer& operator=(const PageServer&) = delete;

    std::uint16_t port() const { return port_; }
    int served() const { return served_; }

private:
    void serve();

    const std::string page_;
    const int listener_;
    std::uint16_t port_ = 0;
    std::atomic<int> served_ = 0;
    std::atomic<bool> stops_ = false;
    std::thread thread_;
};

}  // namespace ring3::test
