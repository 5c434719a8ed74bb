// SPDX-License-Identifier: MIT
// Machines in the background as a user meets them: up, down, create, list and what else asks them.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "build_info.hpp"
#include "hv/control/endpoint.hpp"
#include "tests/support/host_socket.hpp"
#include "tests/support/program.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::json;

constexpr const char* list_head =
    "Name                                        ID   Mem VCPUs\tState\tTime(s)\n";

std::string config(const Code& code, const std::string& name) {
    const std::string path = fmt::format("{}/{}.cfg", own_runtime_folder(), name);
    std::ofstream(path) << fmt::format("name = \"{}\"\nkernel = \"{}\"\nmemory = 8\n", name,
                                       small_kernel(code));
    return path;
}

std::string state_of(const std::string& domain) {
    const Outcome outcome = run_ring3("list --json " + domain);
    return outcome.code == 0 ? Json::parse(outcome.shown)["result"][0]["state"] : "none";
}

/// The process of a machine.
pid_t pid_of(const std::string& machine = "default") {
    return Json::parse(run_ring3("info --json -M " + machine).shown)["result"]["pid"];
}

/// Of a process that is not ours to wait for, and that nobody may wait for in a container.
void wait_for_death(pid_t pid) {
    while (true) {
        std::ifstream status(fmt::format("/proc/{}/stat", pid));
        std::string number, name, state;
        if (!(status >> number >> name >> state) || state == "Z") return;
        usleep(1000);
    }
}

