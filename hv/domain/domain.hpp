// SPDX-License-Identifier: MIT
// A domain: its vCPUs, its memory, its event channels and grants, and how it ended. Made by
// hv/domain/builder, run by hv/machine.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hv/abi/memory.hpp"
#include "hv/base/units.hpp"
#include "hv/cpu/engine/engine.hpp"
#include "hv/domain/cpu_model.hpp"
#include "hv/domain/event_channels.hpp"
#include "hv/domain/grant_table.hpp"
#include "hv/domain/hypervisor.hpp"
#include "hv/domain/vcpu.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/page_tables.hpp"

namespace ring3 {

constexpr DomainId domain0{0};

struct BuiltDomain;

class Domain final {
public:
    struct Parameters {
        DomainId id{1};
        std::string name;
        std::array<std::uint8_t, 16> uuid{};
        /// The most memory that the guest may own (maxmem).
        Frames max_memory{};
        std::uint32_t vcpus = 1;
        const CpuModel* cpu_model = &default_cpu_model();
    };
    /// What a guest asked for and does not get; said once each, however often it asks.
    enum class Lack : std::uint8_t { i386_code, ldt, suspend };
    /// What the machine does next with the vCPU whose exit was handled.
    enum class Next : std::uint8_t { run, yield, block, stop };

    /// Without memory and without a vCPU that could run: event channels can be allocated, then the
    /// builder makes the memory, then adopt() completes the domain.
    Domain(Hypervisor& hypervisor, PageTables& tables, Parameters parameters);
    ~Domain();
    /// Takes over what the builder made: memory, shared_info, rings, the state of vCPU 0, which is
    /// up from then on (Hypervisor::wake is called).
    void adopt(const BuiltDomain& built);
    Domain(const Domain&) = delete;
    Domain& operator=(const Domain&) = delete;

    DomainId id() const { return parameters_.id; }
    const std::string& name() const { return parameters_.name; }
    const std::array<std::uint8_t, 16>& uuid() const { return parameters_.uuid; }
    const CpuModel& cpu_model() const { return *parameters_.cpu_model; }

    Hypervisor& hypervisor() { return hypervisor_; }
    trace::Recorder& trace() { return trace_; }
    PageTables& tables() { return tables_; }
    FrameTable& frames() { return tables_.frames(); }
    EventChannels& events() { return *events_; }
    GrantTable& grants() { return *grants_; }

    std::uint32_t vcpu_count() const { return static_cast<std::uint32_t>(vcpus_.size()); }
    Vcpu& vcpu(VcpuId id) { return *vcpus_[id.raw]; }
    /// For a number from a guest: null when there is none.
    Vcpu* find_vcpu(std::uint64_t number);

    // For the machine --------------------------------------------------------------------------

    /// Acts on why the engine returned: a hypercall, an exception to deliver, a crash.
    Next handle_exit(Vcpu& vcpu, const Exit& exit);
    /// The toolstack's pause (counted): no vCPU is runnable. The last unpause wakes those that are.
    void pause();
    void unpause();
    bool is_paused() const { return pauses_ != 0; }

    /// SHUTDOWN_poweroff, _reboot, _crash, _watchdog...; nothing while the domain lives.
    std::optional<std::uint32_t> shutdown_reason() const { return shutdown_reason_; }
    void shut_down(std::uint32_t reason);
    /// SCHEDOP_shutdown_code: the reason that the next shutdown will report.
    void latch_shutdown_reason(std::uint32_t reason);
    /// Ends the domain with SHUTDOWN_crash; the log gets `why`, the registers and the stack.
    void crash(Vcpu& vcpu, std::string_view why);
    void warn_once(Lack lack, std::string_view text);

    /// Gives back all memory. Called once, after the domain has stopped, before it is destroyed.
    void release_memory();

    // Memory -----------------------------------------------------------------------------------

    /// A zeroed frame more for the guest, with its machine-to-phys entry; nothing when the domain
    /// has its maximum or the machine is full.
    std::optional<Mfn> populate(Pfn pfn);
    /// The guest gives a frame up. It is free once nothing refers to it. 0 or a negative errno.
    int give_up(Mfn mfn);
    /// A frame of the hypervisor's own that this guest may map: not counted as its memory.
    std::optional<Mfn> allocate_shared_frame();
    /// What it owns: a frame given up counts until nothing refers to it.
    Frames memory();
    Frames max_memory() const { return parameters_.max_memory; }
    /// The toolstack's: what the guest owns beyond it stays the guest's, and grows no more.
    void set_max_memory(Frames most) { parameters_.max_memory = most; }
    /// Owned by the domain, no part of its memory, and held as writable: it never becomes a table.
    Mfn shared_info() const { return shared_info_; }

    /// What XENMEM_memory_map answers; at first RAM from zero to max_memory.
    std::vector<abi::E820Entry> memory_map;
    /// PHYSDEVOP_pirq_eoi_gmfn: the frame is held, nothing is ever written to it.
    std::optional<Mfn> eoi_map;
    /// The highest pfn that the guest says it uses (shared_info), or -1.
    std::int64_t highest_pfn();
    /// vm_assist: bit n is VMASST_TYPE n.
    std::uint64_t assists = 0;
    bool has_assist(unsigned type) const { return (assists >> type & 1) != 0; }

    /// What the console and store back ends need. A reference keeps both frames writable.
    struct Ring {
        Mfn mfn{};
        EventPort port{};
    };
    Ring console, store;

    /// Hypercalls made so far, by number; architectural events, so the same in each run.
    std::array<std::uint64_t, 64> hypercall_count{};
    std::array<std::uint64_t, 32> exception_count{};

private:
    void write_wall_clock();

    Hypervisor& hypervisor_;
    trace::Recorder& trace_;
    PageTables& tables_;
    Parameters parameters_;
    Mfn shared_info_{};
    std::unique_ptr<EventChannels> events_;
    std::unique_ptr<GrantTable> grants_;
    std::vector<std::unique_ptr<Vcpu>> vcpus_;

    Frames memory_{};
    /// Given up by the guest, but perhaps still referred to.
    std::vector<Mfn> given_up_;

    std::uint32_t pauses_ = 0;
    std::optional<std::uint32_t> shutdown_reason_;
    std::optional<std::uint32_t> latched_reason_;
    /// One bit for each Lack.
    std::uint32_t warned_ = 0;
};

}  // namespace ring3
