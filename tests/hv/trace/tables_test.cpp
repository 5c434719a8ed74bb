// SPDX-License-Identifier: MIT
#include "hv/trace/tables.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/hv/trace/sample.hpp"

namespace ring3::trace {
namespace {

using ::testing::HasSubstr;

std::string printed(void (*print)(std::ostream&, const File&), const File& file = sample()) {
    std::ostringstream out;
    print(out, file);
    return out.str();
}

TEST(TraceTables, summarise_each_vcpu) {
    const std::string text = printed(print_summary);
    EXPECT_THAT(text, HasSubstr("16 events"));
    EXPECT_THAT(text, HasSubstr("pCPU 0: busy 0.000 ms, 50.00%"));
    EXPECT_THAT(text, HasSubstr("pCPU 1: busy 0.000 ms, 40.00%"));
    EXPECT_THAT(text, HasSubstr("\nd1v0\n"));
    EXPECT_THAT(text, HasSubstr("wake to run, us: median 0.010"));
    EXPECT_THAT(text, HasSubstr("           1  sched_op\n"));
}

TEST(TraceTables, list_who_had_a_pcpu_and_why_it_lost_it) {
    const std::string text = printed(print_intervals);
    EXPECT_THAT(text, HasSubstr("20               60     1  d2v0                 40             40"
                                "  slice_spent\n"));
    EXPECT_THAT(text, HasSubstr("end of the trace"));
}

TEST(TraceTables, list_stays_in_run_states) {
    EXPECT_THAT(
        printed(print_run_states),
        HasSubstr("d1v0     blocked                  30               60             30\n"));
}

TEST(TraceTables, write_each_record_as_a_line_of_csv) {
    const std::string text = printed(print_csv);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 17);
    EXPECT_THAT(text, HasSubstr("\n25,0,1,0,hypercall,hypercall,29,0,1,"
                                "number=sched_op result=0 first_argument=0x1\n"));
    EXPECT_THAT(text, HasSubstr("\n100,0,1,65535,sched,domain_end,3,0,0,reason=crash\n"));
}

TEST(TraceTables, show_events_of_a_later_version_as_unknown) {
    File file;
    file.records = {{1, 0, 1, 0, Event{0x0fff}, {}}};
    EXPECT_THAT(printed(print_csv, file), HasSubstr("\n1,0,1,0,unknown,unknown,0,0,0,\n"));
}

TEST(TraceTables, export_what_a_trace_viewer_reads) {
    const auto document = nlohmann::json::parse(printed(print_perfetto));
    std::size_t intervals = 0, moments = 0;
    for (const auto& event : document["traceEvents"]) {
        intervals += event["ph"] == "X" ? 1 : 0;
        moments += event["ph"] == "i" ? 1 : 0;
    }
    EXPECT_EQ(intervals, 3u + 5u) << "three slices, five stays";
    EXPECT_EQ(moments, 5u) << "two wakes, a hypercall, a read, the end";
    EXPECT_EQ(document["traceEvents"].back()["ts"].dump(), "0.1");
}

TEST(TraceTables, list_the_schema_itself) {
    std::ostringstream out;
    print_schema(out);
    for (const EventInfo& info : events())
        EXPECT_THAT(out.str(), HasSubstr(std::string(info.name)));
}

}  // namespace
}  // namespace ring3::trace
