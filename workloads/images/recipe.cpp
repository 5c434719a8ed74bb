// SPDX-License-Identifier: MIT
#include "workloads/images/recipe.hpp"

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

struct Table {
    std::vector<std::unique_ptr<Recipe>> owned;
    Recipes by_name;
};

// A function's static: recipes register while other files' objects are still being constructed.
Table& table() {
    static Table instance;
    return instance;
}

}  // namespace

const Recipes& registered_recipes() { return table().by_name; }

RegisteredRecipe::RegisteredRecipe(std::unique_ptr<Recipe> recipe) {
    const bool is_new = table().by_name.emplace(recipe->name(), recipe.get()).second;
    HV_CHECK(is_new, "two recipes have the same name");
    table().owned.push_back(std::move(recipe));
}

}  // namespace ring3
