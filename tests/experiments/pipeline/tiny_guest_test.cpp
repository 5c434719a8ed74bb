// SPDX-License-Identifier: MIT
// The whole way on a real kernel: from a descriptor to files that repeat, with a guest whose first
// process prints what a workload would.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fmt/format.h>

#include "analysis/load/campaign.hpp"
#include "experiments/runner/campaign.hpp"
#include "experiments/runner/verify.hpp"
#include "tests/support/program.hpp"
#include "workloads/images/image_store.hpp"
#include "workloads/images/initramfs.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;
using record::Status;
using testing::HasSubstr;

// As often as the last word of `workloads=` says.
constexpr const char* first_process = R"sh(#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
read words </proc/cmdline
words=${words##*workloads=}
left=${words##*:}
left=${left%% *}
while [ $left -gt 0 ]; do
    left=$((left - 1))
    echo "start spec-int-like gzip test"
    n=0; while [ $n -lt 2000 ]; do n=$((n + 1)); done
    echo "end spec-int-like gzip test"
    echo "result spec-int-like gzip test seconds=0.01 output=ok"
done
echo "workloads: end 0"
exec /bin/busybox poweroff -f
)sh";

class Quiet final : public CampaignListener {
public:
    void note(const std::string& text) override { notes += text; }
    void line(const Line&) override { ++lines; }

    std::string notes;
    std::size_t lines = 0;
};

class TinyGuest : public testing::Test {
protected:
    TinyGuest() : folder_(fs::temp_directory_path() / fmt::format("pipeline-{}", ::getpid())) {
        fs::create_directories(folder_);
        setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
        std::ofstream(folder_ / "disk") << std::string(std::size_t{1} << 20, '\0');
    }
    ~TinyGuest() override { fs::remove_all(folder_); }

    /// hello's initrd, with another first process laid over it.
    static void SetUpTestSuite() {
        const test::Outcome paths = test::run_ring3("image path debian-cloud/vmlinuz hello/initrd");
        ASSERT_EQ(paths.code, 0) << paths.text;
        std::istringstream lines(paths.shown);
        std::getline(lines, kernel_);
        std::getline(lines, initrd_);
    }

    Descriptor descriptor(const std::vector<std::string>& settings = {}) const {
        const fs::path initrd = folder_ / "initrd";
        if (!fs::exists(initrd)) {
            Initramfs added;
            added.add_program("init", first_process);
            added.write(folder_ / "added");
            std::ofstream both(initrd, std::ios::binary);
            both << std::ifstream(initrd_, std::ios::binary).rdbuf()
                 << std::ifstream(folder_ / "added", std::ios::binary).rdbuf();
        }
        const std::string text = fmt::format(
            "[experiment]\nname = 'tiny'\ntimeout_s = 100\n[guest]\nkernel = '{}'\nramdisk = '{}'\n"
            "disk = '{}'\nmemory_mib = 96\n[clock]\nname = 'virtual'\n[platforms.ring3]\n"
            "[[workloads]]\nname = 'spec-int-like'\nprograms = ['gzip']\n",
            kernel_, initrd.string(), (folder_ / "disk").string());
        return parse_descriptor("tiny.toml", text, settings);
    }
    /// The folder of a campaign that ran to its end.
    fs::path run(const Descriptor& text, Quiet& watcher) {
        Campaign campaign(text, new_folder(text, folder_ / "results"), watcher);
        EXPECT_TRUE(campaign.run());
        EXPECT_EQ(campaign.runs().at(0).run.status, Status::ok)
            << campaign.runs().at(0).run.reason.view();
        return campaign.folder();
    }
    static std::string bytes(const fs::path& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    static inline std::string kernel_, initrd_;
    fs::path folder_;
};

TEST_F(TinyGuest, gives_the_same_file_each_time_and_runs_only_once) {
    Quiet first, second;
    const Descriptor text = descriptor();
    const fs::path one = run(text, first);
    EXPECT_GT(first.lines, 5U);
    const fs::path other = run(text, second);
    EXPECT_EQ(second.lines, 0U) << "it ran again, though it was kept";
    EXPECT_EQ(bytes(one / "run-0001.h5"), bytes(other / "run-0001.h5"));

    const analysis::Campaign loaded = analysis::load_campaign(one);
    ASSERT_EQ(loaded.runs.size(), 1U);
    ASSERT_EQ(loaded.runs[0].values.size(), 2U);
    EXPECT_GT(loaded.runs[0].values[1].value, 0);
    EXPECT_EQ(loaded.runs[0].meta.at("clock"), "virtual");

    Quiet third;
    EXPECT_TRUE(verify(one / "run-0001.h5", third).is_equal);
    EXPECT_GT(third.lines, 5U);
}

TEST_F(TinyGuest, is_not_changed_by_tracing_and_leaves_its_events) {
    Quiet watcher;
    const auto plain = analysis::load_campaign(run(descriptor(), watcher));
    const auto traced = analysis::load_campaign(
        run(descriptor({"experiment.trace=[\"sched\", \"hypercall\"]"}), watcher));
    EXPECT_TRUE(plain.runs[0].events.empty());
    ASSERT_FALSE(traced.runs[0].events.empty());
    EXPECT_GT(traced.runs[0].events[0].numbers.size(), 1000U);
    EXPECT_EQ(plain.runs[0].meta.at("digest"), traced.runs[0].meta.at("digest"));
    EXPECT_EQ(plain.runs[0].meta.at("virtual_ns"), traced.runs[0].meta.at("virtual_ns"));
}

TEST_F(TinyGuest, is_another_one_with_another_memory) {
    Quiet watcher;
    const auto one = analysis::load_campaign(run(descriptor(), watcher));
    const auto other = analysis::load_campaign(run(descriptor({"guest.memory_mib=112"}), watcher));
    EXPECT_NE(one.runs[0].meta.at("digest"), other.runs[0].meta.at("digest"));
}

TEST_F(TinyGuest, in_the_background_is_stopped_when_the_others_are_done) {
    const Descriptor single = descriptor();
    std::string text = single.text.substr(0, single.text.find("[[workloads]]"));
    text +=
        "[[domains]]\nname = 'a'\nworkload = 'spec-int-like'\nprograms = ['gzip']\n"
        "[[domains]]\nname = 'b'\nbackground = true\nworkload = 'spec-int-like'\n"
        "programs = ['gzip']\n";
    for (const char* machine : {"machine.pcpus=1", "machine.pcpus=2"}) {
        Quiet watcher, again;
        const fs::path folder = run(parse_descriptor("tiny.toml", text, {machine}), watcher);
        const auto loaded = analysis::load_campaign(folder);
        const std::vector<analysis::Value>& values = loaded.runs[0].values;
        ASSERT_EQ(values.size(), 3U);
        EXPECT_EQ(values[2].domain, "b");
        EXPECT_EQ(values[2].metric, "rounds");
        EXPECT_GE(values[2].value, 1) << machine;
        // The moment of its end is one of virtual time.
        EXPECT_TRUE(verify(folder / "run-0001.h5", again).is_equal) << machine;
    }
}

TEST_F(TinyGuest, runs_beside_others_on_one_machine) {
    const Descriptor single = descriptor();
    std::string text = single.text.substr(0, single.text.find("[[workloads]]"));
    text +=
        "[[domains]]\nname = 'a'\ncount = 2\nworkload = 'spec-int-like'\nprograms = ['gzip']\n"
        "[[domains]]\nname = 'b'\nworkload = 'spec-int-like'\nprograms = ['gzip']\n";
    Quiet watcher;
    const Descriptor several = parse_descriptor("tiny.toml", text, {"machine.memory_mib=512"});
    const auto loaded = analysis::load_campaign(run(several, watcher));
    std::map<std::string, unsigned> values;
    for (const analysis::Value& value : loaded.runs[0].values) ++values[value.domain];
    EXPECT_THAT(values, testing::ElementsAre(std::pair{"a-1", 2U}, std::pair{"a-2", 2U},
                                             std::pair{"b", 2U}));
}

}  // namespace
}  // namespace ring3::experiment
