// SPDX-License-Identifier: MIT
// The rings of a network interface (Xen's public io/netif.h): requests and responses of both
// directions, extra information, flags, statuses.
#pragma once

#include "hv/abi/xen.hpp"

extern "C" {
#include <xen/io/netif.h>
}

namespace ring3::abi {

using TxRequest = ::netif_tx_request;
using TxResponse = ::netif_tx_response;
using RxRequest = ::netif_rx_request;
using RxResponse = ::netif_rx_response;
using NetExtraInfo = ::netif_extra_info;

static_assert(sizeof(TxRequest) == 12 && sizeof(TxResponse) == 4);
static_assert(sizeof(RxRequest) == 8 && sizeof(RxResponse) == 8);
static_assert(sizeof(NetExtraInfo) == 8);
static_assert(sizeof(::netif_tx_sring_entry) == 12 && sizeof(::netif_rx_sring_entry) == 8);
static_assert(offsetof(::netif_tx_sring, ring) == 64 && offsetof(::netif_rx_sring, ring) == 64);
static_assert(offsetof(::netif_tx_sring, req_prod) == 0);
static_assert(offsetof(::netif_tx_sring, req_event) == 4);
static_assert(offsetof(::netif_tx_sring, rsp_prod) == 8);
static_assert(offsetof(::netif_tx_sring, rsp_event) == 12);

}  // namespace ring3::abi
