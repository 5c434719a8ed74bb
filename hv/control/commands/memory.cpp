// SPDX-License-Identifier: MIT
// Commands about a domain's memory.
#include <fmt/format.h>

#include "hv/control/command.hpp"

namespace ring3 {
namespace {

constexpr std::int64_t kib_per_frame = page_size / 1024;

/// The balloon driver watches the node and does the rest.
Reply set_target(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    Domain& domain = *guest.domain();
    const std::int64_t kib = arguments.integer("kib");
    const auto most_kib = static_cast<std::int64_t>(domain.max_memory().raw) * kib_per_frame;
    if (kib < 1 || kib > most_kib)
        throw ControlError{"usage", ExitCode::usage,
                           fmt::format("\"{}\" can have 1 KiB to {} MiB, its maxmem, not {} KiB",
                                       guest.name(), most_kib / 1024, kib)};
    const std::string path = store::Store::home_of(domain.id()) + "/memory/target";
    const store::Error error = service.machine.store().write(domain0, 0, path, fmt::to_string(kib));
    if (error != store::Error::none)
        throw ControlError{"store", ExitCode::environment,
                           fmt::format("cannot write {}: {}", path, store::error_name(error))};
    return {{{"name", guest.name()}, {"id", domain.id().raw}, {"target_kib", kib}}, nullptr};
}

const RegisteredCommands entries{{"mem-set", set_target}};

}  // namespace
}  // namespace ring3
