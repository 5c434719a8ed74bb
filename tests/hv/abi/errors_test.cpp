// SPDX-License-Identifier: MIT
// Xen's error numbers are Linux's: hv/memory answers with <cerrno>'s, hv/domain with Xen's own.
#include "hv/abi/errors.hpp"

#include <cerrno>

#include <gmock/gmock.h>

namespace {

TEST(Errors, have_the_numbers_of_the_hosts) {
    EXPECT_EQ(int{XEN_EPERM}, EPERM);
    EXPECT_EQ(int{XEN_EBUSY}, EBUSY);
    EXPECT_EQ(int{XEN_EINVAL}, EINVAL);
    EXPECT_EQ(int{XEN_EFAULT}, EFAULT);
    EXPECT_EQ(int{XEN_ENOMEM}, ENOMEM);
    EXPECT_EQ(int{XEN_ENOSYS}, ENOSYS);
}

}  // namespace
