// SPDX-License-Identifier: MIT
// ring3 top: the domains of a machine and the CPU time that they take, again and again, in the
// columns of xentop.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/machine_choice.hpp"
#include "cli/terminal.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 top [OPTIONS]\n"
    "\n"
    "Shows the domains of a machine with the share of CPU time that each had since the last look.\n"
    "q quits; any other key looks at once.\n"
    "\n"
    "  -b, --batch               print one table after the other, for files and pipes\n"
    "  -d, --delay SECONDS       time between two looks (default: 3)\n"
    "  -i, --iterations COUNT    end after so many looks\n"
    "  -M, --machine-name NAME   one of several machines\n"
    "      --json                one JSON document on each line, as `ring3 list --json`\n";

struct Options {
    MachineChoice choice;
    bool batch = false;
    double delay_s = 3;
    std::uint64_t iterations = 0;  // 0: no end
};

/// The alternate screen, so that what stood on the terminal is there again afterwards.
class Screen {
public:
    Screen() : raw_(STDIN_FILENO) { put("\x1b[?1049h\x1b[?25l"); }
    ~Screen() { put("\x1b[?25h\x1b[?1049l"); }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    /// Fitted into what the terminal has room for now.
    void show(const std::vector<std::string>& lines) {
        winsize size{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
            size.ws_row = 24, size.ws_col = 80;
        std::string text = "\x1b[H";
        for (std::size_t i = 0; i < lines.size() && i + 1 < size.ws_row; ++i)
            text += lines[i].substr(0, size.ws_col) + "\x1b[K\r\n";
        put(text + "\x1b[J");
    }

private:
    static void put(const std::string& text) {
        std::fputs(text.c_str(), stdout);
        std::fflush(stdout);
    }
    RawTerminal raw_;
};

std::uint64_t cpu_time_of(const Json& domain) { return domain["cpu_time_ns"]; }

class Top {
public:
    explicit Top(const Options& options) : options_(options), client_(options.choice.connect()) {}

    int run() {
        std::optional<Screen> screen;
        const bool is_live = !options_.batch && !options_.choice.json &&
                             ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
        if (is_live) screen.emplace();
        for (std::uint64_t i = 1;; ++i) {
            look();
            if (options_.choice.json)
                fmt::print("{}\n",
                           Json{{"ring3", protocol_version}, {"verb", "top"}, {"result", domains_}}
                               .dump());
            else if (screen)
                screen->show(table());
            else
                for (const std::string& line : table()) fmt::print("{}\n", line);
            std::fflush(stdout);
            if (i == options_.iterations || !wait(is_live)) break;
        }
        const int signal = StopSignals::received();
        return signal != 0 ? 128 + signal : to_int(ExitCode::ok);
    }

private:
    void look() {
        info_ = client_.request("info");
        const Json before = std::move(domains_);
        domains_ = client_.request("list");
        const std::uint64_t now_ns = info_["uptime_ns"];
        const double passed_ns = static_cast<double>(now_ns - time_ns_);
        for (Json& domain : domains_) {
            double share = 0;
            // A domain that was not there at the last look is judged by all of its life.
            double span = std::max(domain["uptime_ns"].get<double>(), 1.0);
            std::uint64_t ran = cpu_time_of(domain);
            for (const Json& old : before)
                if (old["id"] == domain["id"] && passed_ns > 0) {
                    ran -= cpu_time_of(old);
                    span = passed_ns;
                }
            share = 100 * static_cast<double>(ran) / span;
            domain["cpu_percent"] = share;
        }
        time_ns_ = now_ns;
    }

    std::vector<std::string> table() const {
        std::map<std::string, int> count;
        for (const Json& domain : domains_) ++count[domain["state"]];
        const std::time_t now = std::time(nullptr);
        std::tm local{};
        ::localtime_r(&now, &local);
        const std::uint64_t total = info_["total_memory_mib"], free = info_["free_memory_mib"];
        std::vector<std::string> lines{
            fmt::format("ring3 top - {:02}:{:02}:{:02}   machine {}, ring3 {}", local.tm_hour,
                        local.tm_min, local.tm_sec, info_["machine_name"].get<std::string>(),
                        info_["ring3_version"].get<std::string>()),
            fmt::format("{} domains: {} running, {} blocked, {} paused, {} crashed, {} shutdown",
                        domains_.size(), count["running"], count["blocked"], count["paused"],
                        count["crashed"], count["shutdown"]),
            fmt::format("Mem: {}M total, {}M used, {}M free    CPUs: {}", total, total - free, free,
                        info_["nr_cpus"].get<int>()),
            fmt::format("{:>15} {:>7} {:>10} {:>6} {:>8} {:>6} {:>9} {:>5}", "NAME", "STATE",
                        "CPU(sec)", "CPU(%)", "MEM(M)", "MEM(%)", "MAXMEM(M)", "VCPUS")};
        for (const Json& domain : domains_)
            lines.push_back(fmt::format(
                "{:>15} {:>7} {:>10.0f} {:>6.1f} {:>8} {:>6.1f} {:>9} {:>5}",
                domain["name"].get<std::string>(), domain["state"].get<std::string>().substr(0, 7),
                static_cast<double>(cpu_time_of(domain)) / 1e9, domain["cpu_percent"].get<double>(),
                domain["memory_mib"].get<std::uint64_t>(),
                100 * domain["memory_mib"].get<double>() / static_cast<double>(total),
                domain["max_memory_mib"].get<std::uint64_t>(), domain["vcpus"].get<int>()));
        return lines;
    }

    /// False: the user quits. A resize of the terminal (a signal) ends a wait early.
    bool wait(bool reads_keys) const {
        pollfd sources[] = {{signals_.descriptor(), POLLIN, 0},
                            {reads_keys ? STDIN_FILENO : -1, POLLIN, 0}};
        const std::chrono::duration<double> delay(options_.delay_s);
        window_changes_.wait(sources, std::chrono::duration_cast<std::chrono::nanoseconds>(delay));
        if (StopSignals::received() != 0) return false;
        if (sources[1].revents == 0) return true;
        char key = 0;
        // The end of the terminal ends it too; ^C is a mere key in raw mode.
        return ::read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q' && key != 3;
    }

    const Options& options_;
    const StopSignals signals_;
    const WindowChanges window_changes_;
    Client client_;
    Json info_, domains_ = Json::array();
    std::uint64_t time_ns_ = 0;
};

int run(std::span<const std::string> arguments) {
    Options options;
    std::string iterations;
    CommandLine line("top");
    options.choice.add_to(line)
        .flag("batch,b", options.batch)
        .value("delay,d", options.delay_s)
        .value("iterations,i", iterations);
    line.parse(arguments, {});
    if (!(options.delay_s >= 0.1 && options.delay_s <= 3600))
        throw ConfigError{"ring3 top: --delay takes 0.1 to 3600 seconds"};
    const char* const end = iterations.data() + iterations.size();
    if (!iterations.empty() &&
        (std::from_chars(iterations.data(), end, options.iterations).ptr != end ||
         options.iterations == 0))
        throw ConfigError{
            fmt::format("ring3 top: --iterations takes a number from 1, not \"{}\"", iterations)};
    return Top(options).run();
}

const RegisteredVerb entry{
    {"top", "shows domains and their CPU time, live", help, run, VerbGroup::domain}};

}  // namespace
}  // namespace ring3
