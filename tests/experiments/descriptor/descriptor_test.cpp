// SPDX-License-Identifier: MIT
#include "experiments/descriptor/descriptor.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "experiments/descriptor/cells.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/registry.hpp"
#include "workloads/catalogue/workload.hpp"

namespace ring3::experiment {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string small = R"([experiment]
name = "small"

[platforms.native]
[platforms.ring3]

[[workloads]]
name = "spec-int-like"
programs = ["gzip"]
)";

/// All that is wrong with a text; "" if nothing is.
std::string errors_of(const std::string& text, const std::vector<std::string>& settings = {}) {
    try {
        parse_descriptor("small.toml", text, settings);
        return "";
    } catch (const ConfigError& error) {
        return error.what();
    }
}

TEST(Descriptor, has_defaults_for_most) {
    const Descriptor descriptor = parse_descriptor("small.toml", small);
    EXPECT_EQ(descriptor.name, "small");
    EXPECT_EQ(descriptor.baseline, "native");
    EXPECT_EQ(descriptor.stopping.least, 3U);
    EXPECT_EQ(descriptor.workloads.at(0).size, "test");
    EXPECT_EQ(descriptor.workloads.at(0).iterations, 2U);
    EXPECT_THAT(descriptor.workloads.at(0).programs, ElementsAre("gzip"));
}

TEST(Descriptor, takes_all_programs_when_none_is_named) {
    const Descriptor descriptor = parse_descriptor(
        "small.toml",
        "[experiment]\nname='x'\n[platforms.native]\n[[workloads]]\nname='spec-int-like'");
    EXPECT_EQ(descriptor.workloads.at(0).programs.size(), 12U);
}

TEST(Descriptor, tells_every_error_with_its_place) {
    const std::string errors = errors_of(
        "[experiment]\nname = \"small\"\nrepetitons = 3\nbaseline = \"nativ\"\n"
        "[platforms.native]\n[[workloads]]\nname = \"spec-int-lik\"\n"
        "[[workloads]]\nname = \"dbench\"\nsize = \"huge\"\n[speed]\n");
    EXPECT_THAT(errors, HasSubstr("small.toml:3:"));
    EXPECT_THAT(errors, HasSubstr("did you mean \"repetitions\"?"));
    EXPECT_THAT(errors, HasSubstr("small.toml:4:"));
    EXPECT_THAT(errors, HasSubstr("did you mean \"native\"?"));
    EXPECT_THAT(errors, HasSubstr("did you mean \"spec-int-like\"?"));
    EXPECT_THAT(errors, HasSubstr("small.toml:10:"));
    EXPECT_THAT(errors, HasSubstr("there is no key \"speed\""));
}

TEST(Descriptor, refuses_what_is_no_toml_with_its_place) {
    EXPECT_THAT(errors_of("[experiment\nname=1"), HasSubstr("small.toml:1:"));
    EXPECT_THAT(errors_of("[!x]"), HasSubstr("small.toml:1:1"));
}

TEST(Descriptor, that_is_no_file_is_refused_with_its_name) {
    for (const char* path : {"/nowhere/x.toml", "/tmp"}) {
        try {
            read_descriptor(path);
            FAIL() << path;
        } catch (const EnvironmentError& error) {
            EXPECT_THAT(error.what(), HasSubstr(path));
        }
    }
}

TEST(Descriptor, refuses_policies_on_platforms_that_have_none) {
    EXPECT_THAT(
        errors_of(small + "[platforms.other]\nkind = \"native\"\nset = [\"io.name=polled\"]\n"),
        HasSubstr("native has none"));
    EXPECT_THAT(errors_of("[experiment]\nname='x'\n[platforms.native]\n[[workloads]]\n"
                          "name='dbench'\n[sweep]\n\"scheduler.name\" = [\"round_robin\"]\n"),
                HasSubstr("no platform here is a ring3 machine"));
}

TEST(Descriptor, refuses_a_sweep_over_what_a_policy_does_not_have) {
    const std::string errors = errors_of(small + "[sweep]\n\"scheduler.slize_us\" = [1, 2]\n");
    EXPECT_THAT(errors, HasSubstr("slize_us"));
    EXPECT_THAT(errors, HasSubstr("slice_us"));
    EXPECT_THAT(errors_of(small + "[sweep]\n\"scheduler.slice_us\" = [5000, 50000]\n"), "");
}

