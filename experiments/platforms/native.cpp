// SPDX-License-Identifier: MIT
// Native Linux: the tree that the guest's disk was made from, on this kernel, by chroot in
// namespaces of its own; as an ordinary user in a user namespace. Several guests are process groups
// on the one kernel, with a network for each: what nothing but the kernel isolates.
#include <sched.h>

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "experiments/platforms/child.hpp"
#include "experiments/platforms/native_tree.hpp"

namespace ring3::experiment {
namespace {

// TREE LIST: the programs of a list, one after the other, in the tree.
constexpr const char* run_list = R"sh(
tree=$1; list=$2
code=0
echo "workloads: begin"
IFS=,
for item in $list; do
    IFS=:
    set -- $item
    unset IFS
    chroot "$tree" /usr/lib/workloads/guest/run "$1" "$2" "$3" --repeat "$4" || code=1
done
echo "workloads: end $code"
)sh";

// Fresh file systems in memory where guests have them; /dev is the host's own. Where an ordinary
// user looks for programs there is no chroot.
constexpr const char* mount_tree = R"sh(
PATH=$PATH:/usr/sbin:/sbin
mount_tree() {
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
    mount -t tmpfs tmpfs "$1/run"
}
)sh";

// RUN-LIST TREE LIST
constexpr const char* run_one = R"sh(
mount --make-rprivate /
mount_tree "$2"
exec sh -c "$1" run-list "$2" "$3"
)sh";

// RUN-LIST, then for each guest TREE NAME DELAY WORDS LIST WAIT: each in a network of its own,
// lines with its name before them. WORDS are what a guest's kernel would be told; the first two
// guests that are told something are joined by a pair of virtual devices. Ends when all guests with
// WAIT=1 have, and everything else ends with it.
constexpr const char* run_several = R"sh(
run_list=$1
shift
mount --make-rprivate /
in_own_network='
ip link set lo up
if [ -n "$5" ]; then
    until ip link show eth0 >/dev/null 2>&1; do sleep 0.01; done
    printf "%s\n" "$5" >"$7"
    mount --bind "$7" "$2/proc/cmdline"
fi
sleep "$4"
sh -c "$1" run-list "$2" "$6" | sed -u "s/^/$3 /"
'
# Until the process has a network of its own.
await_network() {
    own=$(readlink /proc/self/ns/net)
    until [ "$(readlink "/proc/$1/ns/net")" != "$own" ]; do sleep 0.01; done
}
mount -t proc proc /proc
number=0 mounted= awaited= first=
while [ $# -gt 0 ]; do
    number=$((number + 1))
    case " $mounted " in
    *" $1 "*) ;;
    *) mount_tree "$1" && mounted="$mounted $1" ;;
    esac
    unshare --net --mount sh -c "$in_own_network" guest \
        "$run_list" "$1" "$2" "$3" "$4" "$5" "$PWD/cmdline-$number" &
    [ "$6" = 0 ] || awaited="$awaited $!"
    if [ -n "$4" ] && [ -z "$first" ]; then
        first=$!
    elif [ -n "$4" ]; then
        await_network $first
        await_network $!
        nsenter --net="/proc/$first/ns/net" ip link add eth0 type veth peer name eth0 netns $!
    fi
    shift 6
done
wait $awaited
)sh";

/// So many CPUs that this process may use, or all: the last ones, since the host's devices mostly
/// interrupt the first.
std::string last_cpus(unsigned count) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
    std::string list;
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && count > 0; --cpu) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        list = fmt::format("{}{}{}", cpu, list.empty() ? "" : ",", list);
        --count;
    }
    return list;
}

class Native final : public Platform {
public:
    Native(Params&, const PlatformChoice&) {}

    std::string unavailable() override {
        std::string missing = wants_package("unshare", "util-linux");
        if (missing.empty()) missing = wants_package("zstd", "zstd");
        return missing;
    }
    std::string unavailable_for_several() override { return wants_package("ip", "iproute2"); }

    Outcome run(const Boot& boot, Listener& listener) override {
        return boot.domains.empty() ? run_one_guest(boot, listener) : run_guests(boot, listener);
    }
    std::vector<NaturalDifference> differences() const override {
        return {{"kernel", "the host's own"},
                {"file-system", "the host's, not the image's ext4"},
                {"memory", "all of the host's"},
                {"vcpus", "as many of the host's CPUs; several guests share them all"}};
    }

private:
    static Outcome run_one_guest(const Boot& boot, Listener& listener) {
        const std::filesystem::path tree = native_tree(boot.tree);
        std::vector<std::string> command{"taskset", "--cpu-list", last_cpus(boot.vcpus)};
        for (std::string& word : in_namespaces()) command.push_back(std::move(word));
        command.insert(command.end(), {"sh", "-c", std::string(mount_tree) + run_one, "native",
                                       run_list, tree, boot.workloads});
        Outcome outcome = run_program(command, boot, listener);
        outcome.command = fmt::format("chroot {} run {}", tree.string(), boot.workloads);
        return outcome;
    }

    static Outcome run_guests(const Boot& boot, Listener& listener) {
        std::vector<std::string> command = in_namespaces();
        command.insert(command.end(),
                       {"sh", "-c", std::string(mount_tree) + run_several, "native", run_list});
        std::string text;
        for (const Boot::Domain& domain : boot.domains) {
            const std::filesystem::path tree = native_tree(domain.tree);
            command.insert(command.end(),
                           {tree, domain.name, fmt::format("{}", domain.start_s), domain.words,
                            domain.workloads, domain.background ? "0" : "1"});
            text +=
                fmt::format("{}: chroot {} run {}\n", domain.name, tree.string(), domain.workloads);
        }
        Child child(command, boot.scratch);
        LastLine last_line(boot.domains);
        const auto take = [&](std::chrono::nanoseconds at, const std::string& said) {
            const std::size_t space = std::min(said.find(' '), said.size());
            Line line{at, said.substr(0, space), said.substr(std::min(space + 1, said.size()))};
            const bool is_last = last_line.is(line);
            if (line.domain == guest_name && !boot.cell.is_of_domains()) line.domain.clear();
            listener.line(line);
            return is_last;
        };
        Outcome outcome =
            child.listen(take,
                         std::chrono::duration_cast<std::chrono::nanoseconds>(
                             std::chrono::duration<double>(boot.descriptor.timeout_s)),
                         [&] { return listener.wants_stop(); });
        outcome.command = text;
        return outcome;
    }
};

const Registered<Platform, Native> entry{
    "native", "the image's tree on this host, without a guest around it"};

}  // namespace
}  // namespace ring3::experiment
