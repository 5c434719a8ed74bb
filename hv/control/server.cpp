// SPDX-License-Identifier: MIT
#include "hv/control/server.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/control/client.hpp"
#include "hv/control/guest_record.hpp"
#include "hv/control/socket_address.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_peers = 64;
/// How long a machine that was started for one request waits for it.
constexpr Duration longest_unused = 10s;
/// How often a stream looks at what nobody tells about.
constexpr Duration look_every = 10ms;

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error{errno, std::generic_category(), what};
}

/// The lock says that a machine lives: the kernel drops it with the process, however that ends.
int take_lock(const Endpoint& endpoint) {
    const int lock =
        ::open(endpoint.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) fail(fmt::format("cannot open {}", endpoint.lock().string()));
    // One that is ending takes a moment to let go, and has no socket any more.
    for (int tries = 0; tries < 250; ++tries) {
        if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
        if (Client::connect_if_up(endpoint)) break;
        ::poll(nullptr, 0, 20);
    }
    ::close(lock);
    throw ControlError{"is-up", ExitCode::environment,
                       fmt::format("machine \"{}\" is up already", endpoint.machine())};
}

int listen_at(const std::string& path) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) fail("cannot make a socket");
    const sockaddr_un address = socket_address(path);
    // Whoever holds the lock owns the name: what is left there is a dead machine's.
    ::unlink(path.c_str());
    // Before it has a name; bind() takes the mode over.
    if (::fchmod(listener, 0600) != 0 ||
        ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, most_peers) != 0) {
        const int error = errno;
        ::close(listener);
        errno = error;
        fail(fmt::format("cannot listen at {}", path));
    }
    return listener;
}

/// The folder lets nobody else in; this is the second door.
bool is_our_user(int descriptor) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == ::geteuid() || peer.uid == 0);
}

Json error_document(std::string_view code, ExitCode exit, std::string_view message) {
    return {{"error", {{"code", code}, {"exit", static_cast<int>(exit)}, {"message", message}}}};
}

}  // namespace

struct Server::Peer {
    explicit Peer(int descriptor) : connection(descriptor) {}

    bool can_take_line() const {
        return !is_over && connection.unsent() < Stream::enough &&
               (stream == nullptr || !stream->is_full());
    }

    Connection connection;
    std::unique_ptr<Stream> stream;
    /// Gets what is left to send, and nothing more.
    bool is_over = false;
};

Server::Server(const Endpoint& endpoint, Machine& machine, Options options)
    : endpoint_(endpoint),
      options_(std::move(options)),
      service_{machine, endpoint.machine(), options_.version},
      lock_(take_lock(endpoint)),
      started_(machine.time()) {
    try {
        listener_ = listen_at(endpoint.socket().string());
    } catch (...) {
        ::close(lock_);
        throw;
    }
}

Server::~Server() {
    // In this order: who finds no socket may start a new machine, which waits for the lock.
    ::unlink(endpoint_.socket().c_str());
    ::close(listener_);
    for (Peer& peer : peers_) peer.connection.flush();
    peers_.clear();
    ::close(lock_);
}

bool Server::wants_stop() {
    if (service_.is_asked_to_stop) return true;
    if (!options_.ends_with_last_domain || !service_.machine.guests().empty()) return false;
    const bool somebody_is_here = std::ranges::any_of(
        peers_, [](const Peer& peer) { return !peer.is_over || peer.connection.unsent() > 0; });
    return !somebody_is_here && (was_used_ || service_.machine.time() - started_ > longest_unused);
}

void Server::prepare(std::vector<pollfd>& descriptors, Duration& at_most) {
    advance();
    // Not here, where a vCPU may be running.
    if (has_ended_guests()) at_most = Duration::zero();
    const bool has_room = peers_.size() < most_peers;
    descriptors.push_back({has_room ? listener_ : -1, POLLIN, 0});
    for (const Peer& peer : peers_) {
        short events = peer.connection.unsent() > 0 ? POLLOUT : 0;
        if (peer.can_take_line() && !peer.connection.has_ended()) events |= POLLIN;
        descriptors.push_back({peer.connection.descriptor(), events, 0});
        if (peer.stream && peer.stream->is_waiting()) at_most = std::min(at_most, look_every);
    }
    if (options_.ends_with_last_domain && !was_used_) at_most = std::min(at_most, longest_unused);
}

