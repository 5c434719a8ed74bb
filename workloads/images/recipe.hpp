// SPDX-License-Identifier: MIT
// How one image is made. A recipe is a class of one small file in this folder that registers
// itself:
//   const RegisteredRecipe entry{std::make_unique<MyRecipe>()};
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "workloads/images/apt.hpp"

namespace ring3 {

/// What a recipe works from. Nothing else may influence the bytes that it makes.
struct RecipeInputs {
    std::map<std::string, std::filesystem::path> packages;  // package name -> its .deb file
    std::map<std::string, std::filesystem::path> images;    // image name -> directory of its files
};

class Recipe {
public:
    virtual ~Recipe() = default;

    virtual std::string name() const = 0;
    virtual std::string summary() const = 0;
    /// The names of the files that the image consists of.
    virtual std::vector<std::string> files() const = 0;
    /// The images that this one is made from. When one of them changes, this one is out of date.
    virtual std::vector<std::string> images() const { return {}; }
    /// The packages that this one is made from, in their newest versions.
    virtual std::vector<Package> packages(const Apt&) const { return {}; }
    /// All that decides the image's bytes besides its inputs. An image whose recipe's text has
    /// changed since it was built is out of date; so change it (a number in it will do) with the
    /// procedure.
    virtual std::string text() const = 0;
    /// Writes each of files() into the empty directory `output`: same inputs, same bytes.
    virtual void build(const RecipeInputs& inputs, const std::filesystem::path& output) const = 0;
};

using Recipes = std::map<std::string, const Recipe*>;

/// The recipes of this program, by name.
const Recipes& registered_recipes();

struct RegisteredRecipe {
    explicit RegisteredRecipe(std::unique_ptr<Recipe> recipe);
};

}  // namespace ring3