/// The program on a terminal of its own.
class OnTerminal {
public:
    explicit OnTerminal(const std::string& arguments) {
        own_runtime_folder();
        winsize size{24, 80, 0, 0};
        child_ = forkpty(&master_, nullptr, nullptr, &size);
        if (child_ == 0) {
            const std::string command =
                fmt::format("exec '{}/ring3' {}", build_info::binary_dir, arguments);
            execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
            _exit(127);
        }
    }
    ~OnTerminal() {
        if (child_ > 0) kill(child_, SIGKILL);
        close(master_);
    }
    void type(const std::string& text) {
        EXPECT_EQ(write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    /// What is shown until `text` is, or for 10 s.
    std::string read_until(const std::string& text) {
        while (shown_.find(text) == shown_.npos) {
            pollfd there{master_, POLLIN, 0};
            char piece[4096];
            if (poll(&there, 1, 10'000) <= 0) break;
            const ssize_t count = read(master_, piece, sizeof piece);
            if (count <= 0) break;
            shown_.append(piece, static_cast<std::size_t>(count));
        }
        return shown_;
    }
    int wait_for_end() {
        read_until("\x01 never");
        int status = 0;
        waitpid(child_, &status, 0);
        child_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    void resize(unsigned short rows, unsigned short columns) {
        winsize size{rows, columns, 0, 0};
        ioctl(master_, TIOCSWINSZ, &size);
        shown_.clear();
    }
    pid_t pid() const { return child_; }

private:
    int master_ = -1;
    pid_t child_ = -1;
    std::string shown_;
};

TEST(Machines, come_up_are_listed_and_go_down) {
    succeed("up");
    EXPECT_EQ(run_ring3("list").shown,
              std::string(list_head) +
                  "Domain-0                                     0     0     1     r-----       "
                  "0.0\n");
    EXPECT_THAT(run_ring3("machines").shown, ContainsRegex("\ndefault +[0-9]+ +0 +4096 +4096\n"));
    expect_failure("up", 4, "machine \"default\" is up already");
    succeed("down");
    expect_failure("list", 4, "no machine is up; `ring3 up` starts one");
    expect_failure("down", 4, "no machine is up");
    EXPECT_THAT(run_ring3("machines").shown, Not(HasSubstr("default")));
}

TEST(Machines, have_names) {
    succeed("up -M lab --set machine.memory_mib=64");
    succeed("-M lab create " + config(sleeps(), "one"));
    EXPECT_THAT(run_ring3("list -M lab").shown, HasSubstr("one"));
    EXPECT_THAT(run_ring3("--machine-name lab list").shown, HasSubstr("one"));
    expect_failure("list", 4, "no machine is up");
    expect_failure("list -M lba", 4, "no machine \"lba\" is up");
    expect_failure("list -M ../lab", 2, "a machine's name");
    succeed("down -M lab --force");
}

TEST(Machines, say_why_they_cannot_come_up) {
    expect_failure("up --clock virtual", 2, "closed world");
    expect_failure("up --set scheduler.nam=x", 2, "did you mean \"name\"?");
    expect_failure("up --set machine.memory_mib=1", 2, "memory_mib");
    expect_failure("up --machine /nonexistent/lab.toml", 4, "/nonexistent/lab.toml");
    expect_failure("up something", 2, "takes no words");
    EXPECT_TRUE(Endpoint::machines().empty());
}

TEST(Machines, take_the_place_of_one_that_was_killed) {
    succeed("up");
    const pid_t pid = pid_of();
    kill(pid, SIGKILL);
    wait_for_death(pid);
    EXPECT_EQ(Endpoint::machines(), std::vector<std::string>{"default"});
    expect_failure("list", 4, "no machine is up");
    succeed("up");
    succeed("down");
}

TEST(Machines, are_asked_only_through_a_socket_of_this_user_alone) {
    succeed("up");
    const std::string socket = Endpoint("default").socket();
    chmod(socket.c_str(), 0666);
    expect_failure("list", 4, "with mode 0600");
    chmod(socket.c_str(), 0600);
    chmod(std::filesystem::path(socket).parent_path().c_str(), 0755);
    expect_failure("list", 4, "mode 0700");
    chmod(std::filesystem::path(socket).parent_path().c_str(), 0700);
    succeed("down");
}

TEST(Machines, end_in_order_at_a_signal) {
    succeed("up");
    const pid_t pid = pid_of();
    kill(pid, SIGTERM);
    wait_for_death(pid);
    EXPECT_TRUE(Endpoint::machines().empty());
}

TEST(Machines, keep_no_terminal_and_no_session) {
    OnTerminal terminal("up");
    EXPECT_EQ(terminal.wait_for_end(), 0);
    const pid_t pid = pid_of();
    EXPECT_NE(getsid(pid), getsid(0));
    EXPECT_NE(getsid(pid), pid) << "a session's leader could get a terminal again";
    succeed("down");
}

TEST(Machines, write_a_log_that_outlives_them) {
    succeed("create -c " + config(shuts_down(0), "one"));
    const Outcome log = run_ring3("dmesg --old");
    EXPECT_EQ(log.code, 0);
    EXPECT_THAT(log.shown, HasSubstr("d1: \"one\" is built with 8 MiB"));
}

TEST(Down, destroys_what_does_not_listen_and_says_so) {
    succeed("up");
    succeed("create " + config(sleeps(), "deaf"));
    const Outcome outcome = run_ring3("down --timeout 0.2");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.said,
              "ring3: warning: \"deaf\" did not shut down in time and is destroyed\n");
    succeed("up");
    succeed("create " + config(sleeps(), "deaf"));
    succeed("down --force");
}

TEST(CreateOnMachine, starts_one_that_ends_with_its_last_domain) {
    const Outcome outcome = run_ring3("create --json " + config(sleeps(), "one"));
    EXPECT_EQ(Json::parse(outcome.shown)["result"]["id"], 1);
    succeed("create " + config(sleeps(), "two"));
    succeed("destroy one");
    EXPECT_EQ(state_of("two"), "blocked");
    succeed("destroy two");
    expect_failure("list", 4, "no machine is up");
}

TEST(CreateOnMachine, leaves_no_machine_when_it_fails) {
    for (int i = 0; i < 5; ++i) {
        const Outcome outcome =
            run_ring3("create " + config(sleeps(), "one") + " kernel=/nonexistent");
        EXPECT_EQ(outcome.code, 4);
        expect_failure("list", 4, "no machine is up");
    }
}

TEST(CreateOnMachine, leaves_an_empty_machine_that_was_there) {
    succeed("up");
    succeed("create -c " + config(shuts_down(0), "one"));
    succeed("list");
    succeed("down");
}

TEST(CreateOnMachine, refuses_a_name_that_is_taken_and_options_of_a_machine_that_is_up) {
    succeed("create " + config(sleeps(), "one"));
    expect_failure("create " + config(sleeps(), "one"), 2, "there is a domain \"one\" already");
    expect_failure("create --set machine.memory_mib=64 " + config(sleeps(), "two"), 2,
                   "machine \"default\" is up already");
    succeed("create --private --set machine.memory_mib=64 -c " + config(shuts_down(0), "two"));
    succeed("destroy one");
}

TEST(CreateOnMachine, leaves_a_domain_paused_until_it_is_told_to_go_on) {
    succeed("create --paused " + config(shuts_down(0), "one"));
    EXPECT_EQ(state_of("one"), "paused");
    usleep(50'000);
    EXPECT_THAT(run_ring3("list one").shown, HasSubstr("--p---       0.0\n"));
    const pid_t pid = pid_of();
    succeed("unpause one");
    wait_for_death(pid);
    EXPECT_THAT(run_ring3("dmesg --old").shown, HasSubstr("d1: has shut down, reason 0"));
}

TEST(CreateOnMachine, takes_the_options_of_xl_and_xm) {
    EXPECT_EQ(run_ring3("create -q -p -f " + config(sleeps(), "one") + " vmid=1").code, 0);
    EXPECT_EQ(state_of("one"), "paused");
    EXPECT_THAT(run_ring3("create -n " + config(sleeps(), "two")).shown,
                HasSubstr("domain \"two\""));
    succeed("destroy one");
}

TEST(CreateOnMachine, finds_files_where_the_user_is) {
    const std::string path = config(prints('A'), "one");
    const std::filesystem::path kernel = small_kernel(prints('A'));
    const Outcome outcome =
        run_ring3(fmt::format("create -c {} kernel={}", path, kernel.filename().string()), "",
                  "env -C " + kernel.parent_path().string());
    EXPECT_EQ(outcome.code, 0) << outcome.said;
    EXPECT_EQ(outcome.shown, "A");
}

TEST(Console, is_left_by_its_key_while_the_domain_goes_on) {
    succeed("up");
    OnTerminal first("create -c " + config(echoes(), "one"));
    first.type("hello");
    EXPECT_THAT(first.read_until(">hello"), HasSubstr(">hello"));
    first.type("\x1d");
    EXPECT_EQ(first.wait_for_end(), 0);
    OnTerminal second("console one");
    EXPECT_THAT(second.read_until(">hello"), HasSubstr(">hello"))
        << "what was shown is shown again";
    second.type("q");
    EXPECT_EQ(second.wait_for_end(), 0);
    succeed("down");
}

TEST(Console, of_a_client_that_is_killed_is_free_for_the_next) {
    succeed("create " + config(echoes(), "one"));
    for (int i = 0; i < 3; ++i) {
        OnTerminal killed("console one");
        killed.read_until(">");
    }
    EXPECT_EQ(run_ring3("console one", "q").code, 0);
}

TEST(Console, tells_when_the_machine_dies_meanwhile) {
    succeed("create " + config(sleeps(), "one"));
    OnTerminal terminal("console one");
    usleep(200'000);
    kill(pid_of(), SIGKILL);
    EXPECT_EQ(terminal.wait_for_end(), 6);
}

TEST(DomainVerbs, do_what_they_say_in_any_order) {
    succeed("up");
    for (const char* name : {"web", "db"}) succeed("create " + config(sleeps(), name));
    succeed("pause web db");
    EXPECT_THAT(run_ring3("list web").shown, HasSubstr("--p---"));
    succeed("unpause --all");
    EXPECT_THAT(run_ring3("list web").shown, HasSubstr("-b----"));
    EXPECT_EQ(run_ring3("domid db").shown, "2\n");
    EXPECT_EQ(run_ring3("domname 1").shown, "web\n");
    EXPECT_THAT(run_ring3("vcpu-list web").shown,
                ContainsRegex("Name +ID +VCPU +CPU +State +Time\\(s\\) +Affinity.*\nweb +1 +0 +0 "
                              "+-b- +[0-9.]+ +all / all"));
    EXPECT_THAT(run_ring3("uptime").shown, ContainsRegex("Name +ID Uptime\nDomain-0 +0 +0:00:0"));
    succeed("mem-set web 4");
    EXPECT_EQ(run_ring3("xenstore read /local/domain/1/memory/target").shown, "4096\n");
    succeed("mem-max web 6m");
    expect_failure("mem-set web 7", 2, "to 6 MiB, its maxmem");
    succeed("sysrq web s");
    succeed("dump-core web " + own_runtime_folder() + "/web.core");
    EXPECT_TRUE(std::filesystem::exists(own_runtime_folder() + "/web.core"));
    succeed("reboot web");
    EXPECT_EQ(run_ring3("xenstore read /local/domain/1/control/shutdown").shown, "reboot\n");
    succeed("shutdown web");
    succeed("rename web www");
    succeed("destroy www 2");
    EXPECT_EQ(run_ring3("list").shown.find("www"), std::string::npos);
    succeed("down");
}

TEST(DomainVerbs, explain_what_is_wrong) {
    succeed("create " + config(sleeps(), "web"));
    for (const char* verb :
         {"pause", "unpause", "destroy", "shutdown", "reboot", "console", "domid"}) {
        expect_failure(fmt::format("{} wbe", verb), 2,
                       "there is no domain \"wbe\" (did you mean \"web\"?)");
        expect_failure(verb, 2, "takes a domain");
    }
    expect_failure("rename web", 2, "takes a domain and NAME");
    expect_failure("mem-set web lots", 2, "no amount of memory");
    expect_failure("mem-set web 100000", 2, "its maxmem");
    expect_failure("mem-max web 1", 2, "lower the target first: mem-set");
    expect_failure("mem-max web 100g", 2, "the machine has");
    expect_failure("mem-max web", 2, "takes a domain and AMOUNT");
    expect_failure("sysrq web what", 2, "one letter or digit");
    expect_failure("pause --al", 2, "--al");
    expect_failure("destroy Domain-0", 2, "the machine itself");
    expect_failure("lits", 2, "did you mean \"list\"?");
    succeed("destroy web");
}

TEST(JsonOption, gives_one_document_with_its_form) {
    succeed("up");
    succeed("create " + config(sleeps(), "one"));
    for (const char* arguments :
         {"list",          "vcpu-list",         "uptime",
          "domid one",     "domname 1",         "info",
          "dmesg",         "machines",          "pause one",
          "unpause one",   "shutdown one",      "mem-set one 4",
          "mem-max one 5", "sysrq one s",       "rename one one",
          "xenstore ls",   "xenstore read /vm", "xenstore list /local/domain",
          "top -i 1",      "destroy one",       "down"}) {
        const Outcome outcome = run_ring3(std::string(arguments) + " --json");
        EXPECT_EQ(outcome.code, 0) << arguments;
        const Json document = Json::parse(outcome.shown, nullptr, false);
        ASSERT_TRUE(document.is_object()) << arguments << "\n" << outcome.shown;
        EXPECT_EQ(document["ring3"], 1) << arguments;
        EXPECT_TRUE(document.contains("result")) << arguments;
        EXPECT_THAT(arguments, StartsWith(document["verb"].get<std::string>()));
    }
}

TEST(NetworkVerbs, plug_interfaces_in_list_them_and_take_them_away) {
    succeed("create " + config(sleeps(), "one"));
    succeed("network-attach one bridge=lan mac=00:16:3e:01:02:03");
    EXPECT_THAT(run_ring3("network-list one").shown,
                ContainsRegex("Idx BE Mac Addr\\. +handle state evt-ch +tx-/rx-ring-ref BE-path *\n"
                              "0   0  00:16:3e:01:02:03 +0 +[0-9]+ +-1 +-1/-1 +"
                              "/local/domain/0/backend/vif/1/0"));
    expect_failure("network-detach one 7", 2, "has no interface \"7\"");
    expect_failure("network-attach one bridg=lan", 2, "bridg");
    succeed("network-detach --force one 00:16:3e:01:02:03");
    EXPECT_EQ(Json::parse(run_ring3("network-list --json one").shown)["result"].size(), 0u);
    EXPECT_EQ(Json::parse(run_ring3("block-list --json one").shown)["result"].size(), 0u);
    succeed("destroy one");
}

TEST(NetworkVerbs, say_that_a_port_of_the_host_is_taken) {
    const PageServer server("page");
    const std::string vif = fmt::format("bridge=nat,hostfwd=tcp:{}-:80", server.port());
    const std::string taken = fmt::format("cannot listen at port {} of 127.0.0.1", server.port());
    succeed("up");
    expect_failure(fmt::format("create {} 'vif=[\"{}\"]'", config(sleeps(), "one"), vif), 2, taken);
    succeed("create " + config(sleeps(), "one"));
    expect_failure(fmt::format("network-attach one '{}'", vif), 2, taken);
    EXPECT_EQ(Json::parse(run_ring3("network-list --json one").shown)["result"].size(), 0u);
    succeed("down --force");
}

TEST(BlockVerbs, plug_disks_in_list_them_and_take_them_away) {
    const std::string disk = own_runtime_folder() + "/disk.img";
    std::ofstream(disk) << std::string(4096, 'x');
    succeed("up");
    for (const char* name : {"one", "two"}) succeed("create " + config(sleeps(), name));
    succeed(fmt::format("block-attach one file:{},xvdb,w", disk));
    EXPECT_THAT(run_ring3("block-list one").shown,
                ContainsRegex("Vdev  BE  handle state evt-ch ring-ref BE-path *\n"
                              "51728 0   51728  [0-9] +-1 +-1 +/local/domain/0/backend/vbd/1/"
                              "51728"));
    expect_failure(fmt::format("block-attach one file:{},xvdb,w!", disk), 2,
                   "has a disk xvdb already");
    expect_failure(fmt::format("block-attach two file:{},xvdb,r", disk), 4,
                   "another domain writes to this disk");
    expect_failure("block-attach one file:/nonexistent,xvdc,w", 4, "cannot be opened");
    expect_failure("block-attach one nonsense", 2, "no vdev");
    expect_failure("block-detach one xvdc", 2, "has no block device \"xvdc\"");
    expect_failure("block-detach one", 2, "takes a domain and");
    succeed("block-detach --force one xvdb");
    EXPECT_EQ(Json::parse(run_ring3("block-list --json one").shown)["result"].size(), 0u);
    succeed(fmt::format("block-attach two file:{},xvdb,r", disk));
    succeed("down --force");
}

TEST(Xenstore, is_shown_and_changed_as_by_xens_tools) {
    succeed("up");
    succeed("xenstore write /tool/b 'x\ty' /tool/a/deeper 1");
    EXPECT_EQ(run_ring3("xenstore ls /tool").shown, "a = \"\"\n deeper = \"1\"\nb = \"x\\ty\"\n");
    EXPECT_EQ(run_ring3("xenstore ls -f -p /tool").shown,
              "/tool/a = \"\"   (n0)\n/tool/a/deeper = \"1\"   (n0)\n/tool/b = \"x\\ty\"   (n0)\n");
    EXPECT_EQ(run_ring3("xenstore list /tool").shown, "a\nb\n");
    EXPECT_EQ(run_ring3("xenstore read -p /tool/b").shown, "/tool/b: x\\ty\n");
    succeed("xenstore exists /tool/a /tool/b");
    EXPECT_EQ(run_ring3("xenstore exists /tool/c").code, 1);
    succeed("xenstore chmod /tool/b n0 r3");
    EXPECT_THAT(run_ring3("xenstore ls -p /tool").shown, HasSubstr("(n0,r3)"));
    EXPECT_EQ(run_ring3("xenstore watch -n 1 /tool").shown, "/tool\n");
    succeed("xenstore rm /tool/a");
    expect_failure("xenstore read /tool/a", 2, "/tool/a: ENOENT");
    expect_failure("xenstore rm /tool/a", 2, "ENOENT");
    expect_failure("xenstore raed /tool", 2, "did you mean \"read\"?");
    expect_failure("xenstore write /tool", 2, "more words");
    succeed("down");
}

TEST(Top, prints_tables_in_a_pipe_and_follows_a_terminal) {
    succeed("up");
    succeed("create " + config(spins(), "busy"));
    const Outcome batch = run_ring3("top -b -d 0.2 -i 2");
    EXPECT_EQ(batch.code, 0);
    EXPECT_THAT(batch.shown,
                ContainsRegex("2 domains: 2 running.*\n.*\n.*NAME.*\n.*\n +busy +running"));
    OnTerminal terminal("top -d 60");
    EXPECT_THAT(terminal.read_until("busy"), HasSubstr("\x1b[?1049h"));
    terminal.resize(3, 20);
    EXPECT_THAT(terminal.read_until("2 domains"), HasSubstr("2 domains"));
    terminal.type("q");
    EXPECT_EQ(terminal.wait_for_end(), 0);
    expect_failure("top -d 0", 2, "--delay");
    expect_failure("top -i x", 2, "--iterations");
    succeed("down --force");
}

}  // namespace
}  // namespace ring3
