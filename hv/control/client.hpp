// SPDX-License-Identifier: MIT
// The other end of a machine's socket: asks, and waits for the answer.
#pragma once

#include <optional>
#include <string>

#include "hv/control/endpoint.hpp"
#include "hv/control/protocol.hpp"

namespace ring3 {

class Client final {
public:
    /// Nothing when no machine of this name is up. EnvironmentError when the socket is not ours.
    static std::optional<Client> connect_if_up(const Endpoint& endpoint);
    /// Throws ControlError when no machine of this name is up.
    static Client connect(const Endpoint& endpoint);
    ~Client();
    Client(Client&& other) noexcept;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The result. Throws the ControlError that the machine answered.
    Json request(const std::string& verb, Json arguments = Json::object());

    /// Waits until the machine has closed the connection.
    void wait_for_end();

    // After a request that began a stream.
    void send(const Json& document);
    /// The next document. Throws ControlError for an error, and when the machine has died.
    Json receive();
    /// A document that has come already, or nothing. Does not wait.
    std::optional<Json> receive_if_there();
    /// Waits for a document, at most so long, and forgets it. False: none has come.
    bool wait_for_document(int at_most_ms);
    int descriptor() const { return descriptor_; }

private:
    Client(int descriptor, std::string machine)
        : descriptor_(descriptor), machine_(std::move(machine)) {}
    std::optional<std::string> take_line();
    /// False: nothing was there (and it was not to be waited for).
    bool read_more(bool waits);
    [[noreturn]] void report_death() const;

    int descriptor_;
    std::string machine_;
    std::string input_;
    std::size_t searched_ = 0;
};

}  // namespace ring3