TEST(Descriptor, refuses_names_that_are_there_twice) {
    EXPECT_THAT(errors_of(small + "[[workloads]]\nname = \"spec-int-like\"\n"),
                HasSubstr("is there twice"));
    const std::string part = "[[workloads]]\nname='os-latency'\nsize='{}'\nprograms=['{}']\n";
    EXPECT_THAT(errors_of(small + fmt::format(fmt::runtime(part), "test", "files") +
                          fmt::format(fmt::runtime(part), "train", "switches")),
                HasSubstr("the same size and other programs"));
    EXPECT_THAT(errors_of(small + fmt::format(fmt::runtime(part), "test", "files") +
                          fmt::format(fmt::runtime(part), "test", "switches")),
                "");
    EXPECT_THAT(errors_of(small + "[[claims]]\nname='a'\nat_least=1\n[[claims]]\nname='a'\n"
                                  "at_least=1\n"),
                HasSubstr("the claim \"a\" is there twice"));
}

TEST(Descriptor, takes_claims_about_domains_and_how_many_there_are_of_each) {
    const std::string two =
        "[experiment]\nname='x'\n[platforms.ring3]\n[[domains]]\nname='a'\nworkload="
        "'spec-int-like'\nprograms=['gzip']\n[[domains]]\nname='b'\nworkload='spec-int-like'\n"
        "programs=['gzip']\nbackground=true\n[sweep]\n\"domains.b.count\" = [0, 2]\n";
    const std::string claim = "[[claims]]\nname='c'\nthan='ring3'\n";
    const Descriptor descriptor = parse_descriptor(
        "small.toml", two + claim +
                          "domain='a'\nsame='memory'\nat={\"domains.b.count\"='2'}\n"
                          "than_at={\"domains.b.count\"='0'}\n");
    EXPECT_EQ(descriptor.claims.at(0).fact, "a_memory_sha256");
    EXPECT_FALSE(descriptor.claims.at(0).differs);
    EXPECT_EQ(errors_of(two + claim +
                        "domain='a'\nthan_domain='b-2'\nmetric='cpus'\n"
                        "program='schedule'\nat_least=2\n"),
              "");
    EXPECT_THAT(errors_of(two + claim + "domain='c'\nat_least=2\n"),
                HasSubstr("there is no domain \"c\""));
    EXPECT_THAT(errors_of(two + claim + "same='memory'\n"), HasSubstr("names a \"domain\""));
    EXPECT_THAT(errors_of(two + claim + "domain='a'\ndiffers='mind'\n"), HasSubstr("memory"));
}

TEST(Descriptor, refuses_claims_without_a_bound_and_points_that_no_cell_has) {
    EXPECT_THAT(errors_of(small + "[[claims]]\nname='a'\nplatform='ring3'\n"),
                HasSubstr("\"at_least\" or \"at_most\""));
    EXPECT_THAT(errors_of(small + "[sweep]\n\"scheduler.slice_us\" = [5000]\n[[claims]]\nname='a'\n"
                                  "at_least=1\nplatform='ring3'\nat={\"scheduler.slice_us\"=7}\n"),
                HasSubstr("\"7\" is no value of the sweep's scheduler.slice_us"));
}

TEST(Descriptor, wants_to_know_in_what_a_command_differs_that_is_compared_with_others) {
    const auto with = [](const std::string& command, const std::string& more = "") {
        return errors_of(small + "[platforms.other]\nkind = \"command\"\ncommand = [" + command +
                         "]\n" + more);
    };
    const std::string whole =
        "'vmm', '{kernel}', '{ramdisk}', '{disk}', '-m', '{memory_mib}', '-c', '{vcpus}', "
        "'{words}'";
    EXPECT_THAT(with(whole), "");
    const std::string own = with("'vmrun', 'start', '{disk}'");
    EXPECT_THAT(own, HasSubstr("small.toml:12:"));
    EXPECT_THAT(own, HasSubstr("brings its own kernel, memory, vcpus, words"));
    EXPECT_THAT(own, HasSubstr("[platforms.other.differs] kernel = "));
    EXPECT_THAT(with("'vmrun', '{kernel}', '{ramdisk}', '{memory_mib}', '{vcpus}', '{words}'",
                     "differs = { image = \"its own Debian\" }\n"),
                "");
    EXPECT_THAT(with(whole, "differs = { kernl = \"6.12\" }\n"),
                HasSubstr("did you mean \"kernel\"?"));
    // Alone it is compared with nobody.
    EXPECT_THAT(errors_of("[experiment]\nname='x'\n[platforms.own]\nkind='command'\n"
                          "command=['vmm']\n[[workloads]]\nname='dbench'\n"),
                "");
}

