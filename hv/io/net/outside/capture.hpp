// SPDX-License-Identifier: MIT
// Frames written to a file that tcpdump and Wireshark read, with the machine's time.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "hv/domain/hypervisor.hpp"
#include "hv/io/driver_domain.hpp"
#include "hv/io/net/packet/plain_frames.hpp"

struct pcap;
struct pcap_dumper;

namespace ring3::net {

class Capture final {
public:
    /// Makes the file anew. Throws EnvironmentError when that cannot be.
    Capture(const std::string& file, Hypervisor& hypervisor, DriverDomain& domain);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    /// The frame as one, with its checksum: packets are not segmented. In the file when this
    /// returns. Where the host's disk is full the capture ends, with a word in the log.
    void add(const Frame& frame);

private:
    const std::string file_;
    Hypervisor& hypervisor_;
    DriverDomain& domain_;
    PlainFrames plain_;
    pcap* handle_;
    pcap_dumper* dumper_ = nullptr;
};

}  // namespace ring3::net
