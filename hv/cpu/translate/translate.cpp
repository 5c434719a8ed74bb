// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/translate.hpp"

#include <immintrin.h>
#include <sys/auxv.h>

#include "hv/base/check.hpp"
#include "hv/cpu/translate/block_emitter.hpp"
#include "hv/cpu/translate/plan.hpp"

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
    scan_.begin(request.code);
    const auto start = static_cast<std::uint32_t>(request.rip - request.page);
    // Windows have no look-ups to share.
    const bool merges =
        request.merges && request.variant == Variant::normal && request.windows == nullptr;
    const PlanSettings settings{request.max_insns, request.follows_branches, merges,
                                request.keeps_lookups};
    const std::vector<PlannedInsn> block = plan_block(scan_, start, settings);
    HV_CHECK(!block.empty(), "a block has at least one instruction");
    const PlannedInsn& last = block.back();
    const std::uint32_t behind = last.offset + last.insn->length;

    // The rule of flags.hpp sees one page, so flags before a straddling instruction are all live.
    const bool straddles = behind > page_size;
    const auto live = [&](std::uint32_t offset) {
        return straddles ? static_cast<std::uint32_t>(rflags::arithmetic) : scan_.live(offset);
    };
    BlockEmitter emitter(request, host_, stubs_);
    emitter.begin(static_cast<unsigned>(block.size()), live(start) != 0);
    bool open = true;
    for (const PlannedInsn& planned : block) {
        const std::uint32_t next = planned.offset + planned.insn->length;
        open = emitter.instruction(planned, live(planned.offset), live(next));
    }
    if (open) emitter.go_to(request.page + behind);
    Translation out = emitter.finish();
    if (last.insn->is_left_to_cpp()) out.emulated = std::make_unique<const Insn>(*last.insn);
    out.live_behind = static_cast<std::uint16_t>(live(behind));
    out.first_byte = std::min(scan_.first_byte(), start);
    out.last_byte = std::max(scan_.last_byte(), behind);
    return out;
}

}  // namespace ring3
