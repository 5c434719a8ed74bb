// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/translate.hpp"

#include <immintrin.h>
#include <sys/auxv.h>

#include "hv/base/check.hpp"
#include "hv/cpu/translate/block_emitter.hpp"

namespace ring3 {

HostFeatures HostFeatures::detect() {
    constexpr unsigned long hwcap2_fsgsbase = 2;  // <asm/hwcap2.h>
    HostFeatures features;
    features.bmi2 = __builtin_cpu_supports("bmi2") != 0;
    features.avx = __builtin_cpu_supports("avx2") != 0;
    features.fsgsbase = (getauxval(AT_HWCAP2) & hwcap2_fsgsbase) != 0;
    return features;
}

HostFeatures HostFeatures::baseline() {
    HostFeatures features;
    features.avx = detect().avx;
    return features;
}

Translation BlockTranslator::translate(const TranslationRequest& request) {
    FlagScan& scan = scan_;
    scan.begin(request.code);
    const auto start = static_cast<std::uint32_t>(request.rip - request.page);
    const auto page_end = static_cast<std::uint32_t>(page_size);

    // First the extent, since the budget is taken for the whole block at its entry.
    std::vector<std::uint32_t> offsets;
    std::uint32_t at = start;
    while (offsets.size() < request.max_insns && at < page_end) {
        const Insn* insn = scan.insn(at);
        if (insn == nullptr) break;
        // An instruction that straddles pages stands in a block of its own.
        if (at + insn->length > page_end && at != start) break;
        offsets.push_back(at);
        at += insn->length;
        if (insn->ends_block()) break;
    }
    HV_CHECK(!offsets.empty(), "a block has at least one instruction");

    // The rule of flags.hpp sees one page, so flags before a straddling instruction are all live.
    const bool straddles = at > page_end;
    const auto live = [&](std::uint32_t offset) {
        return straddles ? static_cast<std::uint32_t>(rflags::arithmetic) : scan.live(offset);
    };
    BlockEmitter emitter(request, host_, stubs_);
    emitter.begin(static_cast<unsigned>(offsets.size()), live(start) != 0);
    bool open = true;
    for (const std::uint32_t offset : offsets) {
        const Insn& insn = *scan.insn(offset);
        open = emitter.instruction(insn, offset, live(offset), live(offset + insn.length));
    }
    if (open) emitter.go_to(request.page + at);
    Translation out = emitter.finish();
    const Insn& last = *scan.insn(offsets.back());
    if (last.is_left_to_cpp()) out.emulated = std::make_unique<const Insn>(last);
    out.live_behind = static_cast<std::uint16_t>(live(at));
    out.guest_length = at - start;
    out.first_byte = std::min(scan.first_byte(), start);
    out.last_byte = std::max(scan.last_byte(), at);
    return out;
}

}  // namespace ring3
