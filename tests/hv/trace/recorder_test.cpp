// SPDX-License-Identifier: MIT
#include "hv/trace/recorder.hpp"

#include <gtest/gtest.h>

namespace ring3::trace {
namespace {

struct Kept final : Sink {
    void take(std::span<const Record> more) override {
        batches.push_back(more.size());
        records.insert(records.end(), more.begin(), more.end());
    }
    std::vector<Record> records;
    std::vector<std::size_t> batches;
};

class RecorderTest : public ::testing::Test {
protected:
    Kept sink;
    int asked = 0;
    Time now{Duration{7}};
    Recorder recorder{[this] {
        ++asked;
        return now;
    }};
};

TEST_F(RecorderTest, records_nothing_and_asks_for_no_time_until_it_is_started) {
    recorder.note(Event::wake, DomainId{1}, VcpuId{0});
    recorder.flush();
    EXPECT_EQ(asked, 0);
}

TEST_F(RecorderTest, records_what_was_told_with_time_and_pcpu) {
    recorder.start(sink, all_classes());
    recorder.set_pcpu(PcpuId{2});
    recorder.note(Event::runstate, DomainId{3}, VcpuId{1}, 4, 5, 6);
    recorder.note(Event::send, DomainId{3}, 8);
    recorder.flush();
    EXPECT_EQ(sink.records, (std::vector<Record>{{7, 2, 3, 1, Event::runstate, {4, 5, 6}},
                                                 {7, 2, 3, no_vcpu, Event::send, {8, 0, 0}}}));
}

TEST_F(RecorderTest, leaves_out_classes_that_are_not_asked_for) {
    recorder.start(sink, parse_classes("ring"));
    EXPECT_TRUE(recorder.wants(Class::ring));
    EXPECT_FALSE(recorder.wants(Class::sched));
    recorder.note(Event::wake, DomainId{1}, VcpuId{0});
    recorder.note(Event::block_flush, DomainId{1}, 1);
    recorder.flush();
    ASSERT_EQ(sink.records.size(), 1u);
    EXPECT_EQ(sink.records[0].event, Event::block_flush);
    EXPECT_EQ(asked, 1);
}

TEST_F(RecorderTest, hands_over_in_batches_of_one_pcpu) {
    recorder.start(sink, all_classes());
    for (std::uint64_t i = 0; i < Recorder::records_per_batch + 1; ++i) {
        recorder.set_pcpu(PcpuId{static_cast<std::uint32_t>(i % 2)});
        recorder.note(Event::send, DomainId{1}, i);
    }
    EXPECT_TRUE(sink.batches.empty());
    recorder.flush();
    EXPECT_EQ(sink.batches, (std::vector<std::size_t>{Recorder::records_per_batch / 2 + 1,
                                                      Recorder::records_per_batch / 2}));
    for (std::uint64_t i = 0; i < Recorder::records_per_batch; ++i)
        recorder.note(Event::send, DomainId{1}, i);
    EXPECT_EQ(sink.batches.size(), 3u) << "a full buffer is handed over at once";
}

TEST_F(RecorderTest, forgets_its_sink_when_it_is_stopped) {
    recorder.start(sink, all_classes());
    recorder.note(Event::wake, DomainId{1}, VcpuId{0});
    recorder.stop();
    EXPECT_EQ(sink.records.size(), 1u);
    recorder.note(Event::wake, DomainId{1}, VcpuId{0});
    recorder.flush();
    EXPECT_EQ(sink.records.size(), 1u);
}

}  // namespace
}  // namespace ring3::trace
