// SPDX-License-Identifier: MIT
#include "hv/io/net/outside/tap.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3::net {
namespace {

int open_device(const std::string& name) {
    const auto refuse = [&](int error) {
        const std::string advice =
            error == EPERM || error == EACCES
                ? fmt::format(
                      "; make it once as root: ip tuntap add dev {} mode tap user $USER, "
                      "and ip link set {} up",
                      name, name)
                : "";
        throw EnvironmentError(fmt::format("bridge=tap:{}: cannot open the TAP device {}: {}{}",
                                           name, name, std::strerror(error), advice));
    };
    const int file = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) refuse(errno);
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (::ioctl(file, TUNSETIFF, &request) != 0) {
        const int error = errno;
        ::close(file);
        refuse(error);
    }
    return file;
}

}  // namespace

Tap::Tap(DriverDomain& domain, Switch& network, const std::string& device)
    : domain_(domain), switch_(network), room_(most_frame_bytes), inlet_(domain, network, *this) {
    if (domain_.host() != nullptr) {
        file_ = open_device(device);
        domain_.host()->add(*this);
    }
    switch_.join(*this);
}

Tap::~Tap() {
    switch_.leave(*this);
    if (file_ < 0) return;
    domain_.host()->remove(*this);
    ::close(file_);
}

void Tap::receive(const Frame& frame) {
    if (file_ < 0) return;
    plain_.each(frame, [this](const Frame& plain) {
        // A device that is down or full loses frames, as every network does.
        [[maybe_unused]] const ssize_t written =
            ::write(file_, plain.bytes.data(), plain.bytes.size());
    });
}

void Tap::prepare(std::vector<pollfd>& descriptors, Duration&) {
    descriptors.push_back({file_, POLLIN, 0});
}

void Tap::dispatch(std::span<const pollfd> descriptors) {
    for (int count = 0; descriptors[0].revents != 0 && count < most_frames_per_poll; ++count) {
        const ssize_t length = ::read(file_, room_.data(), room_.size());
        if (length <= 0) break;
        inlet_.add(Bytes{room_}.first(static_cast<std::size_t>(length)), Checksum::unknown);
    }
    inlet_.hand_in();
}

}  // namespace ring3::net
