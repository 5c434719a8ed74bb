// SPDX-License-Identifier: MIT
// The kernel of an ordinary Debian installation.
#include "workloads/images/debian_kernel.hpp"

namespace ring3 {
namespace {

const RegisteredRecipe entry{std::make_unique<DebianKernel>(
    "debian-generic", "the kernel of an ordinary Debian installation", "linux-image-amd64")};

}  // namespace
}  // namespace ring3
