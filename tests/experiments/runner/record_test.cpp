// SPDX-License-Identifier: MIT
// From a guest's lines to values, and from a spool to a file.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fmt/format.h>

#include "experiments/runner/record/hdf5_file.hpp"
#include "experiments/runner/record/run_record.hpp"
#include "experiments/runner/record/spool.hpp"
#include "hv/base/errors.hpp"
#include "hv/trace/file.hpp"
#include "tests/support/shell.hpp"

namespace ring3::record {
namespace {

namespace fs = std::filesystem;
using test::output_of;
using testing::ElementsAre;
using testing::HasSubstr;

class Record : public testing::Test {
protected:
    Record() : folder_(fs::temp_directory_path() / fmt::format("record_test-{}", ::getpid())) {
        fs::create_directories(folder_);
    }
    ~Record() override { fs::remove_all(folder_); }

    fs::path file(const std::string& name) const { return folder_ / name; }
    static std::string bytes(const fs::path& path) {
        std::ifstream stream(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

private:
    fs::path folder_;
};

constexpr std::int64_t second = 1'000'000'000;

RunRecord two_iterations() {
    RunRecord run;
    run.cell = 3;
    run.platform = run.platform_kind = "ring3";
    run.workload = "w";
    run.size = "test";
    run.clock = "virtual";
    run.descriptor = "[experiment]\n";
    run.settings = {"a.b=1"};
    run.planned[""] = {{"p"}, 2, {}};
    run.status = Status::ok;
    run.console = {{0, "", "workloads: begin"},
                   {1 * second, "", "start w p test"},
                   {3 * second, "", "end w p test"},
                   {3 * second, "", "result w p test seconds=1.900000 output=ok"},
                   {4 * second, "", "start w p test"},
                   {5 * second, "", "end w p test"},
                   {5 * second, "", "result w p test seconds=0.990000 output=ok"},
                   {6 * second, "", "workloads: end 0"}};
    return run;
}

/// One domain with one vCPU and one ring.
MachineSample sample_at(std::int64_t seconds) {
    MachineSample sample{Time{std::chrono::seconds(seconds)}, {}};
    DomainSample& domain = sample.domains.emplace_back();
    domain.name = "a";
    domain.memory = Frames{100};
    domain.target = Frames{90};
    domain.run_states.push_back({Duration{1}, Duration{2}, Duration{3}, Duration{4}});
    domain.rings.push_back({"vbd-51712", {"q0", 7, 5, 32}});
    return sample;
}

TEST_F(Record, takes_times_from_outside_and_keeps_the_guests) {
    const auto values = values_of(two_iterations());
    ASSERT_EQ(values.size(), 2U);
    EXPECT_DOUBLE_EQ(values[0].value, 2);
    EXPECT_DOUBLE_EQ(values[0].guest_value, 1.9);
    EXPECT_EQ(values[0].warm, 0);
    EXPECT_EQ(values[1].warm, 1);
    EXPECT_EQ(values[1].iteration, 1U);
    EXPECT_EQ(values[1].metric.view(), "time");
}

TEST_F(Record, counts_the_rounds_of_what_was_in_the_background) {
    RunRecord run = two_iterations();
    run.planned["bad"] = {{"q"}, 2, {}};
    run.background = {"bad"};
    for (const char* output : {"ok", "ok", "failed", "ok"})
        run.console.push_back({second, "bad", fmt::format("result w q test output={}", output)});
    run.console.push_back({second, "nobody", "result w p test output=wrong hash=00"});
    const auto values = values_of(run);
    ASSERT_EQ(values.size(), 3U);
    EXPECT_EQ(values[2].domain.view(), "bad");
    EXPECT_EQ(values[2].metric.view(), "rounds");
    EXPECT_EQ(values[2].better, Better::higher);
    EXPECT_DOUBLE_EQ(values[2].value, 3);
    judge(run, values);
    EXPECT_EQ(run.status, Status::ok) << "nobody waits for it: " << run.reason;
    run.background.clear();
    judge(run, values_of(run));
    EXPECT_EQ(run.status, Status::failed);
}

TEST_F(Record, gives_no_time_to_a_wrong_output) {
    RunRecord run = two_iterations();
    run.console[6].text = "result w p test output=wrong hash=00";
    const auto values = values_of(run);
    EXPECT_TRUE(std::isnan(values[1].value));
    EXPECT_EQ(values[1].ok, 0);
    judge(run, values);
    EXPECT_EQ(run.status, Status::failed);
    EXPECT_THAT(run.reason, HasSubstr("wrong output of p"));
}

TEST_F(Record, is_no_result_when_a_program_is_missing) {
    RunRecord run = two_iterations();
    run.console.resize(4);
    judge(run, values_of(run));
    EXPECT_EQ(run.status, Status::dnr);
    EXPECT_THAT(run.reason, HasSubstr("without a result of p"));
}

TEST_F(Record, takes_what_a_program_measures_itself) {
    RunRecord run = two_iterations();
    run.higher_is_better = {"p"};
    run.console = {{0, "", "value w p test throughput MB/s 12.5"},
                   {0, "", "result w p test output=ok"}};
    const auto values = values_of(run);
    ASSERT_EQ(values.size(), 1U);
    EXPECT_EQ(values[0].metric.view(), "throughput");
    EXPECT_EQ(values[0].unit.view(), "MB/s");
    EXPECT_EQ(values[0].better, Better::higher);
    EXPECT_DOUBLE_EQ(values[0].value, 12.5);
}

TEST_F(Record, keeps_domains_apart) {
    RunRecord run = two_iterations();
    run.planned = {{"a", {{"p"}, 1, {}}}, {"b", {{"p"}, 1, {}}}};
    run.console = {{0, "a", "start w p test"},
                   {1 * second, "b", "start w p test"},
                   {2 * second, "a", "end w p test"},
                   {2 * second, "a", "result w p test seconds=2.0 output=ok"}};
    const auto values = values_of(run);
    ASSERT_EQ(values.size(), 1U);
    EXPECT_EQ(values[0].domain.view(), "a");
    EXPECT_DOUBLE_EQ(values[0].value, 2);
    judge(run, values);
    EXPECT_EQ(run.status, Status::dnr);
}

/// Two domains on one pCPU, of which the first has three turns of four; the second one sleeps once.
trace::Record at_ms(std::uint64_t ms, std::uint16_t domain, trace::Event event) {
    return {ms * 1'000'000, 0, domain, 0, event, {}};
}

TEST_F(Record, tells_who_had_the_cpus_while_all_were_at_work) {
    RunRecord run = two_iterations();
    run.facts["domains"] = "a,b";
    run.background = {"b"};
    run.console = {{50'000'000, "b", "start w p test"},
                   {100'000'000, "a", "start w p test"},
                   {120'000'000, "b", "end w p test"},
                   {500'000'000, "a", "end w p test"}};
    run.trace = file("trace");
    trace::FileWriter writer(run.trace, trace::parse_classes("sched"), true);
    std::vector<trace::Record> records;
    using trace::Event;
    for (const auto& [ms, domain, event] : {std::tuple{0, 2, Event::run},
                                            {200, 2, Event::stop},
                                            {200, 1, Event::run},
                                            {300, 2, Event::wake},
                                            {400, 1, Event::stop},
                                            {420, 2, Event::run},
                                            {450, 2, Event::stop},
                                            {450, 1, Event::run},
                                            {600, 1, Event::stop}})
        records.push_back(
            at_ms(static_cast<std::uint64_t>(ms), static_cast<std::uint16_t>(domain), event));
    for (trace::Record& record : records)
        if (record.event == Event::stop) record.arguments[2] = 1'000'000;  // retired
    writer.take(records);
    writer.finish();
    std::map<std::string, double> told;
    for (const Value& value : schedule_values(run))
        told[fmt::format("{} {}", value.domain.view(), value.metric.view())] = value.value;
    EXPECT_DOUBLE_EQ(told.at(" window"), 0.4) << "b goes on in the background";
    EXPECT_DOUBLE_EQ(told.at("a cpus"), 0.25 / 0.4);
    EXPECT_DOUBLE_EQ(told.at("b cpus"), 0.13 / 0.4);
    EXPECT_DOUBLE_EQ(told.at("b wait_mean"), 120'000);
    EXPECT_DOUBLE_EQ(told.at(" mips"), (0.5 + 1 + 1 + 1 / 3.0) / 0.4);
    EXPECT_FALSE(told.contains("a wait_mean"));
    run.trace.clear();
    EXPECT_TRUE(schedule_values(run).empty());
}

TEST_F(Record, comes_out_of_its_spool_as_it_went_in) {
    RunRecord run = two_iterations();
    run.console[0].text = "not UTF-8: \xff, and \"quotes\"";
    run.facts = {{"digest", "abc"}, {"instructions", "123"}};
    run.software = {{"kernel", "k"}, {"image", "i"}};
    run.planned[""].steady = {4, 0.5, 0.25};
    {
        Spool spool(file("spool"));
        spool.append(block_of_begin(run));
        spool.append(block_of_sample(sample_at(3)));
        for (const ConsoleLine& line : run.console) spool.append(block_of_line(line));
        spool.append(block_of_end(run));
    }
    const RunRecord again = record_from(file("spool"));
    EXPECT_EQ(again.status, Status::ok);
    EXPECT_EQ(again.settings, run.settings);
    ASSERT_TRUE(again.planned.contains(""));
    EXPECT_EQ(again.planned.at("").programs, run.planned[""].programs);
    EXPECT_EQ(again.planned.at("").iterations, 2U);
    EXPECT_EQ(again.planned.at("").steady.window, 4U);
    EXPECT_EQ(again.planned.at("").steady.drift, 0.25);
    EXPECT_EQ(again.software, run.software);
    ASSERT_EQ(again.samples.size(), 1U);
    const DomainSample& domain = again.samples[0].domains.at(0);
    EXPECT_EQ(again.samples[0].at, Time{std::chrono::seconds(3)});
    EXPECT_EQ(domain.memory, Frames{100});
    EXPECT_EQ(domain.run_states.at(0)[3], Duration{4});
    EXPECT_EQ(domain.rings.at(0).depth.in_flight, 5U);
    EXPECT_EQ(again.facts, run.facts);
    ASSERT_EQ(again.console.size(), run.console.size());
    EXPECT_EQ(again.console[1].text, run.console[1].text);
}

TEST_F(Record, has_its_series_in_three_tables) {
    RunRecord run = two_iterations();
    run.samples = {sample_at(1), sample_at(2)};
    write_run_file(file("run.h5"), run);
    const std::string command = fmt::format(
        "/usr/bin/python3 -c \"import h5py; s = h5py.File('{}')['/series']; "
        "print(s['memory'][1]); print(s['runstates'][0]); print(s['rings'][1], len(s['rings']))\"",
        file("run.h5").string());
    EXPECT_EQ(output_of(command),
              "(2000000000, b'a', 100, 90)\n(1000000000, b'a', 0, 1, 2, 3, 4)\n"
              "(2000000000, b'a', b'vbd-51712', b'q0', 7, 5, 32) 2\n");
}

TEST_F(Record, of_a_spool_of_another_version_is_no_run) {
    {
        Spool spool(file("spool"));
        spool.append(R"({"cell": 1, "novelty": true})");
        spool.append(block_of_end(two_iterations()));
    }
    EXPECT_EQ(record_from(file("spool")).status, Status::interrupted);
}

TEST_F(Record, of_a_cut_spool_is_what_is_left_of_it) {
    RunRecord run = two_iterations();
    {
        Spool spool(file("spool"));
        spool.append(block_of_begin(run));
        for (const ConsoleLine& line : run.console) spool.append(block_of_line(line));
        spool.append(block_of_end(run));
    }
    const std::string whole = bytes(file("spool"));
    std::size_t most = 0;
    for (std::size_t size = 0; size < whole.size(); size += 7) {
        std::ofstream(file("cut"), std::ios::binary) << whole.substr(0, size);
        const RunRecord cut = record_from(file("cut"));
        EXPECT_EQ(cut.status, Status::interrupted);
        EXPECT_GE(cut.console.size(), most);
        most = cut.console.size();
    }
    EXPECT_EQ(most, run.console.size());
    // A damaged block ends it as well.
    std::string damaged = whole;
    damaged[damaged.size() / 2] ^= 1;
    std::ofstream(file("cut"), std::ios::binary) << damaged;
    EXPECT_LT(record_from(file("cut")).console.size(), run.console.size());
}

TEST_F(Record, is_written_to_the_same_bytes_each_time) {
    const RunRecord run = two_iterations();
    write_run_file(file("one.h5"), run);
    write_run_file(file("two.h5"), run);
    EXPECT_EQ(bytes(file("one.h5")), bytes(file("two.h5")));
    EXPECT_FALSE(fs::exists(file("one.h5.unfinished")));
}

TEST_F(Record, tells_what_is_needed_to_run_it_again) {
    write_run_file(file("run.h5"), two_iterations());
    const RecordedRun run = read_run_file(file("run.h5"));
    EXPECT_EQ(run.descriptor, "[experiment]\n");
    EXPECT_EQ(run.cell, 3U);
    EXPECT_EQ(run.clock, "virtual");
    EXPECT_THAT(run.settings, ElementsAre("a.b=1"));
    EXPECT_THAT(run.console, HasSubstr("start w p test"));
}

TEST_F(Record, that_is_cut_or_foreign_is_refused_with_its_name) {
    write_run_file(file("run.h5"), two_iterations());
    const std::string whole = bytes(file("run.h5"));
    for (std::size_t size :
         {std::size_t{0}, std::size_t{100}, whole.size() / 2, whole.size() - 8}) {
        std::ofstream(file("cut.h5"), std::ios::binary) << whole.substr(0, size);
        try {
            read_run_file(file("cut.h5"));
            FAIL() << size;
        } catch (const ConfigError& error) {
            EXPECT_THAT(error.what(), HasSubstr("cut.h5"));
        }
    }
}

TEST_F(Record, is_read_by_others) {
    write_run_file(file("run.h5"), two_iterations());
    const std::string command = fmt::format(
        "/usr/bin/python3 -c \"import h5py; v = h5py.File('{}')['/result/values'][:]; "
        "print(v['program'][1].decode(), v['value'][0], v['ok'][0], len(v))\" && "
        "h5dump -d /result/values '{}' | grep -c '\\\"p\\\"'",
        file("run.h5").string(), file("run.h5").string());
    EXPECT_THAT(output_of(command), HasSubstr("p 2.0 True 2\n2"));
}

TEST_F(Record, needs_room_on_the_disk) {
    EXPECT_THROW(write_run_file("/dev/full/run.h5", two_iterations()), EnvironmentError);
}

}  // namespace
}  // namespace ring3::record
