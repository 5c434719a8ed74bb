// SPDX-License-Identifier: MIT
#include "hv/memory/page_run.hpp"

#include <algorithm>

#include "hv/memory/page_entry.hpp"

namespace ring3 {

using namespace entry_bits;

PageRun run_around(FrameTable& frames, Mfn root, Vaddr page, const WalkResult& found,
                   DomainId domain, std::uint64_t reach) {
    const bool store = found.writable && !frames.at(found.mfn).has_code;
    PageRun run{page, found.host, 1, store};
    const auto own = find_l1_entry(frames, root, page, domain);
    if (!own) return run;
    const auto* const table = reinterpret_cast<const std::uint64_t*>(frames.at(mfn_of(*own)).host);
    const std::uint64_t index = entry_index(page, 1);

    const auto is_like = [&](std::uint64_t i) {
        const std::uint64_t entry = table[i];
        constexpr std::uint64_t used = present | accessed;
        if ((entry & used) != used || entry_mfn(entry) != found.mfn + (i - index)) return false;
        const Frame* const frame = frames.find(entry_mfn(entry));
        if (frame == nullptr || !frame->allocated || frame->owner != domain) return false;
        const bool may_write = (entry & writable) != 0;
        if (may_write && frame->type != PageType::writable) return false;
        return store == (may_write && (entry & dirty) != 0 && !frame->has_code);
    };
    std::uint64_t first = index, last = index;
    while (first > index - std::min(index, reach) && is_like(first - 1)) --first;
    while (last < std::min<std::uint64_t>(index + reach, entries_per_table - 1) &&
           is_like(last + 1))
        ++last;
    run.first = Vaddr{page.raw - (index - first) * page_size};
    run.host = found.host - (index - first) * page_size;
    run.pages = last - first + 1;
    return run;
}

}  // namespace ring3
