// SPDX-License-Identifier: MIT
// pvgrub: GRUB as the kernel of a PV guest. It finds the menu and the kernel that lie inside the
// guest's own disk (boot/grub/grub.cfg), and starts that kernel in its place.
#include <fstream>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "workloads/images/archive.hpp"
#include "workloads/images/process.hpp"
#include "workloads/images/recipe.hpp"

namespace ring3 {
namespace {

constexpr const char* package = "grub-xen-host";
constexpr const char* program = "grub-x86_64-xen.bin";

class PvGrub final : public Recipe {
public:
    std::string name() const override { return "pvgrub"; }
    std::string summary() const override {
        return "the boot loader GRUB as a guest: starts the kernel inside the guest's own disk";
    }
    std::vector<std::string> files() const override { return {program}; }
    std::vector<Package> packages(const Apt& apt) const override {
        return {apt.candidate(package)};
    }
    std::string text() const override { return "pvgrub, procedure 1"; }
    void build(const RecipeInputs& inputs, const std::filesystem::path& output) const override {
        Process unpack{{"dpkg-deb", "--fsys-tarfile", inputs.packages.at(package).string()}, "/"};
        ArchiveReader reader{unpack.output()};
        std::ofstream file;
        file.exceptions(std::ios::failbit | std::ios::badbit);
        while (reader.next())
            if (reader.is_file() && reader.path() == fmt::format("usr/lib/grub-xen/{}", program)) {
                file.open(output / program, std::ios::binary);
                file << reader.content();
            }
        unpack.wait();
        if (!file.is_open())
            throw EnvironmentError{fmt::format("package {} holds no {}", package, program)};
        file.close();
    }
};

const RegisteredRecipe entry{std::make_unique<PvGrub>()};

}  // namespace
}  // namespace ring3