TEST(Descriptor, wants_to_know_whether_a_tree_of_the_users_is_what_is_in_his_disk) {
    const std::string own = small + "[guest]\ndisk = '/d'\ntree = '/t'\n";
    EXPECT_THAT(errors_of(own), HasSubstr("brings its own image"));
    EXPECT_THAT(errors_of(own + "[platforms.native.differs]\nimage = 'unpacked by hand'\n"), "");
}

TEST(Descriptor, has_a_rule_for_steady_states_that_can_hold) {
    const auto with = [](const std::string& rule) { return errors_of(small + rule); };
    const Descriptor descriptor =
        parse_descriptor("small.toml", small + "iterations = 20\nsteady = {window = 6}\n");
    const SteadyRule& rule = descriptor.workloads.at(0).steady;
    EXPECT_EQ(rule.window, 6U);
    EXPECT_EQ(rule.variation, 0.02);
    EXPECT_EQ(rule.drift, 0.02);
    EXPECT_EQ(parse_descriptor("small.toml", small).workloads.at(0).steady.window, 0U);
    EXPECT_THAT(with("iterations = 4\nsteady = {window = 6}\n"),
                HasSubstr("fewer than the window of 6"));
    EXPECT_THAT(with("iterations = 9\nsteady = {windw = 6}\n"),
                HasSubstr("did you mean \"window\"?"));
    EXPECT_THAT(with("iterations = 9\nsteady = {window = 2}\n"), HasSubstr("window"));
}

TEST(Descriptor, refuses_a_stopping_rule_that_can_never_hold) {
    const auto with = [](const std::string& rule) {
        return errors_of("[experiment]\nname='x'\nstop=" + rule +
                         "\n[platforms.native]\n[[workloads]]\nname='dbench'\n");
    };
    EXPECT_THAT(with("{most = 5, least = 2}"), HasSubstr("below 6 runs"));
    EXPECT_THAT(with("{most = 8, least = 9}"), HasSubstr("less than"));
    EXPECT_THAT(with("{}"), "");
}

constexpr const char* domains = R"toml([experiment]
name = 'x'
[platforms.ring3]
[platforms.uml]
[[domains]]
name = 'good'
workload = 'dbench'
[[domains]]
name = 'bad'
count = 2
workload = 'antisocial'
programs = ['compute']
)toml";

TEST(Descriptor, wants_one_domain_that_comes_to_an_end) {
    EXPECT_THAT(errors_of(domains), "");
    EXPECT_THAT(errors_of(std::string(domains) + "background = true\n"), "");
    EXPECT_THAT(errors_of(std::string(domains) + "background = 1\n"), HasSubstr("true or false"));
    EXPECT_THAT(errors_of("[experiment]\nname='x'\n[platforms.ring3]\n[[domains]]\nname='a'\n"
                          "workload='dbench'\nbackground=true\n"),
                HasSubstr("no run would end"));
}

TEST(Descriptor, sweeps_over_the_programs_of_a_domain) {
    const auto with = [](const std::string& axis) {
        return std::string(domains) + "[sweep]\n" + axis;
    };
    EXPECT_THAT(errors_of(with("'domains.bad.program' = ['compute', 'fork-bomb']\n")), "");
    EXPECT_THAT(errors_of(with("'domains.bad.program' = ['compute', 'fork-bom']\n")),
                HasSubstr("did you mean \"fork-bomb\""));
    EXPECT_THAT(errors_of(with("'domains.ugly.program' = ['compute']\n")),
                HasSubstr("domains.bad.program"));
    const auto descriptor =
        parse_descriptor("x.toml", with("'domains.bad.program' = ['compute', 'fork-bomb']\n"));
    EXPECT_EQ(cells_of(descriptor).size(), 4U);
}

