// SPDX-License-Identifier: MIT
// The states through which the two ends of a device go (Xen's public io/xenbus.h).
#pragma once

#include <xen/io/xenbus.h>

static_assert(XenbusStateClosed == 6);
