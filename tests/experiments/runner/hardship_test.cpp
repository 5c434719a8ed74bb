// SPDX-License-Identifier: MIT
// `ring3 run` where something is missing, full, damaged or killed: what is finished stays, the
// message says what to do, and --resume goes on to the same report.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "experiments/runner/campaign_status.hpp"
#include "hv/base/random.hpp"
#include "tests/support/program.hpp"
#include "tests/support/script_experiment.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;
using test::Outcome;
using test::prints_value;
using test::run_ring3;
using test::script_experiment;
using test::script_platform;
using testing::HasSubstr;
using testing::Not;

class Hardship : public testing::Test {
protected:
    /// The words of `ring3 run` for this experiment.
    std::string words(const std::string& platforms, const std::string& more = "") const {
        return fmt::format("run --results {} {}", (folder_ / "results").string(),
                           folder_.written("small.toml", script_experiment(platforms, more)));
    }
    fs::path latest() const { return folder_ / "results" / "small" / "latest"; }
    CampaignStatus::OfCell sum() const { return status_of(latest()).sum(); }
    /// A folder for PATH with all that a report needs, and without some programs.
    std::string path_without(const std::vector<std::string>& missing) const {
        const fs::path programs = folder_ / "programs";
        fs::create_directory(programs);
        for (const char* place : {"/usr/bin", "/bin"})
            for (const auto& entry : fs::directory_iterator(place)) {
                const std::string name = entry.path().filename();
                const bool is_missing = std::ranges::find(missing, name) != missing.end();
                std::error_code ignored;
                if (!is_missing) fs::create_symlink(entry.path(), programs / name, ignored);
            }
        return "env PATH=" + programs.string();
    }

    test::ScratchFolder folder_;
};

TEST_F(Hardship, without_uml_and_qemu_the_others_run_and_it_is_told_what_to_install) {
    const std::string experiment =
        words(script_platform("one", prints_value(5)) + "[platforms.uml]\n[platforms.qemu-tcg]\n");
    const Outcome outcome =
        run_ring3(experiment, "", path_without({"linux.uml", "qemu-system-x86_64"}));
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_THAT(outcome.said, HasSubstr("uml is skipped: needs the package user-mode-linux"));
    EXPECT_THAT(outcome.said, HasSubstr("qemu-tcg is skipped: needs the package qemu-system-x86"));
    EXPECT_EQ(sum().ok, 2U);
    EXPECT_EQ(sum().skipped, 2U);
    EXPECT_THAT(test::content_of(latest() / "report" / "REPORT.md"), HasSubstr("skipped"));
}

TEST_F(Hardship, without_gnuplot_all_runs_are_kept_for_a_later_report) {
    const std::string experiment = words(script_platform("one", prints_value(5)));
    const Outcome outcome = run_ring3(experiment, "", path_without({"gnuplot", "gnuplot-nox"}));
    EXPECT_EQ(outcome.code, 4);
    EXPECT_THAT(outcome.said, HasSubstr("apt install gnuplot-nox"));
    EXPECT_EQ(sum().ok, 2U);
    EXPECT_EQ(run_ring3("report " + latest().string()).code, 0);
}

TEST_F(Hardship, a_wrong_output_is_a_failure_with_a_code_of_its_own_and_ends_nothing) {
    const Outcome outcome =
        run_ring3(words(script_platform("bad", test::prints_results("output=wrong hash=00")) +
                        script_platform("good", prints_value(5))));
    EXPECT_EQ(outcome.code, 5) << outcome.text;
    EXPECT_THAT(outcome.said, HasSubstr("wrong output of gzip"));
    EXPECT_EQ(sum().ok, 2U);
    EXPECT_EQ(sum().failed, 2U);
}

/// A guest whose second run prints more than a file may hold.
std::string grows(const fs::path& counter) {
    return fmt::format(
        "n=$(cat {0} 2>/dev/null || echo 0); echo $((n + 1)) >{0}; "
        "if test $n -eq 1; then seq 20000; fi; {1}",
        counter.string(), prints_value(5));
}

