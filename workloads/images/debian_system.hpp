// SPDX-License-Identifier: MIT
// A kind of recipe: a small Debian system on a disk, for guests that do real work, and for the same
// work outside of a guest. All of them start and stop in the same way (base_files.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "workloads/images/recipe.hpp"

namespace ring3 {

class DebianSystem final : public Recipe {
public:
    struct File {
        std::string path;  // without a leading slash
        std::string content;
        unsigned permissions = 0644;
    };
    /// What a system has beyond the common part.
    struct Additions {
        std::vector<std::string> packages;
        std::vector<File> files;
        std::string script;  // run by sh as root in the tree, when all is there
    };
    struct Disk {
        std::string uuid;
        std::uint64_t size_bytes = 0;
        std::uint64_t inodes = 0;
    };

    /// `additions` is asked each time that they matter: they may stand in files that change.
    DebianSystem(std::string name, std::string summary, Disk disk,
                 std::function<Additions()> additions);

    std::string name() const override { return name_; }
    std::string summary() const override { return summary_; }
    /// root.img: the disk, ext4 without a partition table; root.tar.zst: the same tree; files: a
    /// list of it with hashes.
    std::vector<std::string> files() const override {
        return {"root.img", "root.tar.zst", "files"};
    }
    std::vector<std::string> images() const override;
    std::vector<Package> packages(const Apt& apt) const override;
    std::string text() const override;
    void build(const RecipeInputs& inputs, const std::filesystem::path& output) const override;

private:
    std::string name_, summary_;
    Disk disk_;
    std::function<Additions()> additions_;
};

}  // namespace ring3
