// SPDX-License-Identifier: MIT
#include "hv/control/client.hpp"

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/control/socket_address.hpp"

namespace ring3 {
namespace {

/// An answer of more than this is no machine's.
constexpr std::size_t longest_answer = std::size_t{256} << 20;
constexpr int longest_farewell_ms = 1000;

Json document_or_error(const std::string& line) {
    Json document = document_of(line);
    const auto found = document.find("error");
    if (found == document.end()) return document;
    const Json& error = *found;
    throw ControlError{error.value("code", ""), static_cast<ExitCode>(error.value("exit", 4)),
                       error.value("message", "")};
}

}  // namespace

std::optional<Client> Client::connect_if_up(const Endpoint& endpoint) {
    const std::string path = endpoint.socket().string();
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 &&
        (!S_ISSOCK(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0))
        throw EnvironmentError{
            fmt::format("{} must be a socket of this user, with mode 0600; it is not, so nothing "
                        "is asked there",
                        path)};
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        throw std::system_error{errno, std::generic_category(), "cannot make a socket"};
    Client client(descriptor, endpoint.machine());
    const sockaddr_un address = socket_address(path);
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return client;
    if (errno == ENOENT || errno == ECONNREFUSED) return std::nullopt;
    throw std::system_error{errno, std::generic_category(), "cannot connect to " + path};
}

Client Client::connect(const Endpoint& endpoint) {
    if (auto client = connect_if_up(endpoint)) return std::move(*client);
    const bool is_default = endpoint.machine() == Endpoint::default_machine;
    throw ControlError{"no-machine", ExitCode::environment,
                       fmt::format("no machine{} is up; `ring3 up{}` starts one",
                                   is_default ? "" : " \"" + endpoint.machine() + "\"",
                                   is_default ? "" : " --machine-name " + endpoint.machine())};
}

Client::~Client() {
    if (descriptor_ < 0) return;
    // A machine that ends with its last client must be gone for whoever comes next.
    ::shutdown(descriptor_, SHUT_WR);
    pollfd ended{descriptor_, 0, 0};
    ::poll(&ended, 1, longest_farewell_ms);
    ::close(descriptor_);
}

Client::Client(Client&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      machine_(std::move(other.machine_)),
      input_(std::move(other.input_)),
      searched_(other.searched_) {}

Json Client::request(const std::string& verb, Json arguments) {
    send({{"ring3", protocol_version}, {"verb", verb}, {"arguments", std::move(arguments)}});
    Json reply = receive();
    return std::move(reply["result"]);
}

void Client::wait_for_end() {
    std::array<char, 4096> piece;
    while (true) {
        const ssize_t count = ::recv(descriptor_, piece.data(), piece.size(), 0);
        if (count == 0 || (count < 0 && errno != EINTR)) return;
    }
}

void Client::send(const Json& document) {
    const std::string line = line_of(document);
    std::size_t sent = 0;
    while (sent < line.size()) {
        const ssize_t count =
            ::send(descriptor_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (count >= 0)
            sent += static_cast<std::size_t>(count);
        else if (errno != EINTR)
            report_death();
    }
}

Json Client::receive() {
    while (true) {
        if (const auto line = take_line()) return document_or_error(*line);
        read_more(true);
    }
}

std::optional<Json> Client::receive_if_there() {
    while (true) {
        if (const auto line = take_line()) return document_or_error(*line);
        if (!read_more(false)) return std::nullopt;
    }
}

bool Client::wait_for_document(int at_most_ms) {
    if (receive_if_there()) return true;
    pollfd there{descriptor_, POLLIN, 0};
    ::poll(&there, 1, at_most_ms);
    return receive_if_there().has_value();
}

std::optional<std::string> Client::take_line() {
    const std::size_t end = input_.find('\n', searched_);
    searched_ = input_.size();
    if (end == input_.npos) return std::nullopt;
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    searched_ = 0;
    return line;
}

bool Client::read_more(bool waits) {
    std::array<char, 65536> piece;
    const ssize_t count = ::recv(descriptor_, piece.data(), piece.size(), waits ? 0 : MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (count <= 0 || input_.size() > longest_answer) report_death();
    input_.append(piece.data(), static_cast<std::size_t>(count));
    return true;
}

void Client::report_death() const {
    throw ControlError{
        "died", ExitCode::crash,
        fmt::format("machine \"{}\" has ended before it answered; `ring3 dmesg --old` shows its "
                    "last words",
                    machine_)};
}

}  // namespace ring3
