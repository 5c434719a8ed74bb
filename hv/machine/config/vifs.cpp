// SPDX-License-Identifier: MIT
#include "hv/machine/config/vifs.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/base/sha256.hpp"

extern "C" {
#include <libxlutil.h>
}

namespace ring3 {
namespace {

/// What is being read, for messages.
struct Reader {
    VifSpec& vif;
    std::string_view place;
    std::vector<std::string>& without_effect;

    [[noreturn]] void refuse(std::string_view option, std::string_view what) const {
        throw ConfigError{fmt::format("{}: vif: {} {}", place, option, what)};
    }
};

/// As xl: the first three octets are Xen's, the rest is made of the domain's UUID.
net::Mac derived_mac(const Uuid& uuid, std::uint32_t number) {
    const auto digest = Sha256().update(fmt::format("{} vif {}", to_string(uuid), number)).finish();
    return {{0x00, 0x16, 0x3e, static_cast<std::uint8_t>(digest[0] & 0x7f), digest[1], digest[2]}};
}

void set_mac(const Reader& reader, const std::string& value) {
    const auto mac = net::parse_mac(value);
    if (!mac || mac->is_multicast())
        reader.refuse("mac", fmt::format("takes an address like 00:16:3e:01:02:03, not one of a "
                                         "group, not \"{}\"",
                                         value));
    reader.vif.mac = *mac;
}

void set_bridge(const Reader& reader, const std::string& value) {
    if (value.empty()) reader.refuse("bridge", "takes a name");
    reader.vif.bridge = value;
}

std::uint32_t number(const Reader& reader, const char* option, const std::string& value,
                     std::uint32_t least, std::uint32_t most) {
    std::uint32_t parsed = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, parsed);
    if (error != std::errc{} || stop != end || parsed < least || parsed > most)
        reader.refuse(option,
                      fmt::format("takes a number from {} to {}, not \"{}\"", least, most, value));
    return parsed;
}

void set_mtu(const Reader& reader, const std::string& value) {
    reader.vif.mtu = number(reader, "mtu", value, 68, 65'517);
}

void set_number(const Reader& reader, const std::string& value) {
    reader.vif.number = number(reader, "devid", value, 0, 255);
}

void set_rate(const Reader& reader, const std::string& value) {
    struct Free {
        void operator()(XLU_Config* config) const { xlu_cfg_destroy(config); }
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    // What Xen's parser says of it stands in our message better.
    const std::unique_ptr<std::FILE, Free> nowhere{std::fopen("/dev/null", "we")};
    const std::unique_ptr<XLU_Config, Free> config{nowhere ? xlu_cfg_init(nowhere.get(), "vif")
                                                           : nullptr};
    if (!config) throw std::bad_alloc{};
    libxl_device_nic nic;
    std::memset(&nic, 0, sizeof nic);
    const int failure = xlu_vif_parse_rate(config.get(), value.c_str(), &nic);
    if (failure != 0 || nic.rate_bytes_per_interval == 0 || nic.rate_interval_usecs == 0)
        reader.refuse("rate",
                      fmt::format("takes a rate like 10Mb/s or 1MB/s@20ms, not \"{}\"", value));
    constexpr std::uint64_t most_bytes = std::uint64_t{1} << 40;
    reader.vif.rate = {std::min<std::uint64_t>(nic.rate_bytes_per_interval, most_bytes),
                       std::chrono::microseconds{nic.rate_interval_usecs}};
}

void add_forward(const Reader& reader, const std::string& value) {
    const auto forward = net::parse_host_forward(value);
    if (!forward)
        reader.refuse("hostfwd", fmt::format("takes tcp:PORT-:GUEST PORT, or with addresses "
                                             "tcp:127.0.0.1:2222-10.0.2.15:22, or udp, not \"{}\"",
                                             value));
    reader.vif.forwards.push_back(*forward);
}

void set_pcap(const Reader& reader, const std::string& value) {
    if (value.empty()) reader.refuse("pcap", "takes the name of a file");
    reader.vif.pcap = value;
}

void set_type(const Reader& reader, const std::string& value) {
    // Files of xm say ioemu; the PV interface was there beside it.
    if (value != "vif" && value != "ioemu")
        reader.refuse("type", fmt::format("takes \"vif\", not \"{}\"", value));
    if (value == "ioemu") reader.without_effect.emplace_back("type=ioemu");
}

void refuse_backend(const Reader& reader, const std::string& value) {
    if (value != "0" && value != "Domain-0")
        reader.refuse("backend", "is always Domain-0: there are no other driver domains");
}

void refuse_gateway(const Reader& reader, const std::string&) {
    reader.refuse("gatewaydev", "is for routed networks, which ring3 does not have: use bridge=");
}

void show_ip(const Reader& reader, const std::string& value) {
    reader.vif.notes.emplace_back("ip", value);
}
void show_script(const Reader& reader, const std::string& value) {
    reader.vif.notes.emplace_back("script", value);
    reader.without_effect.emplace_back("script");
}
void show_name(const Reader& reader, const std::string& value) {
    reader.vif.notes.emplace_back("vifname", value);
}
void ignore_model(const Reader& reader, const std::string&) {
    reader.without_effect.emplace_back("model");
}
void ignore_trusted(const Reader&, const std::string&) {}

struct Option {
    const char* name;
    void (*take)(const Reader&, const std::string& value);
};

constexpr Option options[] = {
    {"backend", refuse_backend},
    {"bridge", set_bridge},
    {"devid", set_number},
    {"gatewaydev", refuse_gateway},
    {"hostfwd", add_forward},
    {"ip", show_ip},
    {"mac", set_mac},
    {"model", ignore_model},
    {"mtu", set_mtu},
    {"netdev", refuse_gateway},
    {"pcap", set_pcap},
    {"rate", set_rate},
    {"script", show_script},
    {"trusted", ignore_trusted},
    {"type", set_type},
    {"vifname", show_name},
};

std::string_view trim(std::string_view text) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

void take_option(const Reader& reader, std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string name{trim(text.substr(0, equals))};
    std::vector<std::string> names;
    for (const Option& option : options) {
        if (name != option.name) {
            names.emplace_back(option.name);
            continue;
        }
        if (equals == text.npos) reader.refuse(name, "takes a value: " + name + "=...");
        return option.take(reader, std::string{trim(text.substr(equals + 1))});
    }
    reader.refuse("option", fmt::format("\"{}\" is unknown{}; there are: {}", name,
                                        nearest_name_hint(name, names), fmt::join(names, ", ")));
}

}  // namespace

VifSpec parse_vif(std::string_view text, std::uint32_t number, const Uuid& uuid,
                  std::string_view place, std::vector<std::string>& warnings) {
    VifSpec vif;
    vif.number = number;
    vif.mac = derived_mac(uuid, number);
    std::vector<std::string> without_effect;
    const Reader reader{vif, place, without_effect};
    for (text = trim(text); !text.empty();) {
        const std::size_t comma = std::min(text.find(','), text.size());
        if (const auto option = trim(text.substr(0, comma)); !option.empty())
            take_option(reader, option);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    if (!without_effect.empty())
        warnings.push_back(fmt::format("{}: vif: without effect here: {}", place,
                                       fmt::join(without_effect, ", ")));
    return vif;
}

std::vector<VifSpec> read_vifs(const XlConfig& config, const Uuid& uuid,
                               std::vector<std::string>& warnings) {
    std::vector<VifSpec> vifs;
    const auto texts = config.list("vif");
    if (!texts) return vifs;
    for (const std::string& text : *texts) {
        const auto number = static_cast<std::uint32_t>(vifs.size());
        vifs.push_back(parse_vif(text, number, uuid, config.place_of("vif"), warnings));
        const auto same = std::ranges::count(vifs, vifs.back().number, &VifSpec::number);
        if (same > 1)
            config.refuse("vif", fmt::format("has two interfaces of devid {}", vifs.back().number));
    }
    return vifs;
}

}  // namespace ring3