TEST(Descriptor, refuses_numbers_of_a_sweep_that_there_cannot_be) {
    const auto with = [](const std::string& axis) {
        return errors_of(std::string(domains) + "[sweep]\n" + axis);
    };
    EXPECT_THAT(with("'domains.bad.count' = [0, 1, 512]\n"), "");
    for (const char* value : {"-1", "513", "'x'", "1.5", "true", "''"})
        EXPECT_THAT(with(fmt::format("'domains.bad.count' = [1, {}]\n", value)),
                    HasSubstr("whole number from 0 to 512"))
            << value;
    EXPECT_THAT(with("'domains.count' = [0]\n"), HasSubstr("whole number from 1 to 512"));
    EXPECT_THAT(with("'guest.vcpus' = [0]\n"), HasSubstr("from 1 to 128"));
    EXPECT_THAT(with("'guest.vcpus' = [-1]\n"), HasSubstr("from 1 to 128"));
    EXPECT_THAT(with("'guest.memory_mib' = [0]\n"), HasSubstr("from 16 to"));
    EXPECT_THAT(with("'guest.memory_mib' = [256, -5]\n"), HasSubstr("from 16 to"));
}

TEST(Descriptor, refuses_a_setting_that_the_sweep_overrides) {
    const std::string text = small + "[sweep]\n\"scheduler.slice_us\" = [5000, 50000]\n";
    try {
        parse_descriptor("small.toml", text, {"scheduler.slice_us=7000"});
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("'sweep.scheduler.slice_us=[...]'"));
    }
    const Descriptor other =
        parse_descriptor("small.toml", text, {"sweep.scheduler.slice_us=[7000]"});
    EXPECT_THAT(other.sweep.at(0).values, ElementsAre("7000"));
}

TEST(Descriptor, refuses_domains_that_cannot_be_made) {
    const auto with = [](const std::string& config) {
        return errors_of(std::string(domains) + "config = [\"" + config + "\"]\n");
    };
    EXPECT_THAT(with("cpu_weight=512"), "");
    EXPECT_THAT(with("cpu_weight=0"), HasSubstr("cpu_weight"));
    EXPECT_THAT(with("cpus='0'"), "");
    EXPECT_THAT(with("cpus='9'"), HasSubstr("none of them is in"));
    EXPECT_THAT(with("pool='fast'"), HasSubstr("fast"));
    EXPECT_THAT(with("no_such_key=1"), HasSubstr("no_such_key"));
}

TEST(Descriptor, does_not_mix_programs_that_need_another_guest_with_others) {
    const std::string net =
        "[experiment]\nname='x'\n[platforms.ring3]\n[[workloads]]\nname='net-bandwidth'\n";
    const Descriptor all = parse_descriptor("x.toml", net);
    EXPECT_THAT(all.workloads.at(0).programs, ElementsAre("loopback-1500", "loopback-500"));
    EXPECT_EQ(all.workloads.at(0).peer, "");
    const Descriptor two =
        parse_descriptor("x.toml", net + "programs=['send-500','receive-500']\n");
    EXPECT_EQ(two.workloads.at(0).peer, "serve");
    EXPECT_TRUE(cells_of(two).at(0).has_several_guests());
    EXPECT_THAT(errors_of(net + "programs=['send-500','loopback-500']\n"),
                HasSubstr("do not run in one guest"));
}

TEST(Descriptor, takes_settings_before_the_file) {
    const Descriptor descriptor =
        parse_descriptor("small.toml", small,
                         {"guest.memory_mib=300", "workloads.spec-int-like.size=train",
                          "experiment.repetitions=7", "scheduler.slice_us=1234"});
    EXPECT_EQ(descriptor.guest.memory_mib, 300U);
    EXPECT_EQ(descriptor.workloads.at(0).size, "train");
    EXPECT_EQ(descriptor.stopping.most, 7U);
    EXPECT_THAT(machine_of(descriptor, descriptor.platforms.at(1), "", 1).describe(),
                HasSubstr("slice_us = 1234"));
}

