// SPDX-License-Identifier: MIT
// XenStore's wire protocol and shared page (Xen's public io/xs_wire.h).
#pragma once

#include <cstddef>
#include <cstdint>
// Its table of errors is kept out on purpose: it would drag <errno.h>'s macros into the interface.
#include <xen/io/xs_wire.h>

namespace ring3::abi {

using StoreHeader = ::xsd_sockmsg;
using StoreRing = ::xenstore_domain_interface;

static_assert(sizeof(StoreHeader) == 16);
static_assert(offsetof(StoreRing, req) == 0x000 && sizeof(StoreRing::req) == XENSTORE_RING_SIZE);
static_assert(offsetof(StoreRing, rsp) == 0x400 && sizeof(StoreRing::rsp) == XENSTORE_RING_SIZE);
static_assert(offsetof(StoreRing, req_cons) == 0x800);
static_assert(offsetof(StoreRing, req_prod) == 0x804);
static_assert(offsetof(StoreRing, rsp_cons) == 0x808);
static_assert(offsetof(StoreRing, rsp_prod) == 0x80c);
static_assert(offsetof(StoreRing, server_features) == 0x810);
static_assert(offsetof(StoreRing, connection) == 0x814);
static_assert(offsetof(StoreRing, error) == 0x818);

constexpr std::uint32_t store_payload_max = XENSTORE_PAYLOAD_MAX;

}  // namespace ring3::abi
