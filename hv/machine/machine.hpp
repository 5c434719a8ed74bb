// SPDX-License-Identifier: MIT
// A machine: frames, an engine, a clock, pCPUs and their schedulers, guests and their back ends.
// Owns all of it, has no globals, runs until its guests have ended or somebody outside wants it to
// stop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/timer_queue.hpp"
#include "hv/base/units.hpp"
#include "hv/clock/clock.hpp"
#include "hv/cpu/engine/engine.hpp"
#include "hv/domain/hypervisor.hpp"
#include "hv/io/block/host_io.hpp"
#include "hv/io/host_poll.hpp"
#include "hv/io/net/networks.hpp"
#include "hv/io/store/store.hpp"
#include "hv/machine/config/machine_config.hpp"
#include "hv/machine/cpu_pools.hpp"
#include "hv/machine/guest.hpp"
#include "hv/machine/log.hpp"
#include "hv/machine/machine_parameters.hpp"
#include "hv/machine/outside.hpp"
#include "hv/machine/record/outside_inputs.hpp"
#include "hv/machine/sampler.hpp"
#include "hv/machine/scripted_input.hpp"
#include "hv/machine/turns.hpp"
#include "hv/machine/watchdog.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/page_tables.hpp"
#include "hv/sched/scheduler.hpp"
#include "hv/trace/recorder.hpp"

namespace ring3 {

struct OpenedDisk;

class Machine final : private Hypervisor {
public:
    /// Why a run ended.
    enum class End : std::uint8_t {
        guests_ended,
        stopped,  ///< from outside
        stuck,    ///< a closed world in which nothing can ever happen again
    };

    /// A file that inputs from outside are written to, or read from, under a virtual clock.
    struct Recording {
        std::filesystem::path record, replay;
    };

    /// Makes the parts by their names. Throws ConfigError for what does not exist.
    Machine(MachineConfig config, Outside& outside, Log::Listener log_listener,
            const Recording& recording = {});
    ~Machine() override;
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// Builds a domain; it can run from now on. Throws ConfigError or EnvironmentError, and then
    /// there is none. The Guest lives as long as the machine, or until it is removed.
    Guest& add_guest(GuestSpec spec);
    /// Takes a guest away, whatever it does. Between two slices only.
    void remove_guest(Guest& guest);
    /// Somebody types at a guest's console: says how many bytes were taken; the rest is to be
    /// offered again. Nothing where nothing may come in.
    std::size_t type(const Guest& guest, std::span<const std::byte> bytes);
    /// Plugs an interface into a guest that has a domain. Between two slices only; throws as
    /// make_vif() does.
    void attach(Guest& guest, const VifSpec& vif);
    /// Opens a disk and plugs it in. It stays the guest's, through reboots, until it is detached.
    void attach(Guest& guest, const DiskSpec& disk);
    /// In the order of their making.
    std::vector<Guest*> guests();
    /// Throws SchedulerError when the scheduler does what none may, or starves a vCPU and the run
    /// is to stop then.
    End run();
    /// The vCPU that starved, if one did: the run's scheduler was replaced then.
    const std::optional<Watchdog::Bite>& starved() const { return starved_; }

    Time time();
    /// Instructions retired by all vCPUs.
    std::uint64_t retired() const;
    PcpuId pcpus_end() const { return PcpuId{parameters_.pcpus}; }

    // Who gets how much of which pCPU: scheduling.cpp. From now on, and until the domain is built
    // anew. All of it between two slices only; throws ConfigError, and nothing has changed then.

    /// What a domain's vCPUs are promised. Null: Domain-0.
    const Scheduling& scheduling(const Guest* guest) const;
    void set_scheduling(Guest* guest, const Scheduling& scheduling);
    /// What one of them has in effect.
    const ScheduledVcpu& scheduled(const Guest* guest, VcpuId vcpu) const;
    void set_affinity(Guest* guest, VcpuId vcpu, Affinity affinity);
    CpuPool& pool_of(const Guest* guest);
    std::list<CpuPool>& cpu_pools() { return pools_.all(); }
    /// By name or number.
    CpuPool& cpu_pool(std::string_view name) { return pools_.named(name); }
    Affinity free_pcpus() const { return pools_.free(); }
    /// See CpuPools.
    CpuPool& create_pool(std::string name, PolicyChoice scheduler, std::optional<Affinity> pcpus);
    void destroy_pool(CpuPool& pool);
    void rename_pool(CpuPool& pool, std::string name) { pools_.rename(pool, std::move(name)); }
    void add_to_pool(CpuPool& pool, PcpuId pcpu);
    void remove_from_pool(CpuPool& pool, PcpuId pcpu);
    void move_to_pool(Guest& guest, CpuPool& pool);
    void set_scheduler(CpuPool& pool, PolicyChoice scheduler);

