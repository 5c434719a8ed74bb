// SPDX-License-Identifier: MIT
#include "tests/support/made_up_campaign.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "hv/base/random.hpp"

namespace ring3::test {
namespace {

using analysis::Better;
using analysis::Campaign;
using analysis::Cell;
using analysis::Run;
using analysis::Status;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct Quantity {
    const char *program, *metric, *unit;
    Better better;
    double native;
};

struct Workload {
    const char *name, *size;
    std::vector<Quantity> quantities;
};

const std::vector<Workload>& workloads() {
    constexpr Better lower = Better::lower, higher = Better::higher;
    static const std::vector<Workload> all{
        {"spec-int-like",
         "test",
         {{"gzip", "time", "s", lower, 0.31},
          {"gcc", "time", "s", lower, 0.62},
          {"mcf", "time", "s", lower, 0.2},
          {"perlbmk", "time", "s", lower, 0.55}}},
        {"kernel-build", "XXS", {{"build", "time", "s", lower, 0.48}}},
        {"osdb-like", "test", {{"oltp", "throughput", "tx/s", higher, 2210}}},
        {"dbench", "test", {{"timed", "throughput", "MB/s", higher, 640}}},
        {"web", "test", {{"conforming", "conforming", "connections", higher, 180}}},
        {"os-latency",
         "test",
         {{"processes", "null_call", "us", lower, 0.12},
          {"processes", "fork_proc", "us", lower, 61},
          {"files", "page_fault", "us", lower, 0.41}}},
    };
    return all;
}

struct Platform {
    const char *name, *kind;
    double slowness, spread;
};
constexpr Platform platforms[] = {{"native", "native", 1, 0.01},
                                  {"ring3", "ring3", 2.1, 0.02},
                                  {"uml", "uml", 5.2, 0.05},
                                  {"qemu", "qemu-tcg", 11, 0.03}};

double disturbed(double value, double spread, Random& random) {
    const double part = static_cast<double>(random.below(2001)) / 1000 - 1;
    return value * (1 + spread * part);
}

void fill(Run& run, const Workload& workload, const Platform& platform, Random& random) {
    for (const Quantity& quantity : workload.quantities)
        for (std::uint32_t iteration = 0; iteration < 3; ++iteration) {
            const double cold = iteration == 0 ? 1.4 : 1;
            double slowness = platform.slowness * cold;
            if (quantity.better == Better::higher) slowness = 1 / slowness;
            const double value = disturbed(quantity.native * slowness, platform.spread, random);
            run.values.push_back({"", quantity.program, quantity.metric, quantity.unit,
                                  quantity.better, iteration > 0, true, iteration, value, none});
        }
}

std::string word(const char* workload) { return workload; }

void spoil(Run& run, const Platform& platform, const Workload& workload) {
    if (word(platform.name) == "uml" && word(workload.name) == "dbench") {
        run.status = Status::dnr;
        run.reason = "the guest's kernel stopped: no space left in its memory";
    } else if (word(platform.name) == "qemu" && word(workload.name) == "web") {
        run.status = Status::skipped;
        run.reason = "this platform has no network here";
        run.file.clear();
    } else {
        return;
    }
    run.values.clear();
}

void add_claims(Campaign& campaign) {
    campaign.claims = {
        {"faster-than-qemu", "ring3 is faster than full virtualization by translation", "", "", "",
         "ring3", "qemu", "", "", 1, none},
        {"near-native", "ring3 reaches 0.9 of native Linux on a build", "kernel-build", "", "",
         "ring3", "native", "", "", 0.9, none},
        {"uml-dbench", "ring3 beats UML on dbench", "dbench", "", "", "ring3", "uml", "", "", 1,
         none},
    };
}

void add_host(Campaign& campaign) {
    campaign.host = {{"cpu_model", "A processor of nobody at 2.0 GHz"},
                     {"cores", "2"},
                     {"kernel", "Linux 6.1.0"},
                     {"memory_mib", "3900"}};
    for (const Run& run : campaign.runs)
        campaign.host_runs.push_back(
            {run.run, 1'764'000'000'000'000'000u + run.run * 9'000'000'000u, 8'000'000'000,
             7'500'000'000, 400'000'000, 0.1, 0.9, run.noisy ? 0.4 : 0.01, 0});
}

}  // namespace

Campaign made_up_campaign() {
    Campaign campaign;
    campaign.name = "made-up";
    campaign.title = "A campaign that nobody has run";
    campaign.question = "How does a report look?";
    campaign.baseline = "native";
    campaign.descriptor = "name = \"made-up\"\nquestion = \"How does a report look?\"\n";
    campaign.generator = "ring3 0.1.0";
    campaign.descriptor_sha256 = std::string(64, 'a');
    for (const Workload& workload : workloads())
        for (const Platform& platform : platforms)
            campaign.cells.push_back({static_cast<std::uint32_t>(campaign.cells.size()),
                                      platform.name, platform.kind, workload.name, workload.size,
                                      "wall", 1, ""});
    Random random{7};
    for (std::uint32_t repetition = 0; repetition < 6; ++repetition)
        for (const Cell& cell : campaign.cells) {
            // A fixed order that mixes platforms and workloads.
            const auto mixed = (cell.cell * 11 + repetition * 5) % campaign.cells.size();
            const Workload& workload = workloads()[mixed / std::size(platforms)];
            const Platform& platform = platforms[mixed % std::size(platforms)];
            Run run;
            run.run = static_cast<std::uint32_t>(campaign.runs.size() + 1);
            run.cell = static_cast<std::uint32_t>(mixed);
            run.repetition = repetition;
            run.noisy = run.run == 17;
            run.file = fmt::format("run-{:04}.h5", run.run);
            run.meta = {{"platform", platform.name}, {"workload", workload.name}};
            fill(run, workload, platform, random);
            spoil(run, platform, workload);
            campaign.runs.push_back(run);
        }
    campaign.differences = {
        {"uml", "kernel", "its own, 6.1.176", false},
        {"qemu", "file-system", "an initramfs instead of the disk", true},
    };
    add_claims(campaign);
    add_host(campaign);
    return campaign;
}

namespace {

/// Two domains that take turns on two pCPUs, the second one giving memory back.
analysis::Columns made_up_events() {
    analysis::Columns events{{"time_ns", {}, {}}, {"pcpu", {}, {}},  {"domain", {}, {}},
                             {"vcpu", {}, {}},    {"event", {}, {}}, {"first", {}, {}},
                             {"third", {}, {}}};
    const auto add = [&](double at, double pcpu, double domain, const char* what, double first,
                         double third) {
        const double numbers[] = {at, pcpu, domain, 0, 0, first, third};
        for (std::size_t i = 0; i < events.size(); ++i)
            if (i != 4) events[i].numbers.push_back(numbers[i]);
        events[4].texts.emplace_back(what);
    };
    for (int i = 0; i < 100; ++i)
        for (const int pcpu : {0, 1}) {
            const double start = i * 1e6, domain = (i + pcpu) % 3 == 0 ? 2 : 1;
            add(start, pcpu, domain, "run", 0, 0);
            if (i % 10 == 0 && domain == 2) add(start + 1e5, pcpu, 2, "reservation", 1, 64);
            add(start + (domain == 2 ? 4e5 : 9e5), pcpu, domain, "stop", 0, 0);
        }
    return events;
}

}  // namespace

Campaign made_up_sweep() {
    Campaign campaign;
    campaign.name = "made-up-sweep";
    campaign.title = "A sweep that nobody has run";
    campaign.question = "Which slice suits which scheduler?";
    campaign.baseline = "ring3";
    campaign.generator = "ring3 0.1.0";
    campaign.descriptor_sha256 = std::string(64, 'b');
    for (const char* scheduler : {"bvt", "credit2"})
        for (const int slice_us : {1000, 5000, 20000})
            for (const std::uint64_t seed : {1, 2, 3})
                campaign.cells.push_back(
                    {static_cast<std::uint32_t>(campaign.cells.size()), "ring3", "ring3", "web",
                     "test", "virtual", seed,
                     fmt::format("scheduler.name={};scheduler.slice_us={}", scheduler, slice_us)});
    for (const Cell& cell : campaign.cells)
        for (std::uint32_t repetition = 0; repetition < 2; ++repetition) {
            Run run;
            run.run = static_cast<std::uint32_t>(campaign.runs.size() + 1);
            run.cell = cell.cell;
            run.repetition = repetition;
            run.file = fmt::format("run-{:04}.h5", run.run);
            run.meta = {{"digest", fmt::format("{:064x}", cell.cell)}};
            const double value = 100 + 7.0 * (cell.cell / 3) + static_cast<double>(cell.seed);
            run.values.push_back({"", "conforming", "conforming", "connections", Better::higher,
                                  false, true, 0, value, none});
            if (run.run == 1) {
                analysis::Columns memory{{"time_ns", {}, {}}, {"domain", {}, {}}, {"mib", {}, {}}};
                for (int i = 0; i < 50; ++i)
                    for (const int domain : {1, 2}) {
                        memory[0].numbers.push_back(i * 2e7);
                        memory[1].numbers.push_back(domain);
                        memory[2].numbers.push_back(64 + domain * 20 * std::sin(i * 0.2));
                    }
                run.series["memory"] = memory;
                run.events = made_up_events();
            }
            campaign.runs.push_back(run);
        }
    return campaign;
}

Campaign made_up_domains() {
    Campaign campaign;
    campaign.name = "made-up-domains";
    campaign.title = "Domains that nobody has run";
    campaign.baseline = "ring3";
    campaign.generator = "ring3 0.1.0";
    for (const int count : {1, 2, 4}) {
        const auto number = static_cast<std::uint32_t>(campaign.cells.size() + 1);
        campaign.cells.push_back({number, "ring3", "ring3", "domains", "", "virtual", 1,
                                  fmt::format("domains.count={}", count)});
        Run run;
        run.run = run.cell = number;
        run.file = fmt::format("run-{:04}.h5", number);
        for (int domain = 1; domain <= count; ++domain)
            run.values.push_back({fmt::format("web{}", domain), "closed", "time", "s",
                                  Better::lower, false, true, 0, 1.1 * count + 0.01 * domain,
                                  none});
        campaign.runs.push_back(run);
    }
    campaign.claims = {{"sharing", "", "domains", "", "", "ring3", "ring3", "domains.count=2",
                        "domains.count=1", 0.45, none}};
    return campaign;
}

Campaign made_up_neighbours() {
    Campaign campaign;
    campaign.name = "made-up-neighbours";
    campaign.title = "Neighbours that nobody has had";
    campaign.baseline = "native";
    campaign.generator = "ring3 0.1.0";
    struct Neighbour {
        const char* program;
        double native, ring3;  ///< seconds of the database beside it
    };
    for (const Neighbour& neighbour :
         {Neighbour{"compute", 1, 8}, {"fork-bomb", 10, 8.08}, {"hostile", 40, 8}})
        for (const std::string platform : {"native", "ring3", "uml"}) {
            const auto number = static_cast<std::uint32_t>(campaign.cells.size() + 1);
            campaign.cells.push_back(
                {number, platform, platform, "domains", "", "wall", 1,
                 fmt::format("domains.neighbour.program={}", neighbour.program)});
            Run run;
            run.run = run.cell = number;
            if (platform == "uml") {
                run.status = Status::skipped;
                run.reason = "it runs one guest at a time";
            } else {
                run.file = fmt::format("run-{:04}.h5", number);
                run.values.push_back({"database", "ir", "time", "s", Better::lower, false, true, 0,
                                      platform == "native" ? neighbour.native : neighbour.ring3,
                                      none});
                run.values.push_back({"neighbour", neighbour.program, "rounds", "rounds",
                                      Better::higher, false, true, 0, 5, none});
            }
            campaign.runs.push_back(run);
        }
    return campaign;
}

}  // namespace ring3::test
