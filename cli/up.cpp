// SPDX-License-Identifier: MIT
// ring3 up and ring3 down: a machine in the background, and its end.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "build_info.hpp"
#include "cli/daemon.hpp"
#include "cli/machine_choice.hpp"
#include "cli/machine_options.hpp"
#include "cli/terminal.hpp"
#include "cli/verb.hpp"
#include "hv/base/cache_folder.hpp"
#include "hv/control/server.hpp"
#include "hv/machine/machine.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 up [OPTIONS]\n"
    "\n"
    "Starts a machine in the background and returns when it can be asked. `ring3 create` starts\n"
    "domains on it; it runs until `ring3 down`.\n"
    "\n"
    "  -M, --machine-name NAME   one of several machines (default: \"default\")\n"
    "      --machine FILE        a machine file: policies and their parameters\n"
    "      --set T.KEY=VALUE     one parameter, as key KEY of table [T] of a machine file\n"
    "      --clock NAME          wall; virtual is for machines in the foreground\n"
    "      --foreground          stay, and log to standard error\n"
    "      --json                print where the machine is as one JSON document\n"
    "\n"
    "Its socket is $XDG_RUNTIME_DIR/ring3/NAME.sock (/tmp/ring3-UID/NAME.sock), its log\n"
    "$XDG_STATE_HOME/ring3/NAME.log (~/.local/state/ring3/NAME.log).\n";

struct Options {
    MachineChoice choice;
    MachineOptions machine;
    bool foreground = false;
    bool ends_with_last_domain = false;
    std::string ready;
};

/// What the machine meets outside: its socket, and signals.
class Background final : public Outside {
public:
    explicit Background(const StopSignals& signals) : signals_(signals) {}

    void serve(Server& server) { server_ = &server; }
    bool wants_stop() override { return StopSignals::received() != 0 || is_over_; }
    bool wants_to_go_on() override { return true; }

private:
    void prepare(std::vector<pollfd>& descriptors, Duration& at_most) override {
        descriptors.push_back({signals_.descriptor(), POLLIN, 0});
        server_->prepare(descriptors, at_most);
    }
    void dispatch(std::span<const pollfd> descriptors) override {
        server_->dispatch(descriptors.subspan(1));
        is_over_ = server_->wants_stop();
    }

    const StopSignals& signals_;
    Server* server_ = nullptr;
    bool is_over_ = false;
};

void log_line(const Log::Line& line) {
    constexpr const char* levels[] = {"error", "warning", "info", "debug"};
    const auto since = std::chrono::duration<double>(line.time.time_since_epoch()).count();
    fmt::print(stderr, "[{:12.6f}] {}: {}\n", since, levels[static_cast<std::size_t>(line.level)],
               line.text);
}

void refuse_closed_world(const MachineConfig& config) {
    if (world_of(config) == Clock::World::closed)
        throw ConfigError{
            "ring3 up: a machine under the virtual clock is a closed world, which no verb reaches "
            "while it runs; run it in the foreground: ring3 create --clock virtual"};
}

int run_machine(const Options& options, ReadySignal& ready) {
    MachineConfig config = options.machine.config();
    refuse_closed_world(config);
    const StopSignals signals;
    Background background(signals);
    Machine machine(std::move(config), background, log_line);
    const Endpoint endpoint = options.choice.endpoint();
    machine.set_core_folder(endpoint.log().parent_path());
    machine.keep_files_in(cache_folder());
    Server server(endpoint, machine, {build_info::version, options.ends_with_last_domain});
    background.serve(server);
    ready.tell_up();
    machine.run();
    const int signal = StopSignals::received();
    return signal != 0 ? 128 + signal : to_int(ExitCode::ok);
}

int run_in_foreground(const Options& options) {
    ReadySignal ready(options.ready.empty() ? -1 : std::stoi(options.ready));
    try {
        return run_machine(options, ready);
    } catch (const ControlError& error) {
        ready.tell_error(error.code(), error.exit(), error.what());
        throw;
    } catch (const ConfigError& error) {
        ready.tell_error("usage", ExitCode::usage, error.what());
        throw;
    } catch (const std::exception& error) {
        ready.tell_error("environment", ExitCode::environment, error.what());
        throw;
    }
}

