// SPDX-License-Identifier: MIT
// line NS DOMAIN TEXT
// sample NS, then for each domain: d NAME ID PAGES TARGET, for each of its vCPUs: v and four times,
// for each ring: r DEVICE RING WAITING IN_FLIGHT SIZE
#include "experiments/platforms/machine_lines.hpp"

#include <cstdint>
#include <iterator>
#include <sstream>

#include <fmt/format.h>

namespace ring3::experiment {
namespace {

MachineSample read_sample(std::istream& in, std::int64_t at) {
    MachineSample sample{Time{Duration{at}}, {}};
    for (std::string what; in >> what;) {
        if (what == "d") {
            DomainSample& domain = sample.domains.emplace_back();
            std::uint16_t id = 0;
            std::uint64_t memory = 0, target = 0;
            in >> domain.name >> id >> memory >> target;
            domain.id = DomainId{id};
            domain.memory = Frames{memory};
            domain.target = Frames{target};
        } else if (sample.domains.empty()) {
            break;
        } else if (what == "v") {
            for (Duration& time : sample.domains.back().run_states.emplace_back()) {
                std::int64_t ns = 0;
                in >> ns;
                time = Duration{ns};
            }
        } else if (what == "r") {
            auto& [device, depth] = sample.domains.back().rings.emplace_back();
            in >> device >> depth.ring >> depth.waiting >> depth.in_flight >> depth.size;
        }
    }
    return sample;
}

}  // namespace

std::string told(const Line& line) {
    return fmt::format("line {} {} {}", line.at.count(), line.domain, line.text);
}

std::string told(const MachineSample& sample) {
    std::string text = fmt::format("sample {}", sample.at.time_since_epoch().count());
    for (const DomainSample& domain : sample.domains) {
        text += fmt::format(" d {} {} {} {}", domain.name, domain.id.raw, domain.memory.raw,
                            domain.target.raw);
        for (const auto& states : domain.run_states) {
            text += " v";
            for (const Duration time : states) text += fmt::format(" {}", time.count());
        }
        for (const auto& [device, depth] : domain.rings)
            text += fmt::format(" r {} {} {} {} {}", device, depth.ring, depth.waiting,
                                depth.in_flight, depth.size);
    }
    return text;
}

Told read_told(const std::string& text) {
    std::istringstream in(text);
    std::string what;
    std::int64_t at = 0;
    if (!(in >> what >> at)) return {};
    if (what == "sample") return read_sample(in, at);
    if (what != "line") return {};
    Line line{std::chrono::nanoseconds(at), "", ""};
    in >> line.domain;
    in.get();
    line.text.assign(std::istreambuf_iterator<char>(in), {});
    return line;
}

}  // namespace ring3::experiment
