// SPDX-License-Identifier: MIT
// Native Linux: the tree that the guest's disk was made from, on this kernel, by chroot in
// namespaces of its own; as an ordinary user in a user namespace.
#include <fstream>

#include <unistd.h>

#include <fmt/format.h>

#include "experiments/platforms/child.hpp"
#include "experiments/platforms/native_tree.hpp"

namespace ring3::experiment {
namespace {

// Fresh file systems in memory where guests have them; /dev is the host's own.
constexpr const char* script = R"sh(
tree=$1; list=$2
mount --make-rprivate /
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
mount -t tmpfs tmpfs "$tree/run"
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

class Native final : public Platform {
public:
    Native(Params&, const PlatformChoice&) {}

    std::string unavailable() override {
        std::string missing = wants_package("unshare", "util-linux");
        if (missing.empty()) missing = wants_package("zstd", "zstd");
        return missing;
    }
    Outcome run(const Boot& boot, Listener& listener) override {
        const std::filesystem::path tree = native_tree(boot.tree);
        std::vector<std::string> command = in_namespaces();
        command.insert(command.end(), {"sh", "-c", script, "native", tree, boot.workloads});
        Outcome outcome = run_program(command, boot, listener);
        outcome.command = fmt::format("chroot {} {} {}", tree.string(), "run", boot.workloads);
        return outcome;
    }
    std::vector<NaturalDifference> differences() const override {
        return {{"kernel", "the host's own"},
                {"file-system", "the host's, not the image's ext4"},
                {"memory", "all of the host's"},
                {"vcpus", "all of the host's CPUs"}};
    }
};

const Registered<Platform, Native> entry{
    "native", "the image's tree on this host, without a guest around it"};

}  // namespace
}  // namespace ring3::experiment
