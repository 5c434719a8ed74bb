// SPDX-License-Identifier: MIT
// The verbs about who gets which CPU, on a machine in the background: sched, sched-credit and its
// sisters, vcpu-pin, vcpu-list, vcpu-set, cpupool-*.
#include <fstream>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/program.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

class SchedulingVerbs : public testing::Test {
protected:
    void TearDown() override { run_ring3("down --force"); }

    static std::string shown(const std::string& arguments) { return run_ring3(arguments).shown; }
    static Json result(const std::string& arguments) {
        const Outcome outcome = run_ring3(arguments + " --json");
        EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.text;
        return Json::parse(outcome.shown)["result"];
    }
    /// A guest that sleeps, with these settings of its config.
    static void create(const std::string& name, const std::string& more = "",
                       const Code& code = sleeps()) {
        const std::string path = fmt::format("{}/{}.cfg", own_runtime_folder(), name);
        std::ofstream(path) << fmt::format("name = \"{}\"\nkernel = \"{}\"\nmemory = 8\n{}", name,
                                           small_kernel(code), more);
        succeed("create " + path);
    }
    static std::uint64_t ran_ns(const std::string& domain) {
        return result("list " + domain)[0]["cpu_time_ns"];
    }
};

TEST_F(SchedulingVerbs, show_and_set_what_domains_are_promised) {
    succeed("up");
    create("one", "vcpus = 2\ncpu_weight = 512\ncap = 50\n");
    const Json one = result("sched get one")[0];
    EXPECT_EQ(one["weight"], 512);
    EXPECT_EQ(one["cap_percent"], 50);
    EXPECT_EQ(one["vcpus"][1]["cap_percent"], 25);
    EXPECT_THAT(shown("sched list"),
                AllOf(ContainsRegex("Domain-0 +0 +round_robin +256 +0 +- +- +-  all\n"),
                      ContainsRegex("one +1 +round_robin +512 +50 +- +- +-  all all\n")));
    succeed(
        "sched set one weight=100 period_us=20000 budget_us=5000 extra_time=0 --json "
        ">/dev/null");
    const Json changed = result("sched get one")[0];
    EXPECT_EQ(changed["weight"], 100);
    EXPECT_EQ(changed["period_us"], 20000);
    EXPECT_EQ(changed["budget_us"], 5000);
    EXPECT_EQ(changed["extra_time"], false);
    EXPECT_EQ(result("sched set Domain-0 weight=300")[0]["weight"], 300);
    EXPECT_EQ(result("sched get 0")[0]["weight"], 300);
    EXPECT_EQ(result("sched set one warp=20")[0]["warp"], 20);
}

TEST_F(SchedulingVerbs, set_one_vcpu_of_a_domain) {
    succeed("up");
    create("one", "vcpus = 2\n");
    const Json one = result("sched set one vcpu=1 weight=99")[0];
    EXPECT_EQ(one["vcpus"][0]["weight"], 256);
    EXPECT_EQ(one["vcpus"][1]["weight"], 99);
    EXPECT_THAT(shown("sched get one"), ContainsRegex("vCPU 1 +99 "));
    EXPECT_EQ(result("sched set one weight=77")[0]["vcpus"][1]["weight"], 77)
        << "the domain's goes to all its vCPUs";
    expect_failure("sched set one vcpu=2 weight=1", 2, "has vCPUs 0 to 1, and no 2");
    expect_failure("sched set one vcpu=1 cap_percent=10", 2, "a domain's, not a vCPU's");
}

TEST_F(SchedulingVerbs, refuse_what_cannot_be_promised) {
    succeed("up");
    create("one");
    expect_failure("sched set one weight=0", 2, "from 1 to 65535");
    expect_failure("sched set one weight=x", 2, "a whole number");
    expect_failure("sched set one wieght=1", 2, "none of vcpu=, weight=");
    expect_failure("sched set one period_us=100 budget_us=200", 2, "more than the period");
    expect_failure("sched set two weight=1", 2, "no domain \"two\"");
    expect_failure("sched set one", 2, "ring3 sched takes");
    expect_failure("sched", 2, "list, get DOMAIN");
    expect_failure("sched-credit", 2, "Domain-0's scheduler is round_robin, not credit");
    EXPECT_EQ(result("sched get one")[0]["weight"], 256);
}

