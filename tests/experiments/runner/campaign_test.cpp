// SPDX-License-Identifier: MIT
// Campaigns whose guests are shell scripts: everything but a hypervisor.
#include "experiments/runner/campaign.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "experiments/runner/campaign_status.hpp"
#include "experiments/runner/verify.hpp"
#include "hv/base/errors.hpp"
#include "tests/support/program.hpp"
#include "tests/support/script_experiment.hpp"
#include "tests/support/shell.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;
using record::Status;
using test::output_of;
using test::prints_results;
using test::script_experiment;
using test::script_platform;
using testing::HasSubstr;

class Watcher final : public CampaignListener {
public:
    void note(const std::string& text) override { notes += text + "\n"; }
    void turn_begins(const Position&, const Turn&) override { ++turns; }
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
        return parse_descriptor("small.toml", script_experiment(platforms), settings);
    }
    /// The status of each run of an experiment with this one platform, and why.
    LoggedRun only_run(const std::string& script, const std::vector<std::string>& settings = {}) {
        const Descriptor text = descriptor(script_platform("only", script), settings);
        Campaign campaign(text, new_folder(text, results_), watcher_);
        EXPECT_TRUE(campaign.run());
        return campaign.runs().at(0);
    }

    fs::path results_;
    Watcher watcher_;
};

