// SPDX-License-Identifier: MIT
// What a TLB fill costs: walks over as many pages as named, in an order that a prefetcher cannot
// see; and what a change of one entry costs.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "hv/memory/page_entry.hpp"
#include "hv/memory/page_tables.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {
namespace {

using namespace entry_bits;

constexpr DomainId domain{1};

/// One root that maps `pages` frames from va 0 on.
class Mapped {
public:
    explicit Mapped(std::uint64_t pages)
        : frames_(Frames{pages + pages / entries_per_table + 8}), tables_(frames_) {
        root = *frames_.allocate(domain);
        const Mfn l3 = below(root, 0), l2 = below(l3, 0);
        for (std::uint64_t page = 0; page < pages; ++page) {
            if (page % entries_per_table == 0) l1s.push_back(below(l2, page / entries_per_table));
            below(l1s.back(), page % entries_per_table);
        }
        HV_CHECK(tables_.pin(domain, root, 4) == 0, "the bench's tables are good");
    }

    FrameTable frames_;
    PageTables tables_;
    Mfn root;
    std::vector<Mfn> l1s;

private:
    Mfn below(Mfn table, std::uint64_t index) {
        const Mfn mfn = *frames_.allocate(domain);
        const std::uint64_t entry = mfn.raw << page_shift | present | writable | user;
        frames_.write(table, index * 8, std::as_bytes(std::span{&entry, 1}));
        return mfn;
    }
};

void walk_random_pages(benchmark::State& state) {
    const auto pages = static_cast<std::uint64_t>(state.range(0));
    Mapped guest(pages);
    std::mt19937_64 random(1);
    std::vector<Vaddr> order(4096);
    for (Vaddr& va : order) va = {random() % pages << page_shift};
    std::size_t next = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(walk(guest.frames_, guest.root, order[next++ % order.size()],
                                      Access::read, domain, true));
    }
}
BENCHMARK(walk_random_pages)->Arg(8)->Arg(512)->Arg(65536);

void update_one_entry(benchmark::State& state) {
    Mapped guest(512);
    const Maddr entry = maddr_of(guest.l1s[0]);
    const std::uint64_t value = guest.l1s[0].raw << page_shift | present;
    for (auto _ : state) {
        benchmark::DoNotOptimize(guest.tables_.update(domain, entry, value, EntryUpdate::normal));
        benchmark::DoNotOptimize(guest.tables_.update(domain, entry, 0, EntryUpdate::normal));
    }
}
BENCHMARK(update_one_entry);

void pin_and_unpin_an_l1_table(benchmark::State& state) {
    Mapped guest(512);
    HV_CHECK(guest.tables_.unpin(domain, guest.root) == 0, "it was pinned");
    for (auto _ : state) {
        benchmark::DoNotOptimize(guest.tables_.pin(domain, guest.l1s[0], 1));
        benchmark::DoNotOptimize(guest.tables_.unpin(domain, guest.l1s[0]));
    }
}
BENCHMARK(pin_and_unpin_an_l1_table);

}  // namespace
}  // namespace ring3
