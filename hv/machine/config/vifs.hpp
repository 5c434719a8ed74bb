// SPDX-License-Identifier: MIT
// The network interfaces of a domain, in the syntax of xl-network-configuration(5):
// vif = [ "mac=00:16:3e:01:02:03,bridge=xenbr0", "bridge=nat,hostfwd=tcp:8080-:80" ].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hv/io/net/back_end/rate_limit.hpp"
#include "hv/io/net/outside/host_forward.hpp"
#include "hv/io/net/packet/mac.hpp"
#include "hv/machine/config/uuid.hpp"
#include "hv/machine/config/xl_config.hpp"

namespace ring3 {

struct VifSpec {
    /// Xen's handle: the interface is the guest's device/vif/NUMBER.
    std::uint32_t number = 0;
    net::Mac mac;
    std::string bridge = "xenbr0";
    std::optional<std::uint32_t> mtu;
    std::optional<net::RateLimit::Rate> rate;
    std::vector<net::HostForward> forwards;
    /// Where its frames are recorded; empty: they are not.
    std::string pcap;
    /// Options without effect here that tools show: script, ip, vifname.
    std::vector<std::pair<std::string, std::string>> notes;
};

/// One interface. `uuid` is its domain's, of which an interface without a MAC gets one: the same at
/// each start. `place` is for messages: ConfigError for what cannot be meant.
VifSpec parse_vif(std::string_view text, std::uint32_t number, const Uuid& uuid,
                  std::string_view place, std::vector<std::string>& warnings);

/// Those of a config.
std::vector<VifSpec> read_vifs(const XlConfig& config, const Uuid& uuid,
                               std::vector<std::string>& warnings);

}  // namespace ring3