TEST_F(Hardship, a_file_that_may_not_grow_ends_a_campaign_that_can_be_resumed) {
    const std::string experiment = words(script_platform("one", grows(folder_ / "n")));
    const Outcome limited =
        run_ring3(experiment, "", "bash -c 'ulimit -f 200; exec \"$0\" \"$@\"'");
    EXPECT_EQ(limited.code, 4) << limited.text;
    EXPECT_THAT(limited.said, HasSubstr("run-0002.spool: File too large"));
    EXPECT_EQ(sum().ok, 1U);
    EXPECT_EQ(status_of(latest()).state, CampaignStatus::State::stopped);

    const Outcome rest = run_ring3(experiment + " --resume");
    EXPECT_EQ(rest.code, 0) << rest.text;
    EXPECT_EQ(sum().ok, 2U);
    EXPECT_FALSE(fs::exists(latest() / "run-0002.spool"));
}

TEST_F(Hardship, a_full_disk_ends_a_campaign_that_can_be_resumed) {
    const fs::path disk = folder_ / "results";
    fs::create_directory(disk);
    const std::string script =
        folder_.written("full.sh", fmt::format("mount -t tmpfs -o size=200k tmpfs {0} || exit 99\n"
                                               "\"$@\"\necho \"code $?\"\n"
                                               "mount -o remount,size=20m {0}\n"
                                               "\"$@\" --resume\necho \"code $?\"\n"
                                               "ls {0}/small/latest\n",
                                               disk.string()));
    const Outcome outcome = run_ring3(words(script_platform("one", grows(folder_ / "n"))), "",
                                      "unshare -Urm sh " + script);
    if (outcome.code == 99 || outcome.text.find("unshare: ") != std::string::npos)
        GTEST_SKIP() << "no file system of its own is allowed here: " << outcome.said;
    EXPECT_THAT(outcome.said, HasSubstr("No space left on device"));
    EXPECT_THAT(outcome.shown, HasSubstr("code 4\n"));
    EXPECT_THAT(outcome.shown, HasSubstr("code 0\n"));
    EXPECT_THAT(outcome.shown, HasSubstr("run-0002.h5"));
    EXPECT_THAT(outcome.shown, Not(HasSubstr("spool")));
    EXPECT_THAT(outcome.shown, Not(HasSubstr("unfinished")));
}

TEST_F(Hardship, a_folder_of_another_version_is_not_resumed) {
    const std::string experiment = words(script_platform("one", prints_value(5)));
    ASSERT_EQ(run_ring3(experiment).code, 0);
    std::string plan = test::content_of(latest() / "plan.json");
    plan = std::regex_replace(plan, std::regex("\"ring3\": 1"), "\"ring3\": 7");
    std::ofstream(latest() / "plan.json") << plan;
    const Outcome outcome = run_ring3(experiment + " --resume");
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.said, HasSubstr("another version of ring3 (its folders have version 7"));
    EXPECT_EQ(sum().ok, 2U);
    // Nor is what is no campaign at all.
    std::ofstream(latest() / "plan.json") << "{\"order\": 3";
    EXPECT_EQ(run_ring3(experiment + " --resume").code, 2);
}

TEST_F(Hardship, a_cut_file_is_told_by_a_report_and_repeated_by_a_resume) {
    const std::string experiment = words(script_platform("one", prints_value(5)));
    ASSERT_EQ(run_ring3(experiment).code, 0);
    const fs::path file = latest() / "run-0001.h5";
    fs::resize_file(file, fs::file_size(file) / 2);
    const Outcome report = run_ring3("report " + latest().string());
    EXPECT_EQ(report.code, 2);
    EXPECT_THAT(report.said, HasSubstr("run-0001.h5"));
    EXPECT_THAT(report.said, HasSubstr("cut off before its end"));

    const Outcome rest = run_ring3(experiment + " --resume");
    EXPECT_EQ(rest.code, 0) << rest.text;
    EXPECT_THAT(rest.said, HasSubstr("the run is repeated"));
    EXPECT_EQ(sum().ok, 2U);
    EXPECT_EQ(run_ring3("report " + latest().string()).code, 0);
}