TEST_F(SchedulingVerbs, of_xl_are_there_for_their_schedulers) {
    succeed("up --set scheduler.name=credit");
    create("one");
    succeed("sched-credit -d one -w 512 -c 40 >/dev/null");
    EXPECT_THAT(shown("sched-credit"), AllOf(ContainsRegex("Domain-0 +0 +credit +256 +0 "),
                                             ContainsRegex("one +1 +credit +512 +40 ")));
    EXPECT_THAT(shown("sched-credit -d one"), Not(HasSubstr("Domain-0")));
    expect_failure("sched-credit -w 5", 2, "which domain?");
    expect_failure("sched-credit -d one -w ''", 2, "takes a whole number, not \"\"");
    expect_failure("sched-rtds -d one", 2, "one's scheduler is credit, not rtds");
    succeed("sched switch credit2");
    succeed("sched-credit2 -d Domain-0 -w 1024 >/dev/null");
    EXPECT_THAT(shown("sched-credit2"), ContainsRegex("Domain-0 +0 +credit2 +1024 "));
    succeed("sched switch rtds");
    succeed("sched-rtds -d one -v 0 -p 10000 -b 2500 -e 0 >/dev/null");
    EXPECT_EQ(result("sched get one")[0]["vcpus"][0]["budget_us"], 2500);
    expect_failure("sched-rtds -d one -v 0", 2, "what is to be set");
    succeed("sched-rtds -d one -v all -p 20000 -b 5000 >/dev/null");
    EXPECT_THAT(shown("sched-rtds -d one -v all"), ContainsRegex("20000 +5000"));
}

