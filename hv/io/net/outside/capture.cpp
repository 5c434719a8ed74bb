// SPDX-License-Identifier: MIT
#include "hv/io/net/outside/capture.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <pcap/pcap.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3::net {
namespace {

/// Longer than any frame.
constexpr int snapshot_bytes = 262'144;

}  // namespace

Capture::Capture(const std::string& file, Hypervisor& hypervisor, DriverDomain& domain)
    : file_(file),
      hypervisor_(hypervisor),
      domain_(domain),
      handle_(pcap_open_dead_with_tstamp_precision(DLT_EN10MB, snapshot_bytes,
                                                   PCAP_TSTAMP_PRECISION_NANO)) {
    std::FILE* const stream = std::fopen(file.c_str(), "wbe");
    if (stream == nullptr) {
        const std::string why = std::strerror(errno);
        pcap_close(handle_);
        throw EnvironmentError(fmt::format("cannot write the capture {}: {}", file, why));
    }
    dumper_ = pcap_dump_fopen(handle_, stream);
    pcap_dump_flush(dumper_);
}

Capture::~Capture() {
    if (dumper_ != nullptr) pcap_dump_close(dumper_);
    pcap_close(handle_);
}

void Capture::add(const Frame& frame) {
    if (dumper_ == nullptr) return;
    const bool is_completed = frame.checksum == Checksum::blank && plain_.complete(frame);
    const Bytes bytes = is_completed ? plain_.made().bytes : frame.bytes;
    const std::chrono::nanoseconds date =
        hypervisor_.wall_clock_base() + domain_.now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(date);
    pcap_pkthdr header{};
    header.ts.tv_sec = seconds.count();
    header.ts.tv_usec = (date - seconds).count();  // nanoseconds, as the file says
    header.caplen = header.len = static_cast<bpf_u_int32>(bytes.size());
    pcap_dump(reinterpret_cast<u_char*>(dumper_), &header,
              reinterpret_cast<const u_char*>(bytes.data()));
    if (pcap_dump_flush(dumper_) == 0) return;
    hypervisor_.log(LogLevel::warning,
                    fmt::format("the capture {} ends: {}", file_, std::strerror(errno)));
    pcap_dump_close(dumper_);
    dumper_ = nullptr;
}

}  // namespace ring3::net
