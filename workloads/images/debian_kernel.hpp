// SPDX-License-Identifier: MIT
// A kind of recipe: the kernel of a Debian package `linux-image-...`, as Debian built it. The
// packages of that name without a version are empty and depend on the newest one.
#pragma once

#include <string>

#include "workloads/images/recipe.hpp"

namespace ring3 {

class DebianKernel final : public Recipe {
public:
    DebianKernel(std::string name, std::string summary, std::string meta_package);

    std::string name() const override { return name_; }
    std::string summary() const override { return summary_; }
    /// vmlinuz and config as in /boot; modules: a tar of lib/modules, compressed; initrd: see
    /// driver_initrd.hpp.
    std::vector<std::string> files() const override {
        return {"vmlinuz", "config", "modules", "initrd"};
    }
    std::vector<Package> packages(const Apt& apt) const override;
    std::string text() const override;
    void build(const RecipeInputs& inputs, const std::filesystem::path& output) const override;

private:
    std::string name_, summary_, meta_package_;
};

}  // namespace ring3
