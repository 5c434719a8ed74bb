// SPDX-License-Identifier: MIT
#include "experiments/descriptor/checks.hpp"

#include <set>
#include <string>

#include <fmt/format.h>

#include "experiments/descriptor/cells.hpp"
#include "hv/base/errors.hpp"
#include "hv/machine/config/domain_config.hpp"
#include "hv/machine/cpu_pools.hpp"
#include "hv/machine/machine_parameters.hpp"

namespace ring3::experiment {
namespace {

/// The config of a domain is read as it will be, and finds its CPU pool and its pCPUs.
void check_domain(const DomainChoice& domain, const GuestChoice& guest, CpuPools& pools) {
    const std::string text = fmt::format("name = '{}'\nkernel = '{}'\nmemory = {}\nvcpus = {}\n",
                                         domain.name, guest.kernel, guest.memory_mib, guest.vcpus);
    pools.for_domain(parse_domain_config(fmt::format("[[domains]] \"{}\" config", domain.name),
                                         text, domain.config));
}

}  // namespace

void check_settings(const Descriptor& descriptor, Errors& errors) {
    for (const std::string& setting : descriptor.settings) {
        const std::string key = setting.substr(0, setting.find('='));
        for (const SweepAxis& axis : descriptor.sweep)
            if (axis.key == key)
                errors.add("--set " + setting,
                           fmt::format("has no effect: the sweep gives {0} its values; --set "
                                       "'sweep.{0}=[...]' gives it others",
                                       key));
    }
}

void check_machines(const Descriptor& descriptor, Errors& errors) {
    std::set<std::string> said;
    for (const Cell& cell : cells_of(descriptor)) {
        if (cell.platform->kind != "ring3") continue;
        const auto attempt = [&](const std::string& what, const auto& action) {
            try {
                action();
            } catch (const ConfigError& error) {
                const std::string point = cell.factors.empty() ? "" : " at " + cell.factors;
                if (said.insert(error.what()).second)
                    errors.add(fmt::format("platform {}{}{}", cell.platform->name, point, what),
                               error.what());
            }
        };
        attempt("", [&] {
            MachineConfig config = machine_of(descriptor, *cell.platform, cell.factors, cell.seed);
            CpuPools pools(config, MachineParameters{config.machine()}.pcpus);
            for (const DomainChoice& domain : descriptor.domains)
                attempt(fmt::format(", domain {}", domain.name),
                        [&] { check_domain(domain, descriptor.guest, pools); });
        });
    }
}

}  // namespace ring3::experiment
