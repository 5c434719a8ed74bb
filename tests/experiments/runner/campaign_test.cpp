// SPDX-License-Identifier: MIT
// Campaigns whose guests are shell scripts: everything but a hypervisor.
#include "experiments/runner/campaign.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fmt/format.h>

#include "experiments/runner/verify.hpp"
#include "hv/base/errors.hpp"
#include "tests/support/program.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;
using record::Status;
using testing::HasSubstr;

/// What a guest prints that runs gzip twice.
std::string prints_results(const std::string& result = "seconds=0.100000 output=ok") {
    return fmt::format(
        "for i in 1 2; do echo start spec-int-like gzip test; echo end spec-int-like gzip test; "
        "echo result spec-int-like gzip test {}; done; echo workloads: end 0",
        result);
}

std::string platform(const std::string& name, const std::string& script) {
    return fmt::format("[platforms.{}]\nkind = 'command'\ncommand = ['sh', '-c', '''{}''']\n", name,
                       script);
}

std::string descriptor_text(const std::string& platforms, const std::string& more = "") {
    return fmt::format(
        "[experiment]\nname = 'small'\nrepetitions = 2\ntimeout_s = 2\n{}\n[guest]\n"
        "kernel = '/bin/true'\nramdisk = '/bin/true'\ndisk = '/bin/true'\n{}"
        "[[workloads]]\nname = 'spec-int-like'\nprograms = ['gzip']\n",
        more, platforms);
}

class Watcher final : public CampaignListener {
public:
    void note(const std::string& text) override { notes += text + "\n"; }
    void turn_begins(std::size_t, std::size_t, const Turn&) override { ++turns; }
    bool wants_stop() override { return turns > stop_after; }

    std::string notes;
    std::size_t turns = 0;
    std::size_t stop_after = ~std::size_t{0};
};

class CampaignTest : public testing::Test {
protected:
    CampaignTest() : results_(fs::temp_directory_path() / fmt::format("campaign-{}", ::getpid())) {
        fs::create_directories(results_);
    }
    ~CampaignTest() override { fs::remove_all(results_); }

    Descriptor descriptor(const std::string& platforms,
                          const std::vector<std::string>& settings = {}) const {
        return parse_descriptor("small.toml", descriptor_text(platforms), settings);
    }
    /// The status of each run of an experiment with this one platform, and why.
    LoggedRun only_run(const std::string& script, const std::vector<std::string>& settings = {}) {
        const Descriptor text = descriptor(platform("only", script), settings);
        Campaign campaign(text, new_folder(text, results_), watcher_);
        EXPECT_TRUE(campaign.run());
        return campaign.runs().at(0);
    }

    fs::path results_;
    Watcher watcher_;
};

TEST_F(CampaignTest, records_every_repetition_of_every_platform) {
    const Descriptor text =
        descriptor(platform("one", prints_results()) + platform("two", prints_results()));
    Campaign campaign(text, new_folder(text, results_), watcher_);
    EXPECT_TRUE(campaign.run());
    ASSERT_EQ(campaign.runs().size(), 4U);
    for (const LoggedRun& run : campaign.runs()) EXPECT_EQ(run.run.status, Status::ok);
    for (const char* name : {"index.h5", "host.h5", "run-0001.h5", "run-0004.h5", "descriptor.toml",
                             "plan.json", "log.ndjson"})
        EXPECT_TRUE(fs::exists(campaign.folder() / name)) << name;
    EXPECT_TRUE(fs::exists(results_ / "small" / "latest" / "index.h5"));
    EXPECT_FALSE(fs::exists(campaign.folder() / "run-0001.spool"));
    EXPECT_FALSE(fs::exists(campaign.folder() / "scratch"));
}

TEST_F(CampaignTest, takes_a_wrong_output_for_a_failure) {
    EXPECT_EQ(only_run(prints_results("output=wrong hash=00")).run.status, Status::failed);
}

TEST_F(CampaignTest, goes_on_after_a_platform_that_crashes) {
    const LoggedRun run = only_run("echo sorry >&2; exit 3");
    EXPECT_EQ(run.run.status, Status::dnr);
    EXPECT_THAT(std::string(run.run.reason.view()), HasSubstr("failed with code 3: sorry"));
    EXPECT_THAT(std::string(only_run("kill -SEGV $$").run.reason.view()), HasSubstr("signal 11"));
}

TEST_F(CampaignTest, goes_on_after_a_guest_that_ends_without_a_result) {
    EXPECT_EQ(only_run("echo hello").run.status, Status::dnr);
    EXPECT_THAT(std::string(only_run("echo no chroot here >&2").run.reason.view()),
                HasSubstr("without a result of gzip: no chroot here"));
}

TEST_F(CampaignTest, ends_a_guest_that_never_does_with_all_its_children) {
    const LoggedRun run = only_run("sleep 1000 & echo $! >/tmp/campaign-child; sleep 1000");
    EXPECT_EQ(run.run.status, Status::timeout);
    std::ifstream file("/tmp/campaign-child");
    pid_t child = 0;
    file >> child;
    ASSERT_GT(child, 0);
    EXPECT_FALSE(fs::exists(fmt::format("/proc/{}/cwd", child)) &&
                 fs::exists(fmt::format("/proc/{}/exe", child)));
}

TEST_F(CampaignTest, does_not_wait_for_a_guest_that_has_said_all) {
    EXPECT_EQ(only_run(prints_results() + "; exec >/dev/null; sleep 1").run.status, Status::ok);
}

