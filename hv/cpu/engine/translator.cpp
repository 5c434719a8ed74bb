// SPDX-License-Identifier: MIT
// The translating engine: guest code becomes host code block by block (architecture:
// hv/cpu/README). `block_limit = 1` makes every instruction its own block: slow, simple, and the
// same trace.
#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/cpu/engine/engine.hpp"
#include "hv/cpu/translate/plan.hpp"
#include "hv/cpu/translate/translator_core.hpp"

namespace ring3 {
namespace {

TranslatorSettings read_settings(Params& params) {
    TranslatorSettings settings;
    const auto limit = static_cast<unsigned>(
        params.integer("block_limit", 32, {0, longest_block},
                       "most guest instructions in one block; 0: as many as there may be"));
    settings.block_limit = limit == 0 ? longest_block : limit;
    settings.code_cache_bytes =
        static_cast<std::size_t>(params.integer("code_cache_mib", 128, {4, 1024},
                                                "host memory for translated code, in MiB; each "
                                                "vCPU beyond the first adds a quarter"))
        << 20;
    settings.merges =
        params.boolean("merge_operands", true, "neighbouring memory operands are looked up once");
    settings.keeps_lookups = params.boolean(
        "keep_lookups", true, "a look-up serves operands behind others, to the end of the block");
    settings.has_stack_page = params.boolean(
        "stack_page", true, "the page that RSP points to is found without a look-up");
    settings.windows_after = static_cast<std::uint64_t>(
        params.integer("windows_after", 300'000'000, {0, 1'000'000'000'000},
                       "user instructions behind which the host's MMU translates for an address "
                       "space; 0: it never does"));
    settings.kept_spaces = static_cast<std::size_t>(
        params.integer("kept_spaces", 8, {1, 16},
                       "address spaces of a vCPU whose TLBs are kept while it is in another"));
    settings.superblocks = params.boolean(
        "superblocks", true, "blocks go on behind branches that are not taken and near jumps");
    settings.links_blocks =
        params.boolean("link_blocks", true, "a branch leads to its block without a look-up");
    settings.inline_strings =
        params.boolean("inline_strings", true, "REP MOVS and REP STOS are the host's own");
    settings.two_levels = params.boolean(
        "two_levels", true, "the software TLB and the jump cache have a second level each");
    settings.counts_blocks = params.boolean(
        "count_blocks", false, "count how often each block is entered (`ring3 create --profile`)");
    settings.moves_blocks = params.boolean(
        "move_blocks", true, "code that is mapped at another address is not translated again");
    settings.shares_code = params.boolean(
        "share_code", true, "domains whose kernels are the same share the blocks of equal pages");
    settings.keeps_translations = params.boolean(
        "keep_translations", true, "what was translated is kept in files for later machines");
    settings.takes_exits = params.boolean(
        "take_exits", true, "system calls, faults and hot hypercalls need not end a run");
    settings.level = params.choice("cpu_model", "x86-64-v2", {"x86-64-v2", "x86-64-v3"},
                                   "the instructions that guests have") == "x86-64-v3"
                         ? IsaLevel::x86_64_v3
                         : IsaLevel::x86_64_v2;
    settings.baseline_host =
        params.choice("host", "detect", {"detect", "baseline"},
                      "what translated code may use of the host's CPU: all, or SSE4.2 alone") ==
        "baseline";
    return settings;
}

class Translator final : public Engine {
public:
    Translator(Params& params, FrameTable& frames) : core_(read_settings(params), frames) {}

    Exit run(CpuState& state, Environment& environment, std::uint64_t budget, RunEnd end) override {
        return core_.run(state, environment, budget, end);
    }
    DerivedState& derived_state() override { return core_; }
    void forget_domain(DomainId domain) override { core_.forget_domain(domain); }
    void keep_files_in(const std::filesystem::path& folder) override {
        core_.keep_translations_in(folder / "translations");
    }
    EngineProfile profile() const override { return core_.profile(); }

private:
    TranslatorCore core_;
};

const Registered<Engine, Translator> entry{"translator", "same-ISA dynamic binary translation"};

}  // namespace
}  // namespace ring3
