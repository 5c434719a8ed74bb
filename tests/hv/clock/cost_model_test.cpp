// SPDX-License-Identifier: MIT
// Cost models, and what the virtual clock does with one.
#include "hv/clock/cost_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "hv/base/random.hpp"
#include "hv/base/registry.hpp"
#include "hv/clock/clock.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string model_text(const std::string& change = "", const std::string& to = "") {
    std::string text =
        "name = \"lab\"\nversion = 3\nsummary = \"a test's\"\n[costs]\ninstruction_ps = 250\n"
        "system_call_ns = 10\nhypercall_ns = 20\nexception_ns = 30\ninterrupt_ns = 40\n"
        "cr3_load_ns = 50\nflush_ns = 60\ntable_update_ns = 70\nframe_ns = 80\n"
        "context_switch_ns = 90\ncold_cache_ns = 100\nio_request_ns = 110\nio_byte_ps = 120\n";
    if (const std::size_t at = text.find(change); !change.empty())
        text.replace(at, change.size(), to);
    return text;
}

std::string refusal(const std::string& text) {
    try {
        parse_cost_model(text, "lab.toml");
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "was accepted";
}

std::unique_ptr<Clock> clock_with(
    std::initializer_list<std::pair<const char*, std::int64_t>> costs) {
    Params params("clock");
    for (const auto& [key, value] : costs) params.set(key, {value, "a test"});
    return Registry<Clock>::create("virtual", params);
}

TEST(CostModel, holds_what_its_file_says) {
    const CostModel model = parse_cost_model(model_text(), "lab.toml");
    EXPECT_EQ(model.name, "lab");
    EXPECT_EQ(model.version, 3);
    EXPECT_EQ(model.ps[static_cast<std::size_t>(Cost::instruction)], 250u);
    EXPECT_EQ(model.ps[static_cast<std::size_t>(Cost::cr3_load)], 50'000u);
    EXPECT_EQ(model.ps[static_cast<std::size_t>(Cost::io_byte)], 120u);
}

TEST(CostModel, is_refused_when_something_is_missing_or_wrong) {
    EXPECT_THAT(
        refusal(model_text("flush_ns = 60\n", "")),
        HasSubstr("lab.toml: flush_ns is missing: it must be a whole number from 0 to 1000000000"));
    EXPECT_THAT(refusal(model_text("flush_ns = 60", "flush_ns = -1")), HasSubstr("flush_ns = -1"));
    EXPECT_THAT(refusal(model_text("instruction_ps = 250", "instruction_ps = 0")),
                HasSubstr("from 1 to 1000000"));
    EXPECT_THAT(refusal(model_text("flush_ns = 60", "flush_ns = 60\nflash_ns = 60")),
                HasSubstr("has no \"flash_ns\" (did you mean \"flush_ns\"?)"));
    EXPECT_THAT(refusal(model_text("version = 3\n", "")),
                HasSubstr("version is missing: it must be"));
    EXPECT_THAT(refusal("]"), HasSubstr("lab.toml:1: "));
}

TEST(CostModel, of_a_name_that_is_not_there_is_refused_with_those_that_are) {
    try {
        find_cost_model("flatt", "lab.toml:2");
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("lab.toml:2: there is no cost model \"flatt\""));
        EXPECT_THAT(error.what(), HasSubstr("did you mean \"flat\"?"));
    }
    EXPECT_THROW(find_cost_model("./nowhere.toml", ""), EnvironmentError);
    EXPECT_THROW(find_cost_model("/dev/zero", ""), ConfigError);
    EXPECT_THROW(find_cost_model("host", ""), ConfigError);
}

TEST(CostModel, that_is_built_in_has_the_name_of_its_file) {
    EXPECT_FALSE(cost_models().empty());
    for (const PolicyName& model : cost_models())
        EXPECT_EQ(find_cost_model(model.name, "").name, model.name);
}

TEST(VirtualClock, has_the_flat_model_by_default_which_charges_nothing_but_instructions) {
    const auto clock = clock_with({});
    for (const CostKey& key : cost_keys()) {
        if (key.cost == Cost::instruction) continue;
        EXPECT_FALSE(clock->charge(key.cost, 1000)) << key.key;
    }
    EXPECT_EQ(clock->now(1000), Time{1us});
    EXPECT_EQ(clock->cold_cache(), 0ns);
}

TEST(VirtualClock, moves_on_by_each_single_cost) {
    for (const CostKey& key : cost_keys()) {
        if (key.cost == Cost::instruction || key.cost == Cost::cold_cache) continue;
        const auto clock = clock_with({{key.key, 3000}});
        EXPECT_TRUE(clock->charge(key.cost, 2)) << key.key;
        EXPECT_EQ(clock->now(0), Time{Duration{6 * static_cast<int>(key.unit_ps)}}) << key.key;
    }
}

TEST(VirtualClock, records_the_model_and_every_cost_in_effect) {
    Params params("clock");
    params.set("hypercall_ns", {std::int64_t{7}, "a test"});
    Registry<Clock>::create("virtual", params);
    std::map<std::string, std::string> values;
    for (const Params::Declared& each : params.declared()) values[each.name] = each.value;
    EXPECT_EQ(values["cost_model"], "flat");
    EXPECT_EQ(values["cost_model_version"], "1");
    EXPECT_EQ(values["hypercall_ns"], "7");
    for (const CostKey& key : cost_keys()) EXPECT_TRUE(values.contains(key.key)) << key.key;
}

TEST(VirtualClock, refuses_a_model_of_another_version) {
    Params params("clock");
    params.set("cost_model_version", {std::int64_t{2}, "lab.toml:3"});
    EXPECT_THROW(Registry<Clock>::create("virtual", params), ConfigError);
}

TEST(VirtualClock, takes_twice_the_time_for_instructions_until_a_cold_start_is_paid) {
    const auto clock = clock_with({{"cold_cache_ns", 1000}});
    clock->begin_turn(50, 300ns);
    EXPECT_EQ(clock->now(150), Time{250ns});
    EXPECT_EQ(clock->now(350), Time{650ns});
    EXPECT_EQ(clock->now(450), Time{750ns});
    EXPECT_EQ(clock->end_turn(450), 0ns);
    EXPECT_EQ(clock->now(450), Time{750ns});
    clock->begin_turn(450, 1h);
    EXPECT_EQ(clock->now(650), Time{1150ns});
    EXPECT_EQ(clock->end_turn(650), 800ns) << "of a microsecond, the most that there is";
    EXPECT_EQ(clock->now(700), Time{1200ns});
}

/// With all that moves time, in any order.
TEST(VirtualClock, reaches_every_deadline_with_the_last_instruction_of_the_budget) {
    Random random(5);
    for (const std::int64_t ps : {1, 333, 1000, 2500}) {
        const auto clock =
            clock_with({{"instruction_ps", ps}, {"hypercall_ns", 77}, {"cold_cache_ns", 900}});
        std::uint64_t retired = 0;
        for (int i = 0; i < 2000; ++i) {
            switch (random.below(4)) {
                case 0:
                    clock->charge(Cost::hypercall, 1);
                    break;
                case 1:
                    clock->begin_turn(retired, Duration{static_cast<int>(random.below(2000))});
                    break;
                case 2:
                    clock->end_turn(retired);
                    break;
                default:
                    clock->idle(retired, clock->now(retired) + 5ns);
            }
            const Time now = clock->now(retired);
            const Time deadline = now + Duration{1 + static_cast<int>(random.below(3000))};
            const std::uint64_t budget = clock->budget(retired, deadline);
            ASSERT_GE(clock->now(retired + budget), deadline) << ps;
            ASSERT_LT(clock->now(retired + budget - 1), deadline) << ps;
            retired += random.below(budget + 1);
            ASSERT_GE(clock->now(retired), now);
        }
    }
}

}  // namespace
}  // namespace ring3