TEST(Descriptor, refuses_settings_that_lead_nowhere) {
    EXPECT_THAT(errors_of(small, {"guest.memry_mib=3"}), HasSubstr("did you mean \"memory_mib\"?"));
    EXPECT_THAT(errors_of(small, {"guest"}), HasSubstr("must be table.key=value"));
    EXPECT_THAT(errors_of(small, {"workloads.nothing.size=test"}),
                HasSubstr("no entry of the name \"nothing\""));
    EXPECT_THAT(errors_of(small, {"scheduler.name=nothing"}), HasSubstr("nothing"));
}

TEST(Descriptor, says_who_gave_a_value) {
    const Descriptor descriptor = parse_descriptor("small.toml", small, {"guest.vcpus=2"});
    const auto origin = [&](const std::string& key) {
        for (const Effective& value : descriptor.effective)
            if (value.key == key) return value.origin;
        return std::string("nobody");
    };
    EXPECT_EQ(origin("experiment.name"), "line 2");
    EXPECT_EQ(origin("guest.vcpus"), "--set");
    EXPECT_EQ(origin("guest.memory_mib"), "default");
}

TEST(Descriptor, keeps_the_lines_of_a_machines_tables) {
    EXPECT_THAT(errors_of(small + "\n[scheduler]\nslice_us = \"x\"\n"), HasSubstr("small.toml:12"));
}

TEST(Descriptor, is_good_in_every_experiment_of_this_project) {
    namespace fs = std::filesystem;
    const fs::path folder = workloads_folder().parent_path() / "experiments";
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() != ".toml") continue;
        EXPECT_NO_THROW(read_descriptor(entry.path())) << entry.path();
        ++count;
    }
    EXPECT_GT(count, 3U);
}

TEST(Cells, are_every_platform_with_every_point) {
    const Descriptor descriptor =
        parse_descriptor("small.toml",
                         small +
                             "[sweep]\n\"scheduler.slice_us\" = [5000, 50000]\n"
                             "\"guest.memory_mib\" = [256, 512]\n",
                         {"experiment.seeds=[1, 2]", "sweep.guest.memory_mib=[256, 1024]"});
    std::vector<std::string> labels;
    for (const Cell& cell : cells_of(descriptor)) labels.push_back(cell.label());
    // Native Linux has no scheduler of ours: what varies that alone varies nothing there.
    EXPECT_EQ(labels.size(), 2U * 2U + 4U * 2U);
    EXPECT_THAT(labels, testing::Contains("native/spec-int-like/test guest.memory_mib=256"));
    EXPECT_THAT(labels, testing::Contains("ring3/spec-int-like/test guest.memory_mib=1024;"
                                          "scheduler.slice_us=50000 seed=2"));
}

TEST(Cells, know_the_clock_of_their_machine) {
    const Descriptor descriptor = parse_descriptor("small.toml", small, {"clock.name=virtual"});
    const auto cells = cells_of(descriptor);
    EXPECT_EQ(cells.at(0).clock, "wall");
    EXPECT_EQ(cells.at(1).clock, "virtual");
}

TEST(Cells, give_their_seed_to_what_draws_lots) {
    const Descriptor descriptor = parse_descriptor("small.toml", small, {"net.name=link"});
    EXPECT_THAT(machine_of(descriptor, descriptor.platforms.at(1), "", 42).describe(),
                HasSubstr("seed = 42"));
}

TEST(Turns, are_all_cells_in_an_order_of_the_seed_alone) {
    const Descriptor descriptor =
        parse_descriptor("small.toml", small, {"experiment.seeds=[1,2,3,4]"});
    const auto cells = cells_of(descriptor);
    const auto order = [&](unsigned repetition, std::uint64_t seed) {
        std::vector<std::uint32_t> numbers;
        for (const Turn& turn : turns_of(cells, repetition, seed))
            numbers.push_back(turn.cell->number);
        return numbers;
    };
    EXPECT_EQ(order(1, 7), order(1, 7));
    EXPECT_NE(order(1, 7), order(2, 7));
    EXPECT_NE(order(1, 7), order(1, 8));
    EXPECT_THAT(order(3, 7), testing::UnorderedElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

}  // namespace
}  // namespace ring3::experiment
