// SPDX-License-Identifier: MIT
// The parts of the translating engine put together: finds or makes the block at RIP, runs it, and
// does in C++ what blocks leave to it.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "hv/cpu/emulate/emulate.hpp"
#include "hv/cpu/engine/engine.hpp"
#include "hv/cpu/translate/block_table.hpp"
#include "hv/cpu/translate/code_cache.hpp"
#include "hv/cpu/translate/host_traps.hpp"
#include "hv/cpu/translate/operands.hpp"
#include "hv/cpu/translate/shared_code.hpp"
#include "hv/cpu/translate/stubs.hpp"
#include "hv/cpu/translate/translate.hpp"
#include "hv/cpu/translate/translation_store.hpp"
#include "hv/cpu/translate/user_spaces.hpp"
#include "hv/cpu/translate/vcpu_contexts.hpp"
#include "hv/memory/derived_state.hpp"
#include "hv/memory/page_tables.hpp"

namespace ring3 {

struct TranslatorSettings {
    unsigned block_limit = 32;   ///< most guest instructions in a block
    bool merges = true;          ///< memory operands may share a look-up (plan.hpp)
    bool keeps_lookups = true;   ///< also across other operands
    bool has_stack_page = true;  ///< operands relative to RSP have a TLB entry of their own
    bool superblocks = true;     ///< blocks go on behind branches (plan.hpp)
    bool links_blocks = true;    ///< direct branches lead to their blocks without a look-up
    bool inline_strings = true;  ///< REP MOVS and REP STOS
    /// User instructions of an address space, behind which it has windows (windows.hpp); 0: never.
    std::uint64_t windows_after = 0;
    std::size_t kept_spaces = 4;     ///< address spaces of a vCPU whose look-ups are kept
    bool two_levels = true;          ///< of the TLB and of the jump cache
    bool counts_blocks = false;      ///< for profile(); no block is moved then
    bool moves_blocks = true;        ///< code at another address is moved, not translated again
    bool shares_code = true;         ///< one kernel's pages serve for others that are like them
    bool keeps_translations = true;  ///< in files, where there is a folder for them
    /// What grows in memory before it is written there: whole pages.
    std::size_t store_chunk_bytes = std::size_t{32} << 20;
    bool takes_exits = true;           ///< asks the environment to deal with exits inside of a run
    std::size_t code_cache_bytes = 0;  ///< for one vCPU; each further one adds a quarter
    IsaLevel level = IsaLevel::x86_64_v2;
    bool baseline_host = false;  ///< as if the host had neither BMI2 nor FSGSBASE
};

/// What an engine has done so far.
struct TranslatorStatistics {
    std::uint64_t translated = 0;  ///< blocks
    std::uint64_t moved = 0;       ///< blocks that were made of one for the same code elsewhere
    std::uint64_t taken_over = 0;  ///< pages whose blocks were those of an address space that ended
    std::uint64_t shared = 0;      ///< pages whose blocks are those of a frame that is like them
    std::uint64_t stored = 0;      ///< blocks that were made of a stored translation
    std::uint64_t instructions = 0;      ///< of guests, in the blocks translated
    std::uint64_t dropped = 0;           ///< blocks whose code was written
    std::uint64_t emptied = 0;           ///< times that the code cache was full
    std::uint64_t walks = 0;             ///< page walks for data
    std::uint64_t windows = 0;           ///< address spaces that were given windows
    std::uint64_t windows_given_up = 0;  ///< address spaces that lost them, for mapping too much
    /// Times that blocks came back to C++, by Leave.
    std::array<std::uint64_t, leave_causes.size()> leaves{};
};

class TranslatorCore final : public DerivedState, private DataAccess {
public:
    TranslatorCore(const TranslatorSettings& settings, FrameTable& frames);

    Exit run(CpuState& state, Environment& environment, std::uint64_t budget,
             RunEnd end = RunEnd::exact);
    void forget_domain(DomainId domain);
    /// Translations of earlier machines are found there, and kept for later ones.
    void keep_translations_in(const std::filesystem::path& folder);
    const VcpuContexts& contexts() const { return contexts_; }
    const TranslatorStatistics& statistics() const { return statistics_; }
    EngineProfile profile() const;

