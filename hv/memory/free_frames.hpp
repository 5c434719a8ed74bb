// SPDX-License-Identifier: MIT
// Which frames of a machine are free, by index. A domain has its frames from a run that is kept for
// it, lowest first: where they lie is then nobody's doing but its own, whatever others take and
// give back meanwhile. Runs are kept while there are other free frames, and no longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3 {

class FreeFrames {
public:
    explicit FreeFrames(std::uint64_t total);

    std::uint64_t count() const { return count_; }
    /// Empty: none is free at all.
    std::optional<std::uint64_t> take(DomainId owner);
    void give_back(std::uint64_t index);

    /// From now on others take none of the first `length` free frames in a row, before there are no
    /// others left. Does nothing where no such run is.
    void keep_run(DomainId owner, std::uint64_t length);
    void end_run(DomainId owner);

private:
    /// One bit for each frame from `begin` on, set = free.
    struct Bits {
        Bits(std::uint64_t begin, std::uint64_t length);
        bool has(std::uint64_t index) const;
        void set(std::uint64_t index);
        void clear(std::uint64_t index);
        std::optional<std::uint64_t> take_lowest();

        std::uint64_t begin, length;
        std::vector<std::uint64_t> words;
        /// No word before this one has a bit.
        std::size_t lowest = 0;
    };

    void merge(const Bits& run);

    std::uint64_t count_;
    /// Of all frames in no run.
    Bits rest_;
    /// By owner.
    std::map<DomainId, Bits> runs_;
};

}  // namespace ring3