void Server::dispatch(std::span<const pollfd> descriptors) {
    remove_ended_guests();
    auto descriptor = descriptors.begin() + 1;
    for (Peer& peer : peers_) {
        HV_CHECK(descriptor->fd == peer.connection.descriptor(), "clients changed during a poll");
        // A client that was killed shows as an error or a hang-up, even when nothing is read.
        if ((descriptor->revents & (POLLERR | POLLNVAL)) != 0) peer.is_over = true;
        if ((descriptor->revents & POLLHUP) != 0 && !peer.can_take_line()) peer.is_over = true;
        ++descriptor;
        serve(peer);
    }
    // The last ones to leave are let go when the socket is gone: who starts a machine next finds
    // none.
    if (wants_stop()) return;
    std::erase_if(peers_, [](const Peer& peer) {
        const Connection& connection = peer.connection;
        return connection.is_broken() || (peer.is_over && connection.unsent() == 0);
    });
    if (descriptors.front().revents != 0) accept();
    advance();
}

void Server::accept() {
    while (peers_.size() < most_peers) {
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor < 0) return;
        if (!is_our_user(descriptor)) {
            ::close(descriptor);
            continue;
        }
        was_used_ = true;
        peers_.emplace_back(descriptor);
    }
}

void Server::serve(Peer& peer) {
    Connection& connection = peer.connection;
    while (peer.can_take_line()) {
        connection.receive();
        const auto line = connection.take_line();
        if (!line) {
            if (connection.is_too_long())
                connection.send(error_document("protocol", ExitCode::usage, "a line is too long"));
            peer.is_over = connection.has_ended() || connection.is_too_long();
            break;
        }
        answer(peer, *line);
        connection.flush();
    }
    connection.flush();
}

void Server::answer(Peer& peer, const std::string& line) {
    Connection& connection = peer.connection;
    try {
        if (peer.stream)
            peer.stream->take(document_of(line));
        else
            connection.send(carry_out(peer, line));
        return;
    } catch (const ControlError& error) {
        connection.send(error_document(error.code(), error.exit(), error.what()));
        // Who does not speak the protocol would go on not to.
        peer.is_over = peer.stream != nullptr || error.code() == "protocol";
    } catch (const ConfigError& error) {
        connection.send(error_document("usage", ExitCode::usage, error.what()));
    } catch (const EnvironmentError& error) {
        connection.send(error_document("environment", ExitCode::environment, error.what()));
    } catch (const std::system_error& error) {
        connection.send(error_document("environment", ExitCode::environment, error.what()));
    } catch (const std::bad_alloc&) {
        connection.send(
            error_document("environment", ExitCode::environment, "the host has no memory left"));
    }
}

Json Server::carry_out(Peer& peer, const std::string& line) {
    const Json document = document_of(line);
    const Json version = document.value("ring3", Json());
    if (version != protocol_version)
        throw ControlError{"protocol", ExitCode::environment,
                           fmt::format("this machine runs ring3 {} and speaks version {} of the "
                                       "protocol; end it with the ring3 that started it",
                                       service_.version, protocol_version)};
    const Json name = document.value("verb", Json());
    if (!name.is_string()) throw ControlError{"protocol", ExitCode::usage, "\"verb\" is no string"};
    const auto verb = name.get<std::string>();
    const auto found = commands().find(verb);
    if (found == commands().end())
        throw ControlError{"protocol", ExitCode::usage,
                           fmt::format("there is no command \"{}\"", verb)};
    Reply reply = found->second.run(service_, Arguments(document.value("arguments", Json())));
    peer.stream = std::move(reply.stream);
    Json answer{{"result", std::move(reply.result)}};
    if (peer.stream) answer["stream"] = true;
    return answer;
}

/// Something may have happened since the last time.
void Server::advance() {
    note_ends();
    for (Peer& peer : peers_) {
        if (peer.stream && !peer.is_over && !peer.stream->advance(peer.connection))
            peer.is_over = true;
        if (peer.is_over) peer.stream.reset();
        peer.connection.flush();
    }
}

void Server::note_ends() {
    for (const Guest* const guest : service_.machine.guests()) {
        if (guest->is_alive()) continue;
        if (const auto record = record_of(*guest)) record->end_reason = guest->shutdown_reason();
    }
}

bool Server::has_ended_guests() {
    return std::ranges::any_of(service_.machine.guests(),
                               [](Guest* guest) { return guest->domain() == nullptr; });
}

void Server::remove_ended_guests() {
    note_ends();
    for (Guest* const guest : service_.machine.guests())
        if (guest->domain() == nullptr) service_.machine.remove_guest(*guest);
}

}  // namespace ring3