int up(std::span<const std::string> arguments) {
    Options options;
    CommandLine line("up");
    options.choice.add_to(line);
    options.machine.add_to(line)
        .flag("foreground", options.foreground)
        .flag("ends-with-last-domain", options.ends_with_last_domain)
        .value("ready-fd", options.ready);
    line.parse(arguments, {});
    if (options.foreground) return run_in_foreground(options);

    // What is wrong with the options is said here, where the user's paths mean what they say.
    refuse_closed_world(options.machine.config());
    const Endpoint endpoint = options.choice.endpoint();
    start_in_background(endpoint, options.machine.words());
    if (options.choice.json)
        print_json("up", {{"machine_name", endpoint.machine()},
                          {"socket", endpoint.socket().string()},
                          {"log", endpoint.log().string()}});
    return to_int(ExitCode::ok);
}

constexpr const char* down_help =
    "usage: ring3 down [OPTIONS]\n"
    "\n"
    "Asks the domains of a machine to shut down, waits for them, and ends the machine.\n"
    "\n"
    "  -M, --machine-name NAME   one of several machines (default: \"default\")\n"
    "      --force               destroy the domains, and ask nobody\n"
    "      --timeout SECONDS     destroy what is left when none has ended for so long\n"
    "                            (default: 60)\n"
    "      --json                print the names of destroyed domains as one JSON document\n";

/// Takes those that have ended out of `ids`.
Json keep_living(const Json& domains, std::vector<std::string>& ids) {
    Json names = Json::array();
    std::vector<std::string> living;
    for (const Json& domain : domains) {
        const std::string id = fmt::to_string(domain["id"].get<int>());
        const bool is_one = std::ranges::find(ids, id) != ids.end();
        if (!is_one || domain["state"] == "shutdown" || domain["state"] == "crashed") continue;
        living.push_back(id);
        names.push_back(domain["name"]);
    }
    ids = std::move(living);
    return names;
}

/// False: it has ended by itself meanwhile.
bool ask_to_shut_down(Client& client, const std::string& id) {
    try {
        client.request("shutdown", {{"domain", id}});
        return true;
    } catch (const ControlError& error) {
        if (error.code() != "ended" && error.code() != "unknown-domain") throw;
        return false;
    }
}

/// The domains that did not end in time.
Json shut_down_all(Client& client, const MachineChoice& choice, double timeout_s) {
    std::vector<std::string> ids;
    for (const Json& domain : client.request("list")) {
        const std::string id = fmt::to_string(domain["id"].get<int>());
        const std::string state = domain["state"];
        if (id == "0" || state == "shutdown" || state == "crashed") continue;
        if (ask_to_shut_down(client, id)) ids.push_back(id);
    }
    Json left = Json::array();
    // Many take longer than one: as long as some end, the others have their time.
    for (std::size_t before = 0; !ids.empty() && ids.size() != before;) {
        before = ids.size();
        Client waiter = choice.connect();
        waiter.request("wait", {{"domains", ids}});
        if (waiter.wait_for_document(static_cast<int>(timeout_s * 1000))) return Json::array();
        left = keep_living(client.request("list"), ids);
    }
    return left;
}

int down(std::span<const std::string> arguments) {
    MachineChoice choice;
    bool force = false;
    double timeout_s = 60;
    CommandLine line("down");
    choice.add_to(line).flag("force", force).value("timeout", timeout_s);
    line.parse(arguments, {});
    if (!(timeout_s >= 0 && timeout_s <= 86400))
        throw ConfigError{"ring3 down: --timeout takes 0 to 86400 seconds"};

    Client client = choice.connect();
    Json left = Json::array();
    if (!force) left = shut_down_all(client, choice, timeout_s);
    for (const Json& name : left)
        print_warning(fmt::format("\"{}\" did not shut down in time and is destroyed",
                                  name.get<std::string>()));
    client.request("stop");
    client.wait_for_end();
    if (choice.json) print_json("down", {{"destroyed", left}});
    return to_int(ExitCode::ok);
}

const RegisteredVerb entries[] = {
    RegisteredVerb{{"up", "starts a machine in the background", help, up, VerbGroup::machine}},
    RegisteredVerb{{"down", "shuts down a machine's domains, and ends it", down_help, down,
                    VerbGroup::machine}},
};

}  // namespace
}  // namespace ring3
