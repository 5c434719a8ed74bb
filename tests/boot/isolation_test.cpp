// SPDX-License-Identifier: MIT
// A domain that shares nothing with a neighbour is the same to the last bit beside it and without
// it: its trace, its console, its memory. Where they share one thing, it is not.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "cli/create_options.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/machine.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3::test {
namespace {

/// The victim's domain is the first one, but where somebody comes before it.
struct Victim final : trace::Sink {
    void take(std::span<const trace::Record> more) override {
        std::ranges::copy_if(more, std::back_inserter(trace),
                             [&](const trace::Record& record) { return record.domain == number; });
    }
    std::uint16_t number = 1;
    std::vector<trace::Record> trace;
    std::string console, digest;
    std::vector<std::byte> memory;
};

/// Where the neighbour is.
enum class Neighbour : std::uint8_t {
    nowhere,
    on_a_pcpu_of_its_own,
    on_the_first_pcpu,
    on_the_same_pcpu,
    in_front
};

GuestSpec linux_guest(const std::string& name, int pcpu, const std::string& script) {
    const std::vector<std::string> settings{fmt::format("name=\"{}\"", name), "memory=96",
                                            fmt::format("cpus=\"{}\"", pcpu),
                                            "on_poweroff=\"preserve\""};
    GuestSpec spec = guest_spec(
        read_domain_config(std::string(build_info::source_root) + "/examples/hello.cfg", settings),
        resolve_file);
    const auto bytes = std::as_bytes(std::span{script});
    spec.scripted_input.assign(bytes.begin(), bytes.end());
    return spec;
}

std::vector<std::byte> memory_of(Domain& domain) {
    std::vector<std::byte> memory;
    FrameTable& frames = domain.frames();
    for (Mfn mfn = FrameTable::first_mfn; mfn < frames.end_mfn(); ++mfn) {
        const Frame& frame = frames.at(mfn);
        if (frame.allocated && frame.owner == domain.id())
            memory.insert(memory.end(), frame.host, frame.host + page_size);
    }
    return memory;
}

Victim run(Neighbour neighbour, const char* cost_model = "flat") {
    MachineConfig config;
    config.choose("clock", "virtual", "the test");
    for (const char* const setting :
         {"machine.pcpus=3", "machine.domain0_cpus=0", "machine.domain0=at_once"})
        config.set(setting);
    config.set(fmt::format("clock.cost_model={}", cost_model));
    Patient outside;
    Machine machine(std::move(config), outside, {});
    Victim victim;
    const auto add_neighbour = [&](int pcpu) {
        machine.add_guest(
            linux_guest("neighbour", pcpu, "while :; do cp -r /bin /tmp/x; rm -r /tmp/x; done\n"));
    };
    if (neighbour == Neighbour::in_front) {
        victim.number = 2;
        add_neighbour(2);
    }
    GuestSpec spec = linux_guest("victim", 1, "cp -r /bin /tmp/x; sleep 1; dmesg; poweroff -f\n");
    spec.show = [&](std::span<const std::byte> output) {
        victim.console.append(reinterpret_cast<const char*>(output.data()), output.size());
    };
    Guest& guest = machine.add_guest(std::move(spec));
    if (neighbour == Neighbour::on_a_pcpu_of_its_own) add_neighbour(2);
    if (neighbour == Neighbour::on_the_first_pcpu) add_neighbour(0);
    if (neighbour == Neighbour::on_the_same_pcpu) add_neighbour(1);
    machine.start_trace(victim, trace::all_classes());
    outside.stop_when = [&] { return !guest.is_alive(); };
    machine.run();
    machine.stop_trace();
    // They come by pCPUs, as their buffers fill.
    std::ranges::stable_sort(victim.trace, {}, [](const trace::Record& record) {
        return std::pair{record.time_ns, record.pcpu};
    });
    victim.digest = machine.digest(guest);
    victim.memory = memory_of(*guest.domain());
    return victim;
}

class Isolation : public testing::Test {
protected:
    static const Victim& alone() {
        static const Victim victim = run(Neighbour::nowhere);
        return victim;
    }
};

std::string describe(const trace::Record& record) {
    return fmt::format("{} ns, pCPU {}, d{}v{}, event {}: {} {} {}", record.time_ns, record.pcpu,
                       record.domain, record.vcpu, static_cast<unsigned>(record.event),
                       record.arguments[0], record.arguments[1], record.arguments[2]);
}

void expect_the_same(const Victim& alone, const Victim& other) {
    EXPECT_NE(alone.console.find("rcu"), std::string::npos) << alone.console;
    EXPECT_EQ(alone.console, other.console);
    const auto [one, two] = std::ranges::mismatch(alone.trace, other.trace);
    EXPECT_EQ(one, alone.trace.end()) << fmt::format("event {}: {}\n{}", one - alone.trace.begin(),
                                                     describe(*one), describe(*two));
    EXPECT_EQ(alone.trace.size(), other.trace.size());
    ASSERT_EQ(alone.memory.size(), other.memory.size());
    const auto [mine, its] = std::ranges::mismatch(alone.memory, other.memory);
    const auto at = static_cast<std::uint64_t>(mine - alone.memory.begin());
    EXPECT_EQ(at, alone.memory.size())
        << fmt::format("frame {}, byte {:#x}", at / page_size, at % page_size);
    EXPECT_EQ(alone.digest, other.digest);
}

TEST_F(Isolation, is_whole_where_nothing_is_shared) {
    expect_the_same(alone(), run(Neighbour::on_a_pcpu_of_its_own));
}

/// There hypercalls end behind boundaries, on the pCPU that comes first.
TEST_F(Isolation, is_whole_where_others_are_late_for_the_boundary) {
    expect_the_same(run(Neighbour::nowhere, "xeon-2003"),
                    run(Neighbour::on_the_first_pcpu, "xeon-2003"));
}

TEST_F(Isolation, is_not_where_the_pcpu_is_shared) {
    EXPECT_FALSE(alone().trace == run(Neighbour::on_the_same_pcpu).trace);
}

TEST_F(Isolation, is_not_where_somebody_has_the_first_frames) {
    EXPECT_FALSE(alone().memory == run(Neighbour::in_front).memory);
}

}  // namespace
}  // namespace ring3::test