TEST_F(CampaignTest, records_every_repetition_of_every_platform) {
    const Descriptor text = descriptor(script_platform("one", prints_results()) +
                                       script_platform("two", prints_results()));
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

TEST_F(CampaignTest, records_no_place_of_this_host_also_where_a_link_leads_there) {
    const fs::path link = results_ / "link";
    fs::create_directories(results_ / "behind");
    fs::create_directory_symlink(results_ / "behind", link);
    const Descriptor text = descriptor(script_platform("one", "pwd; pwd -P; " + prints_results()));
    Campaign campaign(text, new_folder(text, link), watcher_);
    EXPECT_TRUE(campaign.run());
    const std::string file = (results_ / "console").string();
    output_of(fmt::format("h5dump -d /console -b -o {} {} >/dev/null", file,
                          (campaign.folder() / "run-0001.h5").string()));
    const std::string console = test::content_of(file);
    EXPECT_THAT(console, HasSubstr("] {scratch}\n"));
    EXPECT_THAT(console, testing::Not(HasSubstr("behind")));
}

TEST_F(CampaignTest, skips_a_platform_that_is_not_there_and_says_why) {
    const Descriptor text = descriptor(
        "[platforms.absent]\nkind='command'\ncommand=['no-such-hypervisor', '{kernel}',"
        "'{ramdisk}', '{disk}', '{memory_mib}', '{vcpus}', '{words}']\n" +
        script_platform("one", prints_results()));
    Campaign campaign(text, new_folder(text, results_), watcher_);
    EXPECT_TRUE(campaign.run());
    EXPECT_THAT(watcher_.notes, HasSubstr("no-such-hypervisor"));
    std::size_t skipped = 0;
    for (const LoggedRun& run : campaign.runs()) skipped += run.run.status == Status::skipped;
    EXPECT_EQ(skipped, 1U);
}

TEST_F(CampaignTest, stops_when_asked_and_goes_on_with_what_is_missing) {
    const Descriptor text = descriptor(script_platform("one", prints_results()) +
                                       script_platform("two", prints_results()));
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
    const Descriptor text = descriptor(script_platform("one", script));
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
    const Descriptor text = descriptor(script_platform("one", prints_results()));
    const fs::path folder = new_folder(text, results_);
    Campaign(text, folder, watcher_).run();
    const Descriptor other = descriptor(script_platform("one", "true"));
    Campaign changed(other, folder, watcher_);
    EXPECT_THROW(changed.resume(Campaign::Resume::missing, false), ConfigError);
    EXPECT_NO_THROW(changed.resume(Campaign::Resume::missing, true));
    EXPECT_THROW(Campaign(text, results_, watcher_).resume(Campaign::Resume::missing, false),
                 ConfigError);
}

/// Runs of one cell whose times are spread by so much.
std::string jumps(int percent) {
    return fmt::format(
        "n=$(cat {{scratch}}/../../../n 2>/dev/null || echo 0); "
        "echo $((n + 1)) >{{scratch}}/../../../n; for i in 1 2; do "
        "echo start spec-int-like gzip test; echo end spec-int-like gzip test; "
        "echo value spec-int-like gzip test speed x $((100 + n * {} % 30)); "
        "echo result spec-int-like gzip test output=ok; done; echo workloads: end 0",
        percent);
}

TEST_F(CampaignTest, repeats_until_the_stopping_rule_holds_and_no_longer) {
    const std::string text =
        "[experiment]\nname = 'small'\ntimeout_s = 5\n"
        "stop = {least = 3, most = 12, relative_interval = 0.02}\n[guest]\nkernel = '/bin/true'\n"
        "ramdisk = '/bin/true'\ndisk = '/bin/true'\n[[workloads]]\nname = 'spec-int-like'\n"
        "programs = ['gzip']\n";
    const auto runs = [&](int percent) {
        fs::remove(results_ / "n");
        const Descriptor one =
            parse_descriptor("small.toml", text + script_platform("one", jumps(percent)));
        Campaign campaign(one, new_folder(one, results_), watcher_);
        EXPECT_TRUE(campaign.run());
        return campaign.runs().size();
    };
    EXPECT_EQ(runs(0), 6U);
    EXPECT_EQ(runs(7), 12U);
}

TEST_F(CampaignTest, is_worked_on_by_one_process_at_a_time) {
    const Descriptor text = descriptor(script_platform("one", prints_results()));
    const fs::path folder = new_folder(text, results_);
    Campaign(text, folder, watcher_).run();
    EXPECT_FALSE(fs::exists(folder / "running"));
    const std::string file = (results_ / "small.toml").string();
    std::ofstream(file) << script_experiment(script_platform("one", prints_results()));
    {
        const CampaignLock lock(folder);
        const test::Outcome other =
            test::run_ring3(fmt::format("run --resume --results {} {}", results_.string(), file));
        EXPECT_EQ(other.code, 4);
        EXPECT_THAT(other.said, HasSubstr(fmt::format("the process {} is at work", ::getpid())));
    }
    const test::Outcome status = test::run_ring3("status --json " + folder.string());
    EXPECT_THAT(status.shown, HasSubstr("\"state\": \"whole\""));
}

TEST_F(CampaignTest, is_seen_from_outside_while_it_runs) {
    const std::string slow = "sleep 0.3; " + prints_results();
    const std::string file = (results_ / "small.toml").string();
    std::ofstream(file) << script_experiment(script_platform("one", slow) +
                                             script_platform("two", "exit 3"));
    const std::string words = fmt::format("run --results {} {}", results_.string(), file);
    const pid_t child = ::fork();
    if (child == 0) {
        const test::Outcome outcome = test::run_ring3(words);
        ::_exit(outcome.code);
    }
    const fs::path latest = results_ / "small" / "latest";
    bool was_running = false, was_in_a_run = false;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        ::usleep(20'000);
        if (!fs::exists(latest / "plan.json")) continue;
        const CampaignStatus seen = status_of(latest);
        was_running |= seen.state == CampaignStatus::State::running && seen.sum().left > 0;
        was_in_a_run |= seen.now && seen.now->label == "one/spec-int-like/test";
    }
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_TRUE(was_running);
    EXPECT_TRUE(was_in_a_run);
    const CampaignStatus at_end = status_of(latest);
    EXPECT_EQ(at_end.state, CampaignStatus::State::whole);
    EXPECT_EQ(at_end.sum().ok, 2U);
    EXPECT_EQ(at_end.sum().failed, 2U);
    EXPECT_EQ(at_end.sum().left, 0U);
    EXPECT_THAT(at_end.cells.at(1).reason, HasSubstr("code 3"));
}

TEST_F(CampaignTest, that_was_stopped_has_runs_left) {
    const Descriptor text = descriptor(script_platform("one", prints_results()) +
                                       script_platform("two", prints_results()));
    const fs::path folder = new_folder(text, results_);
    watcher_.stop_after = 1;
    EXPECT_FALSE(Campaign(text, folder, watcher_).run());
    const CampaignStatus status = status_of(folder);
    EXPECT_EQ(status.state, CampaignStatus::State::stopped);
    EXPECT_EQ(status.sum().ok + status.sum().left, 4U);
    EXPECT_GE(status.seconds_left, 0);
    EXPECT_THROW(status_of(results_), ConfigError);
}

TEST_F(CampaignTest, cannot_verify_what_was_timed_by_a_wall_clock) {
    const Descriptor text = descriptor(script_platform("one", prints_results()));
    Campaign campaign(text, new_folder(text, results_), watcher_);
    campaign.run();
    EXPECT_THROW(verify(campaign.folder() / "run-0001.h5", watcher_), ConfigError);
    EXPECT_THROW(verify(campaign.folder() / "index.h5", watcher_), ConfigError);
}

}  // namespace
}  // namespace ring3::experiment
