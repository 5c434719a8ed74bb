// SPDX-License-Identifier: MIT
#include "hv/memory/free_frames.hpp"

#include <algorithm>
#include <bit>

namespace ring3 {
namespace {

constexpr unsigned bits_per_word = 64;

constexpr std::uint64_t bit(std::uint64_t offset) {
    return std::uint64_t{1} << (offset % bits_per_word);
}

}  // namespace

FreeFrames::Bits::Bits(std::uint64_t first, std::uint64_t count)
    : begin(first),
      length(count),
      words((count + bits_per_word - 1) / bits_per_word, ~std::uint64_t{0}) {
    if (count % bits_per_word != 0) words.back() = bit(count) - 1;
}

bool FreeFrames::Bits::has(std::uint64_t index) const {
    const std::uint64_t offset = index - begin;
    return (words[offset / bits_per_word] & bit(offset)) != 0;
}

void FreeFrames::Bits::set(std::uint64_t index) {
    const std::uint64_t offset = index - begin;
    words[offset / bits_per_word] |= bit(offset);
    lowest = std::min(lowest, static_cast<std::size_t>(offset / bits_per_word));
}

void FreeFrames::Bits::clear(std::uint64_t index) {
    const std::uint64_t offset = index - begin;
    words[offset / bits_per_word] &= ~bit(offset);
}

std::optional<std::uint64_t> FreeFrames::Bits::take_lowest() {
    while (lowest < words.size() && words[lowest] == 0) ++lowest;
    if (lowest == words.size()) return std::nullopt;
    const auto offset =
        lowest * bits_per_word + static_cast<unsigned>(std::countr_zero(words[lowest]));
    clear(begin + offset);
    return begin + offset;
}

FreeFrames::FreeFrames(std::uint64_t total) : count_(total), rest_(0, total) {}

std::optional<std::uint64_t> FreeFrames::take(DomainId owner) {
    if (count_ == 0) return std::nullopt;
    --count_;
    if (const auto own = runs_.find(owner); own != runs_.end())
        if (const auto index = own->second.take_lowest()) return index;
    if (const auto index = rest_.take_lowest()) return index;
    for (const auto& [domain, run] : runs_) merge(run);
    runs_.clear();
    return rest_.take_lowest();
}

void FreeFrames::give_back(std::uint64_t index) {
    ++count_;
    const auto run = std::ranges::find_if(runs_, [&](const auto& each) {
        return index - each.second.begin < each.second.length;  // wraps below: out of range
    });
    (run == runs_.end() ? rest_ : run->second).set(index);
}

void FreeFrames::keep_run(DomainId owner, std::uint64_t length) {
    end_run(owner);
    std::uint64_t in_a_row = 0;
    for (std::uint64_t index = rest_.lowest * bits_per_word; index < rest_.length; ++index) {
        in_a_row = rest_.has(index) ? in_a_row + 1 : 0;
        if (in_a_row < length) continue;
        const std::uint64_t begin = index + 1 - length;
        for (std::uint64_t each = begin; each <= index; ++each) rest_.clear(each);
        runs_.emplace(owner, Bits(begin, length));
        return;
    }
}

void FreeFrames::end_run(DomainId owner) {
    const auto run = runs_.find(owner);
    if (run == runs_.end()) return;
    merge(run->second);
    runs_.erase(run);
}

void FreeFrames::merge(const Bits& run) {
    for (std::uint64_t index = run.begin; index < run.begin + run.length; ++index)
        if (run.has(index)) rest_.set(index);
}

}  // namespace ring3
