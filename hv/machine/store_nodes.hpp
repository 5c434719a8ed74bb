// SPDX-License-Identifier: MIT
// What xl writes into the store for a new domain, and takes away with it.
#pragma once

#include <string>

#include "hv/domain/domain.hpp"
#include "hv/io/store/store.hpp"
#include "hv/machine/config/domain_config.hpp"

namespace ring3 {

void write_store_nodes(store::Store& store, const Domain& domain, const std::string& name,
                       const DomainConfig& config);
/// Its first so many vCPUs are to be on line, the others not.
void write_vcpu_availability(store::Store& store, const Domain& domain, std::uint32_t vcpus);
void remove_store_nodes(store::Store& store, const Domain& domain);

}  // namespace ring3