    void page_changed(DomainId domain, Vaddr page) override;
    void region_changed(DomainId domain, Vaddr first, std::uint64_t pages) override;
    void root_lost(DomainId domain, Mfn root) override;
    void all_pages_changed(DomainId domain) override;
    void xen_page_changed(Vaddr page) override;
    void frame_lost(Mfn frame) override;
    void frame_written(Mfn frame, std::uint64_t offset, std::uint64_t length) override;

private:
    // The run loop.
    void load(const CpuState& state);
    void store(CpuState& state) const;
    std::optional<Exit> step(CpuState& state, Environment& environment);
    std::optional<Exit> run_blocks(CpuState& state, Environment& environment);
    void enter_space(const CpuState& state, TrapScope& traps);
    void enter(std::uint64_t entry);
    void link(LinkNumber from, Block& to);
    void break_links();
    std::optional<Exit> emulate_at(const Block& block, CpuState& state, Environment& environment);
    std::optional<Exit> emulate_insn(const Insn& insn, CpuState& state, Environment& environment);
    std::optional<Exit> bounce_at(CpuState& state, Environment& environment);
    std::optional<Exit> copy_operands(std::span<const Operand> operands);
    bool run_bounced(const Block& block, CpuState& state);
    bool refuses_alignment(const Block& block, const CpuState& state, const Operand& operand);
    Exit trapped(CpuState& state);
    void normalise_flags(CpuState& state);
    std::uint32_t live_flags_at(const CpuState& state);
    bool wants_single_steps(const CpuState& state) const;
    std::optional<Exit> debug_step(CpuState& state, Environment& environment);

    // Code.
    Block* block_at(Vaddr rip, bool kernel_mode, Variant variant, Exit& fault,
                    Windows* windows = nullptr);
    const std::uint8_t* code_at(Vaddr rip, std::size_t& size, BlockKey& key, Exit& fault);
    std::optional<Insn> insn_at(Vaddr rip, bool kernel_mode, Exit& fault);
    Block& make_block(const BlockKey& key, TranslationRequest& request);
    Block* take_over(const BlockKey& key, const TranslationRequest& request);
    void note_user(const Block& block);
    void watch(Mfn frame);
    bool share(std::span<const Mfn> frames, Vaddr page);
    bool share(Mfn frame, Vaddr page);
    void leave_shared(Mfn frame);
    void keep_known_regions(Block& block, const Windows& windows);
    Block& copy_block(const BlockKey& key, const BlockImage& image,
                      const TranslationRequest& request);
    EngineProfile::Block* count_block(TranslationRequest& request);
    void make_room();
    std::size_t code_limit() const;
    void code_written(Mfn frame, std::uint64_t offset, std::uint64_t length);

    // Memory operands.
    static std::uint64_t access_helper(void* self);
    std::uint64_t translate_access();
    static std::uint64_t refused_helper(void* self);
    std::uint64_t map_refused();
    void note_refusal(std::uint64_t rip);
    static std::uint64_t region_helper(void* self);
    std::uint64_t meet_region();
    std::span<const Operand> operands_at(const Block& block, const InsnSite& site);
    std::uint64_t read_two_pages(Vaddr address, std::size_t size);
    bool read(Vaddr from, std::span<std::byte> into) override;
    bool write(Vaddr to, std::span<const std::byte> from) override;
    std::byte* direct(Vaddr address, Access access) override;
    bool translate(Vaddr address, Access access, WalkResult& found);
    bool refuse_table_store(Vaddr address);
    bool store_to_table(Vaddr address, Mfn table, std::span<const std::byte> bytes);

    TranslatorSettings settings_;
    FrameTable& frames_;
    PageTables tables_;
    HostFeatures host_;
    CodeCache cache_;
    Stubs stubs_;
    std::size_t stubs_size_ = 0;
    BlockTranslator translator_;
    std::unique_ptr<TranslationStore> store_;  ///< null: nothing is kept
    BlockTable blocks_;
    VcpuContexts contexts_;
    SharedCode shared_code_;
    UserSpaces user_spaces_;
    const BlockTable::IsLiving is_living_ = [this](std::uint32_t space) {
        return user_spaces_.is_living(space);
    };
    /// Of the vCPU that runs, in its address space: good inside of run() alone.
    Context* context_ = nullptr;
    AddressCaches* addresses_ = nullptr;
    bool kernel_mode_ = true;
    RunEnd end_ = RunEnd::exact;
    TranslatorStatistics statistics_;
    /// By address and mode, blocks that are gone included: blocks count at a fixed address.
    std::map<std::pair<std::uint64_t, bool>, EngineProfile::Block> block_counts_;
    /// Arithmetic flags that are live where the run has ended, if a block knows them.
    std::optional<std::uint32_t> live_;
    /// Links of before the cache was last emptied must not be patched.
    std::uint64_t epoch_ = 0;
    /// Instructions, by RIP, that meet pages which no window can hold (a frame of code that is
    /// stored to), and how often they did.
    std::unordered_set<std::uint64_t> windowless_;
    std::unordered_map<std::uint64_t, unsigned> refusals_;
    /// operands_at(): what an instruction's addresses are computed from.
    CpuState operand_state_;
    std::array<Operand, 2> operands_;
    std::vector<std::uint8_t> two_pages_;
    alignas(64) std::array<std::byte, 2 * 1024> bounce_buffers_{};
    /// read_two_pages(): no operand in line is longer, or asks for more, than a vector register.
    static constexpr std::size_t split_alignment = 64;
    alignas(split_alignment) std::array<std::byte, 2 * split_alignment> split_operand_{};
};

}  // namespace ring3
