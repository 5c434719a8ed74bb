// SPDX-License-Identifier: MIT
#include "hv/control/server.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/control/socket_address.hpp"
#include "tests/hv/control/running_machine.hpp"

namespace ring3 {
namespace {

using namespace test;
using testing::HasSubstr;

/// A client that need not keep to the protocol.
class RawClient {
public:
    explicit RawClient(const Endpoint& endpoint)
        : descriptor_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const sockaddr_un address = socket_address(endpoint.socket().string());
        const int error =
            ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        EXPECT_EQ(error, 0);
    }
    ~RawClient() { close(descriptor_); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    /// False: the machine hung up meanwhile.
    bool write(std::string_view text, int flags = 0) {
        while (!text.empty()) {
            const ssize_t count = send(descriptor_, text.data(), text.size(), flags | MSG_NOSIGNAL);
            if (count <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }
    std::string read_to_end() {
        std::string text;
        char piece[4096];
        ssize_t count = 0;
        while ((count = recv(descriptor_, piece, sizeof piece, 0)) > 0)
            text.append(piece, static_cast<std::size_t>(count));
        return text;
    }
    void end_writing() { shutdown(descriptor_, SHUT_WR); }

private:
    int descriptor_;
};

std::string request_line(const std::string& verb, Json arguments = Json::object()) {
    return line_of({{"ring3", protocol_version}, {"verb", verb}, {"arguments", arguments}});
}

std::ptrdiff_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

std::string error_of(const RunningMachine& machine, const std::string& verb, Json arguments) {
    try {
        machine.request(verb, std::move(arguments));
    } catch (const ControlError& error) {
        return error.code() + ": " + error.what();
    }
    return "none";
}

TEST(Server, listens_where_nobody_else_can_ask) {
    const RunningMachine machine;
    struct stat status {};
    ASSERT_EQ(stat(machine.endpoint.socket().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(machine.request("info")["ring3_version"], "1.2.3");
}

TEST(Server, takes_the_place_of_a_dead_machine_and_of_no_living_one) {
    own_runtime_folder();
    {
        const int left = socket(AF_UNIX, SOCK_STREAM, 0);
        const sockaddr_un address = socket_address(Endpoint("default").socket().string());
        bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        close(left);
        EXPECT_EQ(chmod(Endpoint("default").socket().c_str(), 0600), 0);
    }
    EXPECT_FALSE(Client::connect_if_up(Endpoint("default")));
    const RunningMachine machine;
    EXPECT_EQ(machine.request("list").size(), 1u);
    try {
        const RunningMachine second;
        FAIL() << "two machines of one name";
    } catch (const ControlError& error) {
        EXPECT_EQ(error.code(), "is-up");
    }
    const RunningMachine other("other");
    EXPECT_EQ(other.request("info")["machine_name"], "other");
}

TEST(Server, leaves_no_socket_behind) {
    Endpoint endpoint("default");
    {
        const RunningMachine machine;
        endpoint = machine.endpoint;
    }
    EXPECT_FALSE(std::filesystem::exists(endpoint.socket()));
    EXPECT_THROW(Client::connect(endpoint), ControlError);
}

TEST(Server, hangs_up_on_garbage_with_an_error_and_serves_others) {
    const RunningMachine machine;
    const std::string lines[] = {"\n",
                                 "garbage\n",
                                 "[1]\n",
                                 "{}\n",
                                 "{\"ring3\":1}\n",
                                 "{\"ring3\":1,\"verb\":5}\n",
                                 "{\"ring3\":2,\"verb\":\"list\"}\n",
                                 "{\"ring3\":1,\"verb\":\"lits\"}\n",
                                 "{\"ring3\":1,\"verb\":\"list\",\"arguments\":[]}\n",
                                 "{\"ring3\":1,\"verb\":\"pause\",\"arguments\":{\"domain\":1}}\n",
                                 std::string("\0\xff\n", 3),
                                 "{\"a\":" + std::string(100'000, '[') + "\n"};
    for (const std::string& line : lines) {
        RawClient client(machine.endpoint);
        client.write(line);
        EXPECT_THAT(client.read_to_end(), HasSubstr("{\"error\":{\"code\":\"protocol\"")) << line;
    }
    RawClient client(machine.endpoint);
    const std::string too_long(longest_request + (1 << 20), 'x');
    client.write(too_long);
    EXPECT_THAT(client.read_to_end(), testing::AnyOf(HasSubstr("too long"), ""));
    EXPECT_EQ(machine.request("list").size(), 1u);
}

TEST(Server, answers_a_client_that_has_stopped_writing) {
    const RunningMachine machine;
    RawClient client(machine.endpoint);
    client.write(request_line("list") + request_line("info") + "{\"unfinished");
    client.end_writing();
    const std::string answers = client.read_to_end();
    EXPECT_EQ(std::ranges::count(answers, '\n'), 2);
}

TEST(Server, keeps_nothing_without_bound_for_a_client_that_does_not_read) {
    const RunningMachine machine;
    RawClient client(machine.endpoint);
    const std::string line = request_line("info");
    int sent = 0;
    while (sent < 1'000'000 && client.write(line, MSG_DONTWAIT)) ++sent;
    EXPECT_LT(sent, 1'000'000) << "the machine takes requests whose answers nobody reads";
    EXPECT_EQ(machine.request("list").size(), 1u);
}

TEST(Server, serves_as_many_as_it_can_and_the_others_later) {
    const RunningMachine machine;
    {
        std::vector<std::unique_ptr<RawClient>> many;
        for (int i = 0; i < 100; ++i) {
            many.push_back(std::make_unique<RawClient>(machine.endpoint));
            many.back()->write("{\"unfinished");
        }
    }
    EXPECT_EQ(machine.request("list").size(), 1u);
}

TEST(Server, makes_shows_changes_and_ends_domains) {
    const RunningMachine machine;
    const Json made = machine.request("create", RunningMachine::guest(spins(), "one"));
    EXPECT_EQ(made["name"], "one");
    EXPECT_EQ(machine.request("list", {{"domains", {"one"}}})[0]["state"], "running");
    machine.request("pause", {{"domain", "one"}});
    machine.request("pause", {{"domain", "one"}});
    EXPECT_EQ(machine.request("list", {{"domains", {"one"}}})[0]["state"], "paused");
    machine.request("unpause", {{"domain", "1"}});
    EXPECT_EQ(machine.request("list", {{"domains", {"1"}}})[0]["state"], "running");
    machine.request("rename", {{"domain", "one"}, {"name", "two"}});
    EXPECT_EQ(machine.request("store-read", {{"path", "/local/domain/1/name"}}), "two");
    machine.request("shutdown", {{"domain", "two"}});
    EXPECT_EQ(machine.request("store-read", {{"path", "/local/domain/1/control/shutdown"}}),
              "poweroff");
    machine.request("mem-set", {{"domain", "two"}, {"kib", 4096}});
    EXPECT_EQ(machine.request("store-read", {{"path", "/local/domain/1/memory/target"}}), "4096");
    machine.request("mem-max", {{"domain", "two"}, {"kib", 4096}});
    EXPECT_EQ(machine.request("list", {{"domains", {"two"}}})[0]["max_memory_mib"], 4);
    EXPECT_THAT(error_of(machine, "mem-set", {{"domain", "two"}, {"kib", 4100}}),
                HasSubstr("its maxmem"));
    EXPECT_THAT(error_of(machine, "mem-max", {{"domain", "two"}, {"kib", 4092}}),
                HasSubstr("the target of \"two\" is 4096 KiB"));
    machine.request("destroy", {{"domain", "two"}});
    EXPECT_EQ(machine.request("info")["free_memory_mib"],
              machine.request("info")["total_memory_mib"]);
    EXPECT_EQ(machine.request("list").size(), 1u);
}

TEST(Server, refuses_what_cannot_be_with_a_clear_error) {
    const RunningMachine machine;
    machine.request("create", RunningMachine::guest(spins(), "web"));
    machine.request("create", RunningMachine::guest(spins(), "db"));
    const struct {
        std::string verb;
        Json arguments;
        std::string message;
    } cases[] = {
        {"pause", {{"domain", "wbe"}}, "unknown-domain: there is no domain \"wbe\" (did you mean"},
        {"pause", {{"domain", "77"}}, "unknown-domain"},
        {"destroy", {{"domain", "0"}}, "domain-0: Domain-0 is the machine itself"},
        {"create", RunningMachine::guest(spins(), "web"), "name-taken"},
        {"rename", {{"domain", "web"}, {"name", "db"}}, "name-taken"},
        {"rename", {{"domain", "web"}, {"name", "a b"}}, "usage"},
        {"rename", {{"domain", "web"}, {"name", "Domain-0"}}, "usage"},
        {"sysrq", {{"domain", "web"}, {"key", "tt"}}, "usage"},
        {"mem-set", {{"domain", "web"}, {"kib", 99999}}, "usage: \"web\" can have"},
        {"mem-set", {{"domain", "web"}, {"kib", 0}}, "usage"},
        {"store-read", {{"path", "/none"}}, "store: /none: ENOENT"},
        {"store-read", {{"path", "no path"}}, "store"},
        {"store-chmod", {{"path", "/vm"}, {"permissions", {"x1"}}}, "usage"},
        {"store-watch", {{"paths", {"relative"}}}, "store"},
    };
    for (const auto& each : cases)
        EXPECT_THAT(error_of(machine, each.verb, each.arguments), HasSubstr(each.message))
            << each.verb << " " << each.arguments.dump();
    EXPECT_EQ(machine.request("list").size(), 3u);
}

TEST(Server, leaves_no_domain_behind_that_could_not_be_built) {
    const RunningMachine machine;
    Json arguments = RunningMachine::guest(spins(), "one");
    arguments["files"]["small"] = "/nonexistent/kernel";
    EXPECT_THAT(error_of(machine, "create", arguments), HasSubstr("environment"));
    arguments = RunningMachine::guest(spins(), "one", "vcpus = 1");
    arguments["overrides"] = {"memory=100000"};
    EXPECT_NE(error_of(machine, "create", arguments), "none");
    EXPECT_EQ(machine.request("list").size(), 1u);
    EXPECT_EQ(machine.request("info")["free_memory_mib"],
              machine.request("info")["total_memory_mib"]);
    machine.request("create", RunningMachine::guest(spins(), "one"));
}

TEST(Server, carries_a_console_both_ways_and_tells_the_end) {
    const RunningMachine machine;
    machine.request("create", RunningMachine::guest(echoes(), "echo"));
    Client console = machine.connect();
    console.request("console", {{"domain", "echo"}});
    console.send({{"input", "hi"}});
    std::string shown;
    const auto read = [&] {
        const Json document = console.receive();
        if (document.contains("output"))
            shown += bytes_of_text(document["output"].get<std::string>());
        return document;
    };
    while (shown != ">hi") read();
    console.send({{"input", "q"}});
    Json last;
    while (!last.contains("end")) last = read();
    EXPECT_EQ(last["end"]["reason"], "poweroff");
    EXPECT_THAT(shown, HasSubstr(">hiq"));
}

TEST(Server, tells_consoles_of_a_crash_and_of_a_destruction) {
    const RunningMachine machine;
    Json arguments = RunningMachine::guest(crashes(), "one");
    arguments["console"] = true;
    Client crashed = machine.connect();
    crashed.request("create", arguments);
    EXPECT_EQ(crashed.receive()["end"]["reason"], "crash");

    arguments = RunningMachine::guest(sleeps(), "two");
    arguments["console"] = true;
    Client destroyed = machine.connect();
    destroyed.request("create", arguments);
    machine.request("destroy", {{"domain", "two"}});
    EXPECT_EQ(destroyed.receive()["end"]["reason"], "destroyed");
}

TEST(Server, drops_a_stream_whose_client_sends_nonsense_or_dies) {
    const RunningMachine machine;
    machine.request("create", RunningMachine::guest(echoes(), "echo"));
    {
        RawClient client(machine.endpoint);
        client.write(request_line("console", {{"domain", "echo"}}) + "{\"inptu\":1}\n");
        EXPECT_THAT(client.read_to_end(), HasSubstr("\"error\""));
    }
    for (int i = 0; i < 20; ++i) {
        RawClient client(machine.endpoint);
        client.write(request_line("console", {{"domain", "echo"}}) + "{\"input\":\"x\"}\n");
    }
    Client console = machine.connect();
    console.request("console", {{"domain", "echo"}});
    console.send({{"input", "q"}});
    while (!console.receive().contains("end")) continue;
}

TEST(Server, waits_for_domains_that_end_and_for_none_that_has) {
    const RunningMachine machine;
    machine.request("create", RunningMachine::guest(sleeps(), "one"));
    Client waiting = machine.connect();
    waiting.request("wait", {{"domains", {"1", "99"}}});
    EXPECT_FALSE(waiting.receive_if_there());
    machine.request("destroy", {{"domain", "one"}});
    EXPECT_TRUE(waiting.receive().contains("end"));
}

TEST(Server, takes_away_a_domain_that_has_ended_while_another_one_is_busy) {
    const RunningMachine machine;
    machine.request("create", RunningMachine::guest(spins(), "busy"));
    for (int i = 0; i < 50; ++i) {
        machine.request("create", RunningMachine::guest(shuts_down(0), "short"));
        while (machine.request("list").size() > 2) continue;
    }
}

TEST(Server, shows_the_store_and_its_changes) {
    const RunningMachine machine;
    Client watch = machine.connect();
    watch.request("store-watch", {{"paths", {"/tool"}}});
    EXPECT_EQ(watch.receive()["changed"], "/tool");
    machine.request("store-write", {{"path", "/tool/a"}, {"value", "\u00ff\n"}});
    EXPECT_EQ(watch.receive()["changed"], "/tool/a");
    EXPECT_EQ(machine.request("store-read", {{"path", "/tool/a"}}), "\u00ff\n");
    machine.request("store-chmod", {{"path", "/tool/a"}, {"permissions", {"n0", "r3"}}});
    const Json tree = machine.request("store-tree", {{"path", "/tool"}});
    EXPECT_EQ(tree["children"][0]["name"], "a");
    EXPECT_EQ(tree["children"][0]["permissions"], "n0,r3");
    machine.request("store-rm", {{"path", "/tool/a"}});
    EXPECT_THAT(error_of(machine, "store-rm", {{"path", "/tool/a"}}), HasSubstr("ENOENT"));
}

TEST(Server, clears_the_log_when_told_so) {
    const RunningMachine machine;
    machine.request("create", RunningMachine::guest(sleeps(), "one"));
    EXPECT_FALSE(machine.request("dmesg", {{"clear", true}}).empty());
    EXPECT_TRUE(machine.request("dmesg").empty());
}

TEST(Server, ends_with_its_last_domain_when_told_so) {
    RunningMachine machine("default", {"1.2.3", true});
    machine.request("create", RunningMachine::guest(echoes(), "one"));
    machine.request("create", RunningMachine::guest(sleeps(), "two"));
    machine.request("destroy", {{"domain", "one"}});
    EXPECT_EQ(machine.request("list").size(), 2u);
    machine.request("destroy", {{"domain", "two"}});
    machine.wait_for_end();
}

TEST(Server, ends_when_its_only_create_failed_and_when_asked_to) {
    {
        RunningMachine machine("default", {"1.2.3", true});
        EXPECT_NE(error_of(machine, "create", Json::object()), "none");
        machine.wait_for_end();
    }
    RunningMachine machine;
    machine.request("create", RunningMachine::guest(spins(), "one"));
    machine.request("stop");
    machine.wait_for_end();
}

TEST(Server, keeps_nothing_of_a_thousand_domains) {
    const RunningMachine machine;
    const Json arguments = RunningMachine::guest(shuts_down(0), "one");
    const auto cycle = [&] {
        Client client = machine.connect();
        Json with_console = arguments;
        with_console["console"] = true;
        client.request("create", with_console);
        while (!client.receive().contains("end")) continue;
    };
    cycle();
    const auto descriptors = open_descriptors();
    for (int i = 0; i < 1000; ++i) cycle();
    EXPECT_LE(open_descriptors(), descriptors + 1);
    EXPECT_EQ(machine.request("info")["free_memory_mib"],
              machine.request("info")["total_memory_mib"]);
    EXPECT_EQ(machine.request("store-tree", {{"path", "/local/domain"}})["children"].size(), 0u);
}

}  // namespace
}  // namespace ring3
