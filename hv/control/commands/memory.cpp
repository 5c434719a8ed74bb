// SPDX-License-Identifier: MIT
// Commands about a domain's memory.
#include <charconv>

#include <fmt/format.h>

#include "hv/control/command.hpp"

namespace ring3 {
namespace {

constexpr std::int64_t kib_per_frame = page_size / 1024;

std::string target_node(const Domain& domain) {
    return store::Store::home_of(domain.id()) + "/memory/target";
}

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
    const std::string path = target_node(domain);
    const store::Error error = service.machine.store().write(domain0, 0, path, fmt::to_string(kib));
    if (error != store::Error::none)
        throw ControlError{"store", ExitCode::environment,
                           fmt::format("cannot write {}: {}", path, store::error_name(error))};
    domain.trace().note(trace::Event::target, domain.id(), static_cast<std::uint64_t>(kib));
    return {{{"name", guest.name()}, {"id", domain.id().raw}, {"target_kib", kib}}, nullptr};
}

/// What the balloon driver was last told to keep to.
std::int64_t target_kib(Service& service, Domain& domain) {
    std::string text;
    std::int64_t kib = 0;
    if (service.machine.store().read(domain0, 0, target_node(domain), text) == store::Error::none &&
        std::from_chars(text.data(), text.data() + text.size(), kib).ec == std::errc{})
        return kib;
    return static_cast<std::int64_t>(domain.memory().raw) * kib_per_frame;
}

/// As xl's: the store's static-max stays, and a domain that is built anew has what its config says.
Reply set_maximum(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    Domain& domain = *guest.domain();
    const std::int64_t kib = arguments.integer("kib");
    const std::int64_t least_kib = target_kib(service, domain);
    const auto most_kib = static_cast<std::int64_t>(service.machine.memory().raw) * kib_per_frame;
    if (kib < least_kib)
        throw ControlError{
            "usage", ExitCode::usage,
            fmt::format("the target of \"{}\" is {} KiB, and its maximum cannot be less, such as "
                        "{} KiB; lower the target first: mem-set",
                        guest.name(), least_kib, kib)};
    if (kib > most_kib)
        throw ControlError{
            "usage", ExitCode::usage,
            fmt::format("the machine has {} MiB, less than {} KiB", most_kib / 1024, kib)};
    domain.set_max_memory(Frames{static_cast<std::uint64_t>(kib / kib_per_frame)});
    return {{{"name", guest.name()}, {"id", domain.id().raw}, {"maximum_kib", kib}}, nullptr};
}

const RegisteredCommands entries{{"mem-set", set_target}, {"mem-max", set_maximum}};

}  // namespace
}  // namespace ring3
