// SPDX-License-Identifier: MIT
// A virtual CPU: its architectural state, what its guest kernel registered for it (traps,
// callbacks, stack, descriptor table), its timers, its run state, and the areas it shares with the
// guest.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "hv/abi/vcpu.hpp"
#include "hv/abi/xen.hpp"
#include "hv/base/cost.hpp"
#include "hv/base/random.hpp"
#include "hv/base/units.hpp"
#include "hv/cpu/engine/engine.hpp"
#include "hv/cpu/environment.hpp"
#include "hv/cpu/state.hpp"
#include "hv/domain/hypervisor.hpp"
#include "hv/domain/vcpu_info.hpp"
#include "hv/memory/guest_memory.hpp"

namespace ring3 {

class Domain;

/// As in Xen's vcpu.h; the values are the guest's (RUNSTATE_*).
enum class RunState : std::uint8_t { running, runnable, blocked, offline };

/// One gate of the virtual IDT. An address of zero: the guest has set none.
struct TrapGate {
    std::uint64_t address = 0;
    std::uint16_t cs = 0;
    std::uint8_t privilege = 0;
    bool masks_events = false;
};

/// An entry point for something that is not a trap. An address of zero: none is registered.
struct Callback {
    std::uint64_t address = 0;
    bool masks_events = false;
};

/// The relation of a guest's TSC to system time: always the same (vcpu_time.cpp says why).
vcpu_time_info constant_time_info();

class Vcpu final {
public:
    Vcpu(Domain& domain, VcpuId id);
    ~Vcpu();
    Vcpu(const Vcpu&) = delete;
    Vcpu& operator=(const Vcpu&) = delete;

    Domain& domain() { return domain_; }
    const Domain& domain() const { return domain_; }
    VcpuId id() const { return id_; }
    /// The answers to this vCPU's sensitive instructions: what Engine::run is given.
    Environment& environment() { return *environment_; }

    // For the machine --------------------------------------------------------------------------

    /// Up, not blocked, not paused, its domain not shut down.
    bool is_runnable() const;
    /// Called before each Engine::run: enters the guest's event callback when an upcall is due. The
    /// domain may crash here (no callback, no stack): ask is_runnable() again.
    void prepare_to_run();
    /// Called when the deadline given to Hypervisor::set_timer has come.
    void timer_expired(Time now);
    /// Called at each change, with the state's own name; keeps the guest's runstate area up to
    /// date.
    void set_run_state(RunState state, Time now);
    RunState run_state() const { return run_state_; }
    /// Time spent in each state so far, and since when the present one lasts.
    vcpu_runstate_info run_state_info(Time now) const;

    // For the domain and its hypercalls --------------------------------------------------------

    CpuState cpu;

    std::array<TrapGate, 256> traps{};
    Callback event_callback, failsafe_callback, syscall_callback, syscall32_callback,
        sysenter_callback;
    std::uint64_t kernel_ss = 0;
    std::uint64_t kernel_sp = 0;
    /// I/O privilege level, 0 to 3 (physdev_op set_iopl, or RFLAGS under architectural_iopl).
    unsigned iopl = 0;
    /// Bitmap of the ports that this vCPU may use without that privilege, in guest memory.
    Vaddr io_bitmap{};
    std::uint32_t io_bitmap_ports = 0;

    /// Frames of the guest's own part of the GDT; each holds a descriptors reference.
    std::vector<Mfn> gdt_frames;
    std::uint32_t gdt_entries = 0;

    /// Has a context: vCPU 0 from the builder, others from VCPUOP_initialise.
    bool is_initialised = false;
    bool is_up = false;
    bool nmi_pending = false;
    bool nmi_masked = false;
    bool in_multicall = false;

    /// Places vcpu_info in the domain's shared_info page, with the time parameters filled in.
    void place_info_in(Mfn shared_info);
    VcpuInfo& info() { return info_; }
    const VcpuInfo& info() const { return info_; }
    /// VCPUOP_register_vcpu_info. 0 or a negative errno.
    int register_info(Mfn mfn, std::uint32_t offset, bool is_caller);
    /// The addresses are those of `caller`, which may be another vCPU; zero: no area. What is not
    /// mapped there is not written.
    void register_run_state_area(Vcpu& caller, Vaddr area, Time now);
    void register_time_area(Vcpu& caller, Vaddr area);

    bool is_blocked() const { return blocked_; }
    /// Sleeps until an event comes (SCHEDOP_block), or until one of these ports is pending
    /// (SCHEDOP_poll; empty: any event) or the deadline has passed.
    void block();
    void poll(std::vector<EventPort> ports, std::optional<Time> deadline);
    bool polls(EventPort port) const;
    /// An event for this vCPU: ends a block. Harmless when it does not sleep.
    void unblock();
    /// VCPUOP_up and VCPUOP_down. The builder brings vCPU 0 up as its last act.
    void bring_up();
    void bring_down();

    void set_singleshot_timer(std::optional<Time> deadline, Time now);
    void set_periodic_timer(Duration period, Time now);
    /// SCHEDOP_watchdog; `slot` is 0 or 1. Kept by vCPU 0 on behalf of its domain.
    void set_watchdog(unsigned slot, std::optional<Time> deadline, Time now);
    bool watchdog_in_use(unsigned slot) const { return watchdogs_[slot].has_value(); }

    /// Port bound to each virtual interrupt; zero: none.
    std::array<EventPort, NR_VIRQS> virq_port{};

    /// Guest memory as the kernel of this vCPU sees it now.
    AddressSpace kernel_space() const;
    /// MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR: takes a reference on the L4 table (validating
    /// it), drops that of the old one. A user root of zero: none. 0 or a negative errno.
    int set_kernel_root(Mfn root);
    int set_user_root(Mfn root);
    /// Flips between guest kernel and guest user mode, and with it the roots and the GS bases.
    void toggle_guest_mode();

    /// RDRAND: the next of this vCPU's own numbers, which are a function of the domain's seed
    /// (Hypervisor::random_seed) and of how many were drawn.
    std::uint64_t random_number();
    std::uint64_t random_numbers_drawn() const { return random_numbers_drawn_; }

    /// What it does takes time by the machine's cost model.
    void charge(Cost cost, std::uint64_t count = 1);
    /// Whether time was charged since this was asked last: a budget of instructions that was
    /// reckoned before is too long then.
    bool take_was_charged() { return std::exchange(was_charged_, false); }

    /// SCHEDOP_yield was called: handle_exit tells the machine.
    bool has_yielded = false;

private:
    void arm_timer(Time now);
    std::optional<Time> next_deadline() const;
    void write_run_state_area();

    Domain& domain_;
    VcpuId id_;
    Random random_;
    std::uint64_t random_numbers_drawn_ = 0;
    std::unique_ptr<Environment> environment_;
    VcpuInfo info_;
    bool info_registered_ = false;

    bool was_charged_ = false;
    bool blocked_ = false;
    bool polling_ = false;
    std::vector<EventPort> polled_ports_;

    std::optional<Time> singleshot_;
    std::optional<Time> periodic_;
    Duration period_{};
    std::optional<Time> poll_deadline_;
    std::array<std::optional<Time>, 2> watchdogs_;

    RunState run_state_ = RunState::offline;
    Time run_state_entered_{};
    std::array<Duration, 4> run_state_time_{};
    Vaddr run_state_area_{};
};

}  // namespace ring3
