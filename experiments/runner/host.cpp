// SPDX-License-Identifier: MIT
#include "experiments/runner/host.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <vector>

#include <sys/utsname.h>

#include <fmt/format.h>

namespace ring3::experiment {
namespace {

using std::chrono::steady_clock;

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// "model name : ..." of /proc/cpuinfo, "MemTotal: ..." of /proc/meminfo.
std::string field(const std::string& path, std::string_view name) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(name)) continue;
        const std::size_t value = line.find_first_not_of(" \t", line.find(':') + 1);
        return value == std::string::npos ? "" : line.substr(value);
    }
    return "";
}

struct CpuTimes {
    double all = 0, stolen = 0;
};

/// proc(5), /proc/stat: user nice system idle iowait irq softirq steal.
CpuTimes cpu_times() {
    std::ifstream file("/proc/stat");
    std::string cpu;
    std::array<double, 8> fields{};
    file >> cpu;
    for (double& value : fields) file >> value;
    CpuTimes times;
    for (const double value : fields) times.all += value;
    times.stolen = fields.back();
    return times;
}

std::chrono::nanoseconds spin() {
    const auto begin = steady_clock::now();
    volatile std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < 400000; ++i) sum = sum + i;
    return steady_clock::now() - begin;
}

}  // namespace

std::map<std::string, std::string> host_facts() {
    utsname names{};
    uname(&names);
    const std::string cpu = "/sys/devices/system/cpu/";
    const bool is_virtual =
        field("/proc/cpuinfo", "flags").find(" hypervisor") != std::string::npos;
    return {{"cpu_model", field("/proc/cpuinfo", "model name")},
            {"cpu_microcode", field("/proc/cpuinfo", "microcode")},
            {"cpus", std::to_string(std::thread::hardware_concurrency())},
            {"smt", first_line(cpu + "smt/active")},
            {"governor", first_line(cpu + "cpu0/cpufreq/scaling_governor")},
            {"kernel", fmt::format("{} {}", names.release, names.version)},
            {"memory", field("/proc/meminfo", "MemTotal")},
            {"clocksource",
             first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource")},
            {"virtualized", is_virtual ? "yes" : "no"},
            {"cgroup_cpu_max", first_line("/sys/fs/cgroup/cpu.max")}};
}

Noise measure_noise() {
    // Beyond these a time says more of the host than of a platform.
    constexpr double most_jitter = 0.25, most_steal = 0.05;
    Noise noise;
    std::istringstream(first_line("/proc/loadavg")) >> noise.load;
    const CpuTimes before = cpu_times();
    std::vector<std::chrono::nanoseconds> times(64);
    std::ranges::generate(times, spin);
    std::ranges::sort(times);
    const auto at = [&](std::size_t percent) {
        return static_cast<double>(times[times.size() * percent / 100].count());
    };
    noise.spin_jitter = (at(95) - at(50)) / at(50);
    const CpuTimes after = cpu_times();
    if (after.all > before.all)
        noise.steal = (after.stolen - before.stolen) / (after.all - before.all);
    const unsigned cpus = std::max(std::thread::hardware_concurrency(), 1U);
    std::string running;
    std::istringstream(first_line("/proc/loadavg")) >> running >> running >> running >> running;
    const unsigned runnable = static_cast<unsigned>(std::strtoul(running.c_str(), nullptr, 10));
    if (noise.spin_jitter > most_jitter)
        noise.reason = fmt::format("equal loops differ by {:.0f} %", 100 * noise.spin_jitter);
    else if (noise.steal > most_steal)
        noise.reason = fmt::format("{:.0f} % of the time was stolen", 100 * noise.steal);
    else if (runnable > cpus)
        noise.reason = fmt::format("{} tasks want {} CPUs", runnable, cpus);
    return noise;
}

}  // namespace ring3::experiment
