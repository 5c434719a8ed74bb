// SPDX-License-Identifier: MIT
#include "hv/machine/machine_parameters.hpp"

#include <chrono>
#include <string_view>
#include <vector>

namespace ring3 {

MachineParameters::MachineParameters(Params& params) {
    params.integer("pcpus", 1, {1, 1}, "physical CPUs of the machine");

    constexpr std::uint64_t frames_per_mib = (1 << 20) / page_size;
    const std::int64_t mib = params.integer("memory_mib", 4096, {16, std::int64_t{1} << 20},
                                            "memory of the machine, for all its domains");
    memory = Frames{static_cast<std::uint64_t>(mib) * frames_per_mib};

    std::vector<std::string_view> models;
    for (const CpuModel& model : cpu_models()) models.push_back(model.name);
    cpu_model = find_cpu_model(
        params.choice("cpu_model", default_cpu_model().name, models, "the CPU that guests see"));

    input_quiet = params.duration(
        "input_quiet_ms", std::chrono::milliseconds{500},
        "virtual clock only: silence on the console before the next line of input is typed",
        std::chrono::milliseconds{1}, std::chrono::hours{1});
    params.reject_unknown();
}

}  // namespace ring3
