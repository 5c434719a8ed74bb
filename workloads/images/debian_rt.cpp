// SPDX-License-Identifier: MIT
// Debian's kernel with real-time preemption.
#include "workloads/images/debian_kernel.hpp"

namespace ring3 {
namespace {

const RegisteredRecipe entry{std::make_unique<DebianKernel>(
    "debian-rt", "Debian's kernel with real-time preemption", "linux-image-rt-amd64")};

}  // namespace
}  // namespace ring3
