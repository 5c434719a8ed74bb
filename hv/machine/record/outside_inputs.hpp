// SPDX-License-Identifier: MIT
// Everything that comes into a machine from outside goes through here: what is typed at a console,
// frames from the host's network. In an open world it is handed on at once. A recorded world stamps
// each input with a virtual time shortly ahead and hands it on exactly then; a replayed one hands
// on what the record says, and takes nothing else. So both go the same way, bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/io/outside_input.hpp"
#include "hv/machine/record/record_file.hpp"

namespace ring3 {

class OutsideInputs final {
public:
    enum class Mode : std::uint8_t {
        open,      ///< an open world: at once
        closed,    ///< a closed world: nothing comes in
        recorded,  ///< a closed world with a record of what came in
        replayed,  ///< the same again
    };
    using Take = OutsideInput::Take;

    /// Somebody inside who takes inputs, while this object lives.
    class Source final : public OutsideInput {
    public:
        Source(OutsideInputs& inputs, std::string name, Take take);
        ~Source() override;
        Source(const Source&) = delete;
        Source& operator=(const Source&) = delete;

        std::size_t offer(std::span<const std::byte> bytes) override;

    private:
        friend class OutsideInputs;
        OutsideInputs& inputs_;
        const std::string name_;
        Take take_;
        /// Recorded world: offered, and not yet taken.
        std::vector<std::byte> waiting_;
    };

    /// `now` tells the machine's time.
    OutsideInputs(Mode mode, std::function<Time()> now) : mode_(mode), now_(std::move(now)) {}
    void write_to(std::unique_ptr<RecordWriter> record) { writer_ = std::move(record); }
    /// Throws ConfigError for a record that cannot be read.
    void read_from(RecordReader record);

    Mode mode() const { return mode_; }
    /// Inputs may come at any time from the host.
    bool accepts() const { return mode_ == Mode::open || mode_ == Mode::recorded; }
    /// When something is to be handed on, or the recorded run ended; `never` when nothing is.
    Time next() const;
    void deliver_due(Time now);

    /// The run is to end: a recorded one at a time that its replay can find.
    void ask_for_end();
    bool is_at_end(Time now) const { return end_ && *end_ <= now; }

private:
    void deliver(Source& source, Time now);
    void replay(const RecordedInput& input);

    const Mode mode_;
    const std::function<Time()> now_;
    std::map<std::string, Source*> sources_;
    /// When each source that has something waiting is to get it; in that order, then by name.
    std::map<std::pair<Time, std::string>, Source*> due_;
    std::unique_ptr<RecordWriter> writer_;
    std::deque<RecordedInput> to_replay_;
    std::optional<Time> end_;
};

}  // namespace ring3
