// SPDX-License-Identifier: MIT
#include "hv/machine/policies.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

TEST(Policies, have_a_kind_for_each_table_of_a_machine_file_that_has_names) {
    std::set<std::string> kinds;
    for (const PolicyKind& kind : policy_kinds()) kinds.insert(kind.name);
    EXPECT_EQ(kinds, (std::set<std::string>{"clock", "disk-model", "engine", "io-path", "link",
                                            "scheduler"}));
}

TEST(Policies, have_a_default_that_exists_in_each_kind) {
    for (const PolicyKind& kind : policy_kinds()) {
        const bool exists = std::any_of(
            kind.policies.begin(), kind.policies.end(),
            [&](const PolicyName& policy) { return policy.name == kind.default_policy; });
        EXPECT_TRUE(exists) << kind.name;
    }
}

TEST(Policies, tell_of_every_parameter_what_it_means_and_takes) {
    for (const PolicyKind& kind : policy_kinds())
        for (const PolicyName& policy : kind.policies) {
            EXPECT_FALSE(policy.summary.empty());
            for (const auto& parameter : parameters_of(kind.name, policy.name)) {
                EXPECT_FALSE(parameter.meaning.empty()) << parameter.name;
                EXPECT_FALSE(parameter.allowed.empty()) << parameter.name;
                EXPECT_EQ(parameter.value, parameter.default_value) << parameter.name;
            }
        }
    EXPECT_FALSE(machine_parameters().empty());
}

TEST(Policies, refuse_names_that_do_not_exist) {
    EXPECT_THROW(parameters_of("sheduler", "round_robin"), ConfigError);
    EXPECT_THROW(parameters_of("scheduler", "round_robbin"), ConfigError);
}

}  // namespace
}  // namespace ring3