    /// SHA-256 of all that a guest could ever see: frames with their owners and types, registers,
    /// time, what is set to happen. Knows nothing of the engine, nor of the host's addresses.
    std::string digest();
    /// The same of one guest alone, but for the time: nothing that goes on beside it is in it. The
    /// guest has a domain, be it one that has ended and is kept.
    std::string digest(const Guest& guest);
    EngineProfile profile() const { return engine_->profile(); }
    /// See Engine::keep_files_in().
    void keep_files_in(const std::filesystem::path& folder) { engine_->keep_files_in(folder); }

    Frames free_frames() const { return frames_.free(); }
    Frames memory() const { return parameters_.memory; }
    store::Store& store() { return store_; }
    /// Where native back ends run.
    DriverDomain& driver_domain();
    /// CPU time that Domain-0's back ends took.
    Duration domain0_time() const;
    Log& messages() { return log_; }
    const Log& messages() const { return log_; }
    /// Of the machine and of each policy, with the values in effect.
    const MachineConfig& config() const { return config_; }
    Clock::World world() const { return clock_->world(); }
    /// Who waits for descriptors of the host. `outside` is among them.
    HostPoll& host_poll() { return host_poll_; }
    /// Where cores of domains go whose configs ask for them (coredump-destroy, coredump-restart).
    /// It exists.
    void set_core_folder(std::filesystem::path folder) { core_folder_ = std::move(folder); }
    /// Records these classes of events from now on. The sink must last until the machine is gone or
    /// stop_trace() was called, which hands over the rest. Changes nothing of the run.
    void start_trace(trace::Sink& sink, trace::Classes classes);
    void stop_trace() { trace_.stop(); }
    MachineSample sample();
    /// Hands over a sample at the first look at or after each multiple of the period, from the
    /// beginning of the run on. Changes nothing of the run.
    void start_sampling(Duration period, Sampler::Sink sink) {
        sampler_.emplace(period, std::move(sink));
    }
    /// Where whatever comes from outside goes through.
    OutsideInputs& inputs() { return inputs_; }

private:
    /// A vCPU on its way between the queues.
    struct Runner;
    struct Member;
    class Domain0;

    // The run loop, run_loop.cpp.
    End run_on_one_pcpu();
    void starve(const Watchdog::Bite& bite);
    void replace_schedulers();
    void run_slice(Runner& runner, Duration slice);
    void run_domain0(Duration slice);
    Scheduler::Why work_as_domain0(Duration slice);
    void end_domain0(Time began, Scheduler::Why why);
    void begin_turn(const sched::Vcpu& view);
    void tell_stopped(ScheduledVcpu& vcpu, Duration ran, Scheduler::Why why, std::uint64_t retired);
    Scheduler::Choice pick();
    Time next_event(PcpuId pcpu);
    void run_scheduler_timer(PcpuId pcpu, Time now);
    void note_idle();
    void work_at_once();
    void check_recording();
    void rest_until(Time next);
    Scheduler::Why run_until(Runner& runner, Time end);
    RunEnd run_end() const;
    bool wants_stop();
    Time next_look(Time now) const;
    void do_what_is_due();
    void sample_if_due(Time now);
    bool outside_is_calling();
    void give_outside_its_turn(Duration at_most);
    bool sleep();
    bool all_settled() const;
    void act_on_ends();
    void act_on_end(Member& member, std::uint32_t reason);
    void dump_core(Member& member);

    // Guests, machine.cpp.
    void start(Member& member);
    void add_disk(Member& member, const DiskSpec& spec);
    void attach_disk(Member& member, const OpenedDisk& disk);
    void start_again(Member& member);
    void say_not_started_again(const Member& member, const std::runtime_error& error);
    void end(Member& member);
    Runner& runner_of(const Vcpu& vcpu);
    Runner& runner_of(const sched::Vcpu& view);
    void note_promise(const sched::Vcpu& view);
    void adjust(ScheduledVcpu& vcpu, const SchedParams& params, Affinity affinity);
    ScheduledVcpu& scheduled(const Guest* guest, VcpuId vcpu);
    void note_pool(const CpuPool& pool);
    void end_all_runs();
    /// Instructions of the pCPU at its turn.
    std::uint64_t retired_here() const;
    bool has_retired_all() const;
    /// Of the pCPU at its turn.
    Time pcpu_time();
    DomainId next_id() const;
    void wake(Runner& runner);
    void say(LogLevel level, const std::string& text) { log_.add(time(), level, text); }

