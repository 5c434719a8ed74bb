// SPDX-License-Identifier: MIT
// The kernel of Debian's cloud images: small, boots fastest.
#include "workloads/images/debian_kernel.hpp"

namespace ring3 {
namespace {

const RegisteredRecipe entry{std::make_unique<DebianKernel>(
    "debian-cloud", "the kernel of Debian's cloud images: small, boots fastest",
    "linux-image-cloud-amd64")};

}  // namespace
}  // namespace ring3
