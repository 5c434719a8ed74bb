// SPDX-License-Identifier: MIT
// The systems in which workloads run, each of which has those whose manifests name it: the common
// part, the packages of the manifests, the workloads' own files, and their inputs, made in the
// system itself when it is built. In a guest as outside of one the files are below
// /usr/lib/workloads.
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "workloads/catalogue/workload.hpp"
#include "workloads/images/debian_system.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

constexpr const char* place = "usr/lib/workloads";
constexpr const char* runner = "guest";  // the folder of what starts the programs

void add_folder(DebianSystem::Additions& additions, const fs::path& folder) {
    for (const fs::path& file : workload_files(folder)) {
        std::ifstream stream{folder / file, std::ios::binary};
        std::string content{std::istreambuf_iterator<char>{stream}, {}};
        if (!stream.is_open() || stream.bad())
            throw EnvironmentError{fmt::format("cannot read {}", (folder / file).string())};
        const bool is_program = content.starts_with("#!");
        additions.files.push_back(
            {fmt::format("{}/{}/{}", place, folder.filename().string(), file.string()),
             std::move(content), is_program ? 0755U : 0644U});
    }
}

DebianSystem::Additions system_for(const std::string& image) {
    DebianSystem::Additions additions{.packages = {"perl"}, .files = {}, .script = {}};
    add_folder(additions, workloads_folder() / runner);
    for (const std::string& name : workload_names()) {
        const Workload workload = read_workload(workloads_folder() / name);
        if (workload.image != image) continue;
        additions.packages.insert(additions.packages.end(), workload.packages.begin(),
                                  workload.packages.end());
        add_folder(additions, workload.folder);
        additions.script += fmt::format("/{}/{}/run --generate {}\n", place, runner, name);
    }
    return additions;
}

const RegisteredRecipe spec_int_like{std::make_unique<DebianSystem>(
    "spec-int-like", "the workload spec-int-like in a small Debian system",
    DebianSystem::Disk{.uuid = "5bec1000-1c2d-4e3f-9a4b-5c6d7e8f9001",
                       .size_bytes = std::uint64_t{3} << 30,
                       .inodes = 131072},
    [] { return system_for("spec-int-like"); })};

const RegisteredRecipe os_bound{std::make_unique<DebianSystem>(
    "os-bound", "all other workloads in a small Debian system",
    DebianSystem::Disk{.uuid = "05b0d000-1c2d-4e3f-9a4b-5c6d7e8f9002",
                       .size_bytes = std::uint64_t{2} << 30,
                       .inodes = 131072},
    [] { return system_for("os-bound"); })};

const RegisteredRecipe scheduling{std::make_unique<DebianSystem>(
    "scheduling", "the workload scheduling in a small Debian system",
    DebianSystem::Disk{.uuid = "5c4ed000-1c2d-4e3f-9a4b-5c6d7e8f9003",
                       .size_bytes = std::uint64_t{1} << 30,
                       .inodes = 65536},
    [] { return system_for("scheduling"); })};

}  // namespace
}  // namespace ring3
