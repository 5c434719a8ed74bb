// SPDX-License-Identifier: MIT
// TranslatorCore: what it has done so far.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "hv/cpu/translate/translator_core.hpp"

namespace ring3 {

EngineProfile TranslatorCore::profile() const {
    EngineProfile profile;
    const auto count = [&](std::string name, std::uint64_t value) {
        profile.counts.push_back({std::move(name), value});
    };
    count("blocks translated", statistics_.translated);
    count("instructions translated", statistics_.instructions);
    count("blocks moved to another address", statistics_.moved);
    count("pages of code shared with other domains", statistics_.shared);
    count("pages of blocks taken over", statistics_.taken_over);
    count("blocks of stored translations", statistics_.stored);
    count("blocks dropped, their code written", statistics_.dropped);
    count("blocks held", blocks_.size());
    count("bytes of code cache used", cache_.used());
    count("code cache emptied", statistics_.emptied);
    count("page walks after TLB misses", statistics_.walks);
    count("address spaces given windows", statistics_.windows);
    count("windows given up", statistics_.windows_given_up);
    for (std::size_t i = 0; i < leave_causes.size(); ++i)
        count(std::string("exits: ") + leave_causes[i], statistics_.leaves[i]);
    for (const auto& [place, block] : block_counts_) profile.blocks.push_back(block);
    std::ranges::stable_sort(profile.blocks, std::greater{}, [](const EngineProfile::Block& block) {
        return block.entered * block.length;
    });
    return profile;
}

}  // namespace ring3