/// What a report says of the measurements. The rest tells of the host and of the order of runs.
std::string measurements(const fs::path& campaign) {
    const std::string text = test::content_of(campaign / "report" / "REPORT.md");
    const std::size_t begin = text.find("## Scores"), end = text.find("## Spread");
    EXPECT_NE(begin, std::string::npos);
    EXPECT_NE(end, std::string::npos);
    const std::string part = text.substr(begin, end - begin);
    return std::regex_replace(part, std::regex(", [0-9]+ noisy"), "");
}

TEST_F(Hardship, a_kill_at_any_moment_and_a_resume_give_the_report_of_an_undisturbed_campaign) {
    const std::string platforms = script_platform("one", "sleep 0.03; " + prints_value(5)) +
                                  script_platform("two", "sleep 0.03; " + prints_value(8)) +
                                  script_platform("three", "sleep 0.03; exit 3");
    const std::string claim =
        "[[claims]]\nname = 'faster'\nplatform = 'two'\nthan = 'one'\nat_least = 0.5\n";
    const std::string experiment =
        fmt::format("run --results {} {}", (folder_ / "results").string(),
                    folder_.written("small.toml", script_experiment(platforms) + claim));
    ASSERT_EQ(run_ring3(experiment).code, 0);
    const std::string undisturbed = measurements(latest());
    EXPECT_THAT(undisturbed, HasSubstr("## Claims"));

    const char* const given = std::getenv("RING3_TEST_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 2003;
    RecordProperty("seed", std::to_string(seed));
    Random random(seed);
    // Waits until the campaign is at work, then so many seconds; gone is gone when it returns.
    const std::string killer = folder_.written(
        "kill.sh", fmt::format("after=$1; shift; \"$@\" & work=$!\n"
                               "while ! [ -e {}/running ] && kill -0 $work; do sleep 0.01; done\n"
                               "sleep $after; kill -KILL $work; wait $work\n",
                               latest().string()));
    unsigned killed_inside = 0;
    for (int round = 0; round < 6; ++round) {
        fs::remove_all(folder_ / "results");
        std::string next = experiment;
        // Killed again and again, until there is a folder and it has come to its end.
        for (int kill = 0; kill < 3; ++kill) {
            const double after_s = 0.001 * static_cast<double>(random.below(400));
            run_ring3(next, "", fmt::format("bash {} {:.3f}", killer, after_s));
            if (!fs::exists(latest() / "plan.json")) continue;
            killed_inside += status_of(latest()).state == CampaignStatus::State::killed;
            next = experiment + " --resume";
        }
        const Outcome rest = run_ring3(next);
        ASSERT_EQ(rest.code, 0) << "seed " << seed << ", round " << round << ": " << rest.text;
        EXPECT_EQ(measurements(latest()), undisturbed) << "seed " << seed << ", round " << round;
        EXPECT_EQ(status_of(latest()).state, CampaignStatus::State::whole);
        // No run that was finished was made a second time.
        std::map<std::pair<unsigned, unsigned>, unsigned> ended;
        for (const LoggedRun& run : CampaignLog(latest() / "log.ndjson").runs())
            ended[{run.run.cell, run.run.repetition}] +=
                run.run.status != record::Status::interrupted;
        EXPECT_EQ(ended.size(), 6U);
        for (const auto& [place, count] : ended) EXPECT_EQ(count, 1U) << "seed " << seed;
        for (const auto& entry : fs::directory_iterator(latest()))
            EXPECT_THAT(entry.path().string(), Not(HasSubstr("spool")));
    }
    EXPECT_GT(killed_inside, 0U) << "no kill came while a campaign ran";
}

}  // namespace
}  // namespace ring3::experiment
