// SPDX-License-Identifier: MIT
// Every workload is in an image that there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "workloads/catalogue/workload.hpp"
#include "workloads/images/recipe.hpp"

namespace ring3 {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Key;

TEST(WorkloadSystems, are_there_for_each_workload_and_change_with_it) {
    for (const std::string& name : workload_names()) {
        const Workload workload = read_workload(workloads_folder() / name);
        ASSERT_THAT(registered_recipes(), Contains(Key(workload.image))) << name;
        const Recipe& recipe = *registered_recipes().at(workload.image);
        EXPECT_THAT(recipe.text(), HasSubstr("/run --generate " + name + "\n"));
        EXPECT_THAT(recipe.text(), HasSubstr("title = \"" + workload.title + "\""));
    }
}

}  // namespace
}  // namespace ring3