TEST_F(CampaignTest, ends_a_guest_that_prints_without_end) {
    const LoggedRun run = only_run("yes", {"experiment.timeout_s=100", "experiment.repetitions=1"});
    EXPECT_EQ(run.run.status, Status::dnr);
    EXPECT_THAT(std::string(run.run.reason.view()), HasSubstr("without end"));
}

TEST_F(CampaignTest, skips_a_platform_that_is_not_there_and_says_why) {
    const Descriptor text =
        descriptor("[platforms.absent]\nkind='command'\ncommand=['no-such-hypervisor']\n" +
                   platform("one", prints_results()));
    Campaign campaign(text, new_folder(text, results_), watcher_);
    EXPECT_TRUE(campaign.run());
    EXPECT_THAT(watcher_.notes, HasSubstr("no-such-hypervisor"));
    std::size_t skipped = 0;
    for (const LoggedRun& run : campaign.runs()) skipped += run.run.status == Status::skipped;
    EXPECT_EQ(skipped, 1U);
}

TEST_F(CampaignTest, stops_when_asked_and_goes_on_with_what_is_missing) {
    const Descriptor text =
        descriptor(platform("one", prints_results()) + platform("two", prints_results()));
    const fs::path folder = new_folder(text, results_);
    watcher_.stop_after = 2;
    EXPECT_FALSE(Campaign(text, folder, watcher_).run());
    EXPECT_TRUE(fs::exists(folder / "index.h5"));

    Watcher again;
    Campaign rest(text, folder, again);
    rest.resume(Campaign::Resume::missing, false);
    EXPECT_TRUE(rest.run());
    EXPECT_LE(again.turns, 2U);
    std::size_t good = 0;
    for (const LoggedRun& run : rest.runs()) good += run.run.status == Status::ok;
    EXPECT_EQ(good, 4U);
}

TEST_F(CampaignTest, repeats_what_failed_only_when_asked) {
    const fs::path flag = results_ / "works";
    const std::string script =
        fmt::format("test -e {} || exit 3; {}", flag.string(), prints_results());
    const Descriptor text = descriptor(platform("one", script));
    const fs::path folder = new_folder(text, results_);
    Campaign(text, folder, watcher_).run();
    std::ofstream{flag} << '\n';

    Watcher quiet, busy;
    Campaign missing(text, folder, quiet);
    missing.resume(Campaign::Resume::missing, false);
    missing.run();
    EXPECT_EQ(quiet.turns, 0U);
    Campaign failed(text, folder, busy);
    failed.resume(Campaign::Resume::failed, false);
    failed.run();
    EXPECT_EQ(busy.turns, 2U);
    EXPECT_EQ(failed.runs().back().run.status, Status::ok);
}

TEST_F(CampaignTest, does_not_go_on_with_another_descriptor) {
    const Descriptor text = descriptor(platform("one", prints_results()));
    const fs::path folder = new_folder(text, results_);
    Campaign(text, folder, watcher_).run();
    const Descriptor other = descriptor(platform("one", "true"));
    Campaign changed(other, folder, watcher_);
    EXPECT_THROW(changed.resume(Campaign::Resume::missing, false), ConfigError);
    EXPECT_NO_THROW(changed.resume(Campaign::Resume::missing, true));
    EXPECT_THROW(Campaign(text, results_, watcher_).resume(Campaign::Resume::missing, false),
                 ConfigError);
}

TEST_F(CampaignTest, cannot_verify_what_was_timed_by_a_wall_clock) {
    const Descriptor text = descriptor(platform("one", prints_results()));
    Campaign campaign(text, new_folder(text, results_), watcher_);
    campaign.run();
    EXPECT_THROW(verify(campaign.folder() / "run-0001.h5", watcher_), ConfigError);
    EXPECT_THROW(verify(campaign.folder() / "index.h5", watcher_), ConfigError);
}

TEST_F(CampaignTest, loses_no_finished_run_when_it_is_killed) {
    const fs::path file = results_ / "small.toml";
    std::ofstream{file} << descriptor_text(platform("one", "sleep 0.05; " + prints_results()) +
                                           platform("two", "sleep 0.05; " + prints_results()));
    const std::string words =
        fmt::format("run --json --results {} {}", results_.string(), file.string());
    for (int point = 1; point <= 6; ++point) {
        fs::remove_all(results_ / "small");
        test::run_ring3(words, "", fmt::format("timeout -s KILL 0.{}", 2 * point));
        // Killed before the campaign had a folder: there is nothing to go on with.
        if (!fs::exists(results_ / "small" / "latest" / "plan.json")) continue;
        const test::Outcome rest = test::run_ring3(words + " --resume");
        EXPECT_EQ(rest.code, 0) << rest.text;
        EXPECT_TRUE(fs::exists(results_ / "small" / "latest" / "index.h5"));
        const CampaignLog log(results_ / "small" / "latest" / "log.ndjson");
        std::map<std::pair<unsigned, unsigned>, unsigned> good;
        for (const LoggedRun& run : log.runs())
            good[{run.run.cell, run.run.repetition}] += run.run.status == Status::ok;
        EXPECT_EQ(good.size(), 4U);
        for (const auto& [cell, count] : good) EXPECT_EQ(count, 1U);
    }
}

}  // namespace
}  // namespace ring3::experiment
