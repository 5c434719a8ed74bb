// SPDX-License-Identifier: MIT
// base: the common part of all systems, and nothing else.
#include "workloads/images/debian_system.hpp"

namespace ring3 {
namespace {

const RegisteredRecipe entry{std::make_unique<DebianSystem>(
    "base", "a small Debian system on a disk: network, login on the console",
    DebianSystem::Disk{.uuid = "0b1c5ade-2f3b-4d5e-8a6f-7c8d9e0fa1b2",
                       .size_bytes = std::uint64_t{2} << 30,
                       .inodes = 131072},
    [] { return DebianSystem::Additions{}; })};

}  // namespace
}  // namespace ring3