    // Hypervisor.
    Time now(const Vcpu& vcpu) override;
    bool charge(const Vcpu& vcpu, Cost cost, std::uint64_t count) override;
    std::chrono::nanoseconds wall_clock_base() override;
    std::uint64_t random_seed(DomainId id) override;
    void set_timer(Vcpu& vcpu, std::optional<Time> deadline) override;
    void wake(Vcpu& vcpu) override;
    void domain_shutdown(Domain& domain) override;
    Domain* find_domain(DomainId id) override;
    void log(LogLevel level, std::string_view line) override;
    trace::Recorder& trace() override { return trace_; }

    // Several pCPUs, lockstep.cpp.
    struct Parked;
    void make_clocks();
    std::uint64_t retired_by_clock() const;
    void let_outside_in();
    void switch_to(PcpuId pcpu);
    End run_in_lockstep();
    bool run_quantum(Time end);
    bool run_by_time(Time end);
    bool run_by_turns();
    std::optional<PcpuId> furthest_behind(Time end) const;
    bool step(Time end);
    Parked& here();
    void begin_run(const Scheduler::Choice& choice, Time end);
    std::optional<Scheduler::Why> go_on(Time end);
    void end_run(Scheduler::Why why);
    void end_run_at_boundary(Scheduler::Why why);
    void at_boundary();
    void let_go_of_the_dead();
    void preempt_kicked();
    void idle_to(Time time);

    MachineConfig config_;
    Outside& outside_;
    Log log_;
    const MachineParameters parameters_;

    trace::Recorder trace_{[this] { return time(); }};
    std::optional<Sampler> sampler_;
    FrameTable frames_;
    PageTables tables_;
    std::unique_ptr<Engine> engine_;
    const CpuModel* cpu_model_ = nullptr;
    /// Of the pCPU that is at its turn; in an open world all have the same.
    std::unique_ptr<Clock> clock_;
    CpuPools pools_;
    const Recording recording_;
    OutsideInputs inputs_;
    /// Where a recorded world idles as long as the host does, so that somebody can type.
    std::unique_ptr<Clock> pacer_;
    TimerQueue timers_;
    HostPoll host_poll_;
    /// Made with the first disk.
    std::unique_ptr<HostIo> host_io_;
    store::Store store_;
    std::unique_ptr<Domain0> domain0_;
    std::unique_ptr<net::Networks> networks_;
    std::list<Member> members_;
    /// Those that have a domain.
    std::map<DomainId, Member*> by_id_;
    std::filesystem::path core_folder_;
    DomainId last_id_{};
    std::uint64_t guests_made_ = 0;

    /// The vCPU on the pCPU, null when it is idle. While one runs, the machine has retired
    /// retired_ + what that vCPU's own counter says (modulo 2^64: retired_ may be "negative").
    Runner* running_ = nullptr;
    std::uint64_t retired_ = 0;
    PcpuId pcpu_{};
    /// What the others left here; empty for the one at its turn, and where there is one only.
    struct Parked {
        std::unique_ptr<Clock> clock;
        Runner* running = nullptr;
        std::uint64_t retired = 0;
        bool is_idle = false;
        /// What it runs has stopped, which the scheduler hears when no pCPU is further behind.
        std::optional<Scheduler::Why> stops;
        /// Its own, as of its last step.
        Time time{};
        Time began{}, slice_ends{};
        /// By the vCPU that runs, before it did.
        std::uint64_t retired_before = 0;
    };
    std::vector<Parked> pcpus_;
    /// Inside of a quantum others learn of a wake at its end.
    bool is_in_quantum_ = false;
    /// Between two quanta of virtual time: the time for all pCPUs, whatever their own is.
    std::optional<Time> boundary_;
    std::vector<Runner*> late_wakes_;
    Turns turns_;
    Watchdog watchdog_;
    std::optional<Watchdog::Bite> starved_;
    /// To be done between two slices.
    bool replaces_scheduler_ = false;
    /// How often somebody became runnable.
    std::uint64_t wakes_ = 0;
    bool is_idle_ = false;
    Kicks kicks_;
    Time next_look_{};
};

}  // namespace ring3
