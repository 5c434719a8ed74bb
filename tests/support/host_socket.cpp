// SPDX-License-Identifier: MIT
#include "tests/support/host_socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace ring3::test {
namespace {

class Socket {
public:
    explicit Socket(int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
        : descriptor_(descriptor) {
        const timeval patience{60, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    ~Socket() { ::close(descriptor_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    bool send(const std::string& text) const {
        return ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL) >= 0;
    }
    std::string receive_some() const {
        std::array<char, 4096> piece;
        const ssize_t count = ::recv(descriptor_, piece.data(), piece.size(), 0);
        return {piece.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
    }
    int descriptor() const { return descriptor_; }

private:
    const int descriptor_;
};

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// Binds to any free port, and tells which.
std::uint16_t bind_somewhere(int descriptor) {
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    // As the interface of sockets has it: the address of an IPv4 socket is a sockaddr_in.
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(descriptor, plain, length) != 0 || ::getsockname(descriptor, plain, &length) != 0)
        throw std::runtime_error("no port is free");
    return ntohs(address.sin_port);
}

}  // namespace

std::uint16_t free_port() {
    const Socket socket;
    return bind_somewhere(socket.descriptor());
}

std::string ask_port(std::uint16_t port, const std::string& request) {
    const Socket socket;
    const sockaddr_in address = loopback(port);
    // As above.
    if (::connect(socket.descriptor(), reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) != 0 ||
        !socket.send(request))
        return {};
    std::string answer;
    for (std::string piece; !(piece = socket.receive_some()).empty();) answer += piece;
    return answer;
}

PageServer::PageServer(std::string page)
    : page_(std::move(page)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    port_ = bind_somewhere(listener_);
    ::listen(listener_, 8);
    thread_ = std::thread([this] { serve(); });
}

PageServer::~PageServer() {
    stops_ = true;
    thread_.join();
    ::close(listener_);
}

void PageServer::serve() {
    while (!stops_) {
        pollfd there{listener_, POLLIN, 0};
        if (::poll(&there, 1, 20) <= 0) continue;
        const Socket socket(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
        std::string request;
        for (std::string piece; request.find("\r\n\r\n") == request.npos; request += piece)
            if ((piece = socket.receive_some()).empty()) break;
        socket.send("HTTP/1.0 200 OK\r\nContent-Length: " + std::to_string(page_.size()) +
                    "\r\n\r\n" + page_);
        ++served_;
    }
}

}  // namespace ring3::test