TEST_F(SchedulingVerbs, switch_schedulers_under_running_guests) {
    succeed("up");
    create("one", "", spins());
    create("two", "cpu_weight = 768\n", spins());
    succeed("sched switch credit slice_ms=3");
    EXPECT_EQ(result("cpupool-list")[0]["scheduler"], "credit");
    EXPECT_EQ(result("info")["scheduler"], "credit");
    EXPECT_THAT(result("info")["parameters"].get<std::string>(), HasSubstr("slice_ms = 3"));
    const auto ran = [] {
        const Json both = result("list one two");
        return std::pair{both[0]["cpu_time_ns"].get<double>(),
                         both[1]["cpu_time_ns"].get<double>()};
    };
    const auto before = ran();
    auto after = ran();
    for (; after.first - before.first < 3e8; after = ran()) usleep(100'000);
    EXPECT_NEAR((after.second - before.second) / (after.first - before.first), 3, 0.8);
    EXPECT_THAT(run_ring3("sched switch credt").said, HasSubstr("did you mean \"credit\"?"));
    expect_failure("sched switch credit slice=3", 2, "it has: name, slice_ms");
    expect_failure("sched switch credit slice_ms", 2, "no PARAMETER=VALUE");
    expect_failure("sched switch -p none credit", 2, "no CPU pool \"none\"");
    expect_failure("sched -p 0 list", 2, "only switch takes a CPU pool");
    EXPECT_EQ(result("cpupool-list")[0]["scheduler"], "credit");
}

TEST_F(SchedulingVerbs, pin_vcpus_and_list_them_where_they_are) {
    succeed("up --set machine.pcpus=4");
    create("one", "vcpus = 2\ncpus = [\"1\", \"2-3\"]\n", spins());
    EXPECT_THAT(shown("vcpu-list"),
                AllOf(ContainsRegex("Domain-0 +0 +0 +0 +r-- +[0-9.]+  all / all\n"),
                      ContainsRegex("one +1 +0 +1 +r-- +[0-9.]+  1 / all\n"),
                      ContainsRegex("one +1 +1 +- +--p +[0-9.]+  2-3 / all\n")));
    succeed("vcpu-pin one 0 3");
    const std::uint64_t before = ran_ns("one");
    while (ran_ns("one") == before) usleep(1000);
    EXPECT_THAT(shown("vcpu-list one"), ContainsRegex("one +1 +0 +3 +r-- +[0-9.]+  3 / all\n"));
    succeed("vcpu-pin one all all");
    succeed("vcpu-pin Domain-0 0 2");
    EXPECT_THAT(shown("vcpu-list Domain-0"), HasSubstr("  2 / all\n"));
    expect_failure("vcpu-pin one 0 4", 2, "has the pCPUs 0-3, and none of them is in \"4\"");
    expect_failure("vcpu-pin one 2 0", 2, "has vCPUs 0 to 1");
    expect_failure("vcpu-pin one 0 x", 2, "is no list of pCPUs");
    expect_failure("vcpu-pin one x 0", 2, "VCPU takes a whole number");
}

TEST_F(SchedulingVerbs, ask_for_vcpus_through_the_store) {
    succeed("up");
    create("one", "vcpus = 1\nmaxvcpus = 4\n");
    const auto availability = [](int vcpu) {
        return shown(fmt::format("xenstore read /local/domain/1/cpu/{}/availability", vcpu));
    };
    EXPECT_EQ(availability(1), "offline\n");
    succeed("vcpu-set one 3");
    EXPECT_EQ(availability(2), "online\n");
    EXPECT_EQ(availability(3), "offline\n");
    expect_failure("vcpu-set one 5", 2, "1 to 4 vCPUs, its maxvcpus, not 5");
    expect_failure("vcpu-set one 0", 2, "1 to 4 vCPUs");
}

TEST_F(SchedulingVerbs, make_and_take_cpu_pools) {
    succeed("up --set machine.pcpus=4");
    create("one", "", spins());
    EXPECT_EQ(shown("cpupool-list"),
              "Name               CPUs       Sched  Active  Domain count\n"
              "Pool-0                4 round_robin       y             2\n");
    expect_failure("cpupool-create name=batch", 2, "no pCPU is free");
    succeed("cpupool-cpu-remove Pool-0 2-3");
    succeed("cpupool-create name=batch sched=credit cpus=[\\\"3\\\"] slice_ms=7 >/dev/null");
    EXPECT_EQ(shown("cpupool-list -c"),
              "Name               CPU list\nPool-0             0,1\nbatch              3\n");
    succeed("cpupool-cpu-add batch 2");
    succeed("cpupool-migrate one batch");
    EXPECT_EQ(result("list one")[0]["cpu_pool"], "batch");
    EXPECT_EQ(result("cpupool-list batch")[0]["domains"], 1);
    expect_failure("cpupool-destroy batch", 2, "has domains");
    expect_failure("cpupool-migrate Domain-0 batch", 2, "Domain-0 is the machine itself");
    create("two", "pool = \"batch\"\ncpus = \"2\"\n", spins());
    EXPECT_EQ(result("list two")[0]["cpu_pool"], "batch");
    EXPECT_THAT(shown("vcpu-list two"), ContainsRegex("two +2 +0 +2 +r-- "));
    succeed("cpupool-rename batch work");
    expect_failure("cpupool-list batch", 2, "there are: Pool-0, work");
    succeed("sched switch -p work stride");
    EXPECT_EQ(result("cpupool-list work")[0]["scheduler"], "stride");
    EXPECT_EQ(result("cpupool-list 0")[0]["scheduler"], "round_robin");
    succeed("destroy two");
    succeed("cpupool-migrate one 0");
    succeed("cpupool-destroy work");
    succeed("cpupool-cpu-add Pool-0 all");
    EXPECT_EQ(result("cpupool-list")[0]["cpus"].size(), 4u);
}

TEST_F(SchedulingVerbs, make_a_pool_of_a_config_as_xl_has_it) {
    succeed("up --set machine.pcpus=2");
    succeed("cpupool-cpu-remove Pool-0 1");
    const std::string path = own_runtime_folder() + "/pool.cfg";
    std::ofstream(path) << "name = \"batch\"\nsched = \"credit2\"\ncpus = [\"1\"]\n";
    EXPECT_EQ(result("cpupool-create " + path + " name=other")["name"], "other");
    expect_failure("cpupool-create " + path, 2, "no pCPU is free");
    expect_failure("cpupool-create cpus=1", 2, "how is the pool called");
    expect_failure("cpupool-create /nonexistent", 4, "/nonexistent");
    succeed("cpupool-destroy other");
    expect_failure("cpupool-create " + path + " slice=5", 2, "slice");
    expect_failure("cpupool-create " + path + " nodes=0", 2, "no NUMA nodes");
    EXPECT_EQ(result("cpupool-list").size(), 1u) << "what fails leaves nothing";
}

}  // namespace
}  // namespace ring3
