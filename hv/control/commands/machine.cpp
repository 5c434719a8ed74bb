// SPDX-License-Identifier: MIT
// Commands about the machine itself.
#include <sys/utsname.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/control/command.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t frames_per_mib = (std::uint64_t{1} << 20) / page_size;

const char* name_of(LogLevel level) {
    switch (level) {
        case LogLevel::error:
            return "error";
        case LogLevel::warning:
            return "warning";
        case LogLevel::info:
            return "info";
        case LogLevel::debug:
            return "debug";
    }
    return "";
}

Reply info(Service& service, const Arguments&) {
    utsname host{};
    ::uname(&host);
    const auto policy = [&](const char* kind) {
        return service.machine.config().policy(kind).name;
    };
    return {{{"machine_name", service.name},
             {"pid", ::getpid()},
             {"host", host.nodename},
             {"release", host.release},
             {"machine", host.machine},
             {"nr_cpus", service.machine.pcpus_end().raw},
             {"total_memory_mib", service.machine.memory().raw / frames_per_mib},
             {"free_memory_mib", service.machine.free_frames().raw / frames_per_mib},
             {"domains", service.machine.guests().size()},
             {"uptime_ns", service.machine.time().time_since_epoch().count()},
             {"instructions", service.machine.retired()},
             {"scheduler", policy("scheduler")},
             {"clock", policy("clock")},
             {"engine", policy("engine")},
             {"page_size", page_size},
             {"ring3_version", service.version},
             {"parameters", service.machine.config().describe()}},
            nullptr};
}

Reply dmesg(Service& service, const Arguments& arguments) {
    Json lines = Json::array();
    for (const Log::Line& line : service.machine.messages().lines())
        lines.push_back({{"time_ns", line.time.time_since_epoch().count()},
                         {"level", name_of(line.level)},
                         {"text", line.text}});
    if (arguments.flag("clear")) service.machine.messages().clear();
    return {std::move(lines), nullptr};
}

Reply stop(Service& service, const Arguments&) {
    service.is_asked_to_stop = true;
    return {Json::object(), nullptr};
}

const RegisteredCommands entries{{"info", info}, {"dmesg", dmesg}, {"stop", stop}};

}  // namespace
}  // namespace ring3
