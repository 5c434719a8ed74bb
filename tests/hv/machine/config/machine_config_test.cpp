// SPDX-License-Identifier: MIT
#include "hv/machine/config/machine_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string refusal(std::string_view text) {
    try {
        MachineConfig config;
        config.read_text(text, "lab.toml");
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "was accepted";
}

std::string refusal_of_setting(std::string_view setting) {
    try {
        MachineConfig config;
        config.set(setting);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "was accepted";
}

TEST(MachineConfig, is_a_complete_machine_before_anybody_says_anything) {
    MachineConfig config;
    EXPECT_EQ(config.policy("scheduler").name, "round_robin");
    EXPECT_EQ(config.policy("clock").name, "wall");
    EXPECT_EQ(config.policy("engine").name, "translator");
    EXPECT_NO_THROW(config.reject_empty_kinds());
}

TEST(MachineConfig, reads_names_and_parameters_of_all_tables) {
    MachineConfig config;
    config.read_text(
        "[machine]\n"
        "memory_mib = 512\n"
        "[clock]\n"
        "name = \"virtual\"\n"
        "instruction_ps = 500\n",
        "lab.toml");
    EXPECT_EQ(config.machine().integer("memory_mib", 4096, {}, ""), 512);
    EXPECT_EQ(config.policy("clock").name, "virtual");
    EXPECT_EQ(config.policy("clock").params.origin(), "lab.toml:4");
    EXPECT_EQ(config.policy("clock").params.integer("instruction_ps", 1000, {}, ""), 500);
}

TEST(MachineConfig, tells_file_and_line_of_what_is_no_toml) {
    EXPECT_THAT(refusal("[clock]\nname = virtual\n"), StartsWith("lab.toml:2: "));
    EXPECT_THAT(refusal("[clock\n"), StartsWith("lab.toml:1: "));
}

TEST(MachineConfig, names_the_nearest_table_for_an_unknown_one) {
    EXPECT_EQ(refusal("\n[sheduler]\nname = \"bvt\"\n"),
              "lab.toml:2: there is no table [sheduler] (did you mean \"scheduler\"?); there are: "
              "machine, clock, disk, engine, io, memory, net, scheduler");
    EXPECT_THAT(refusal("[sheduler]\n"), HasSubstr("did you mean"));
    EXPECT_THAT(refusal("[fax]\n"), HasSubstr("there is no table [fax];"));
}

TEST(MachineConfig, refuses_what_stands_outside_of_all_tables) {
    EXPECT_THAT(refusal("memory_mib = 5\n"), StartsWith("lab.toml:1: \"memory_mib\" stands in no"));
}

TEST(MachineConfig, refuses_values_that_no_parameter_can_have) {
    EXPECT_EQ(refusal("[machine]\n\nmemory_mib = [1, 2]\n"),
              "lab.toml:3: [machine] memory_mib: must be a text, a number, or true or false");
    EXPECT_EQ(refusal("[clock]\nname = 5\n"), "lab.toml:2: [clock] name: must be a text");
}

TEST(MachineConfig, lets_a_setting_win_over_the_file) {
    MachineConfig config;
    config.read_text("[machine]\nmemory_mib = 512\n[clock]\nname = \"virtual\"\n", "lab.toml");
    config.set("machine.memory_mib=64");
    config.set("clock.name=wall");
    EXPECT_EQ(config.machine().integer("memory_mib", 4096, {}, ""), 64);
    EXPECT_EQ(config.policy("clock").name, "wall");
    EXPECT_EQ(config.policy("clock").params.origin(), "--set clock.name");
}

TEST(MachineConfig, reads_a_setting_with_the_types_of_toml_and_a_bare_word_as_text) {
    MachineConfig config;
    for (const char* setting : {"scheduler.a=true", "scheduler.b=-7", "scheduler.c=\"quoted text\"",
                                "scheduler.d=bare word", "scheduler.e="})
        config.set(setting);
    Params& params = config.policy("scheduler").params;
    EXPECT_TRUE(params.boolean("a", false, ""));
    EXPECT_EQ(params.integer("b", 0, {}, ""), -7);
    EXPECT_EQ(params.text("c", "", ""), "quoted text");
    EXPECT_EQ(params.text("d", "", ""), "bare word");
    EXPECT_EQ(params.text("e", "x", ""), "");
}

TEST(MachineConfig, refuses_malformed_settings) {
    for (const char* setting :
         {"", "=", "memory_mib=5", "machine.memory_mib", ".x=1", "machine.=1"})
        EXPECT_THAT(refusal_of_setting(setting), HasSubstr("must be table.key=value")) << setting;
    EXPECT_THAT(refusal_of_setting("clok.name=wall"), HasSubstr("did you mean \"clock\"?"));
    EXPECT_THAT(refusal_of_setting("machine.memory_mib=[1]"), HasSubstr("must be a text"));
}

TEST(MachineConfig, takes_no_second_line_from_a_setting) {
    MachineConfig config;
    config.set("scheduler.a=1\nb = 2");
    EXPECT_EQ(config.policy("scheduler").params.text("a", "", ""), "1\nb = 2");
}

TEST(MachineConfig, has_no_memory_policies_yet) {
    MachineConfig named;
    named.set("memory.name=ballooning");
    EXPECT_THROW(named.reject_empty_kinds(), ConfigError);
}

TEST(MachineConfig, chooses_policies_for_devices_the_most_specific_table_last) {
    MachineConfig config;
    config.read_text(
        "[io]\nname = \"coalesced\"\nbatch = 4\ntimeout_us = 7\n"
        "[io.vbd]\nbatch = 8\n"
        "[io.\"web/xvda\"]\nname = \"polled\"\n",
        "lab.toml");
    config.set("io.web.batch=32");
    const auto batch_of = [&](const DeviceName& device) {
        PolicyChoice choice = config.device_policy("io", device);
        EXPECT_EQ(choice.name, "coalesced");
        EXPECT_EQ(choice.params.integer("timeout_us", 100, {}, ""), 7) << "is inherited";
        return choice.params.integer("batch", 16, {}, "");
    };
    EXPECT_EQ(batch_of({"db", "vif0", "vif"}), 4);
    EXPECT_EQ(batch_of({"db", "xvda", "vbd"}), 8);
    EXPECT_EQ(batch_of({"web", "xvdb", "vbd"}), 32);
    PolicyChoice other = config.device_policy("io", {"web", "xvda", "vbd"});
    EXPECT_EQ(other.name, "polled");
    EXPECT_EQ(other.params.integer("batch", 16, {}, ""), 16) << "another policy inherits nothing";
    EXPECT_EQ(config.device_policies("io").size(), 4u);
}

TEST(MachineConfig, has_tables_for_devices_only_where_devices_choose) {
    MachineConfig config;
    EXPECT_THROW(config.set("clock.web.epoch_s=5"), ConfigError);
    EXPECT_THROW(config.read_text("[clock.web]\n", "lab.toml"), ConfigError);
}

TEST(MachineConfig, tells_of_a_file_that_cannot_be_read) {
    MachineConfig config;
    EXPECT_THROW(config.read_file("/nonexistent/lab.toml"), EnvironmentError);
    EXPECT_THROW(config.read_file("/"), EnvironmentError);
}

TEST(MachineConfig, describes_itself_as_a_machine_file) {
    MachineConfig config;
    config.policy("scheduler").params.integer("slice_us", 10'000, {}, "");
    config.policy("clock").params.choice("cost_model", "flat", {"flat"}, "");
    const std::string text = config.describe();
    EXPECT_THAT(text, HasSubstr("[scheduler]\nname = \"round_robin\"\nslice_us = 10000\n"));
    EXPECT_THAT(text, HasSubstr("[clock]\nname = \"wall\"\ncost_model = \"flat\"\n"));
    MachineConfig again;
    EXPECT_NO_THROW(again.read_text(text, "described.toml"));
}

TEST(MachineConfig, refuses_names_that_the_parser_of_toml_trips_over) {
    MachineConfig config;
    EXPECT_THROW(config.read_text("[!machine]\n", "lab.toml"), ConfigError);
}

}  // namespace
}  // namespace ring3
