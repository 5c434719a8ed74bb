// SPDX-License-Identifier: MIT
// tiny: the shortest boot that shows that a guest works: one process prints a line and powers off.
#include "workloads/images/busybox.hpp"
#include "workloads/images/initramfs.hpp"
#include "workloads/images/recipe.hpp"

namespace ring3 {
namespace {

constexpr const char* first_process = R"(#!/bin/busybox sh
echo 'tiny: the guest is up'
/bin/busybox poweroff -f
)";

class Tiny final : public Recipe {
public:
    std::string name() const override { return "tiny"; }
    std::string summary() const override { return "prints one line and powers off; for tests"; }
    std::vector<std::string> files() const override { return {"initrd"}; }
    std::vector<Package> packages(const Apt& apt) const override {
        return {apt.candidate(busybox_package)};
    }
    std::string text() const override { return std::string{"tiny, procedure 1\n"} + first_process; }
    void build(const RecipeInputs& inputs, const std::filesystem::path& output) const override {
        Initramfs root;
        root.add_character_device("dev/console", 5, 1, 0600);
        root.add_program("bin/busybox", busybox_of(inputs.packages.at(busybox_package)));
        root.add_program("init", first_process);
        root.write(output / "initrd");
    }
};

const RegisteredRecipe entry{std::make_unique<Tiny>()};

}  // namespace
}  // namespace ring3
