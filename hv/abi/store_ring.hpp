// SPDX-License-Identifier: MIT
// The ring between a guest and the store, and the messages on it.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/io/xs_wire.h>
}

static_assert(offsetof(xenstore_domain_interface, rsp) == 0x400);
static_assert(offsetof(xenstore_domain_interface, req_cons) == 0x800);
static_assert(offsetof(xenstore_domain_interface, server_features) == 0x810);
static_assert(offsetof(xenstore_domain_interface, connection) == 0x814);
static_assert(sizeof(xsd_sockmsg) == 16);
