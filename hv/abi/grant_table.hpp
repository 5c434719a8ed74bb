// SPDX-License-Identifier: MIT
// Grant tables: GNTTABOP_*, GNTST_*, and the entries of version 1.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/grant_table.h>
}

static_assert(sizeof(grant_entry_v1) == 8);
static_assert(sizeof(gnttab_map_grant_ref) == 32);
static_assert(sizeof(gnttab_unmap_grant_ref) == 24);
static_assert(sizeof(gnttab_setup_table) == 24);
static_assert(sizeof(gnttab_copy) == 40);
static_assert(sizeof(gnttab_query_size) == 16);
