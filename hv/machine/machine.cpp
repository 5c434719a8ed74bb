// SPDX-License-Identifier: MIT
#include "hv/machine/machine.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/random.hpp"
#include "hv/base/registry.hpp"
#include "hv/base/sha256.hpp"
#include "hv/machine/devices.hpp"
#include "hv/machine/runner.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t frames_per_mib = (1 << 20) / page_size;

template <class Interface, class... Needs>
std::unique_ptr<Interface> make_policy(MachineConfig& config, Needs&&... needs) {
    PolicyChoice& choice = config.policy(Interface::kind);
    return Registry<Interface>::create(choice.name, choice.params, std::forward<Needs>(needs)...);
}

/// CPUID shows the model whose instructions the engine has: the engine's parameter says both.
const CpuModel& model_of(const Params& engine) {
    for (const Params::Declared& parameter : engine.declared()) {
        if (parameter.name != "cpu_model") continue;
        const CpuModel* const model = find_cpu_model(parameter.value);
        HV_CHECK(model != nullptr, "an engine has a CPU model that CPUID does not know");
        return *model;
    }
    return default_cpu_model();
}

OutsideInputs::Mode mode_of(Clock::World world, const Machine::Recording& recording) {
    const bool records = !recording.record.empty(), replays = !recording.replay.empty();
    if (records && replays) throw ConfigError{"a run is either recorded or replayed, not both"};
    if (world == Clock::World::open) {
        if (!records && !replays) return OutsideInputs::Mode::open;
        throw ConfigError{
            "--record and --replay need virtual time, in which a run can repeat: --clock virtual"};
    }
    if (records) return OutsideInputs::Mode::recorded;
    return replays ? OutsideInputs::Mode::replayed : OutsideInputs::Mode::closed;
}

}  // namespace

Machine::Machine(MachineConfig config, Outside& outside, Log::Listener log_listener,
                 const Recording& recording)
    : config_(std::move(config)),
      outside_(outside),
      log_(std::move(log_listener)),
      parameters_(config_.machine()),
      frames_(parameters_.memory),
      tables_(frames_),
      engine_(make_policy<Engine>(config_, frames_)),
      clock_(make_policy<Clock>(config_)),
      pools_(config_, parameters_.pcpus),
      recording_(recording),
      inputs_(mode_of(clock_->world(), recording), [this] { return time(); }),
      store_([this](DomainId watcher, const std::string& path, const std::string& token) {
          const auto found = by_id_.find(watcher);
          if (found != by_id_.end()) found->second->guest.deliver_watch(path, token);
      }),
      watchdog_(timers_, parameters_.watchdog,
                [this](const Watchdog::Bite& bite) { starve(bite); }) {
    make_clocks();
    domain0_ = std::make_unique<Domain0>(*this);
    host_poll_.add(outside_);
    networks_ = std::make_unique<net::Networks>(*domain0_);
    cpu_model_ = &model_of(config_.policy(Engine::kind).params);
    config_.reject_empty_kinds();
    check_device_policies(config_);
    if (inputs_.mode() == OutsideInputs::Mode::recorded) {
        Params pace("clock");
        pacer_ = Registry<Clock>::create("wall", pace);
    }
    frames_.set_derived_state(&engine_->derived_state());
}

Machine::~Machine() {
    // Of several pCPUs some are in the middle of a slice; so is one that an exception came from.
    const auto take_off = [](Runner*& running, std::uint64_t& retired) {
        if (running != nullptr) retired += std::exchange(running, nullptr)->vcpu.cpu.retired;
    };
    take_off(running_, retired_);
    for (Parked& other : pcpus_) take_off(other.running, other.retired);
    for (Member& member : members_) end(member);
    networks_.reset();
    domain0_.reset();
    frames_.set_derived_state(nullptr);
}

Guest& Machine::add_guest(GuestSpec spec) {
    spec.cpu_model = cpu_model_;
    Member& member = members_.emplace_back(std::move(spec));
    member.keyboard = std::make_unique<OutsideInputs::Source>(
        inputs_, fmt::format("console/{}", ++guests_made_),
        [&guest = member.guest](std::span<const std::byte> bytes) {
            return guest.console() != nullptr ? guest.console()->offer_input(bytes) : 0;
        });
    if (!member.guest.spec().scripted_input.empty()) {
        HV_CHECK(world() == Clock::World::closed, "scripted input is for closed worlds");
        member.input =
            std::make_unique<ScriptedInput>(timers_, member.guest, parameters_.input_quiet);
        member.guest.on_output = [this, &member] { member.input->output_seen(time()); };
    }
    member.guest.on_device_gone = [&member](const std::string& kind, std::uint32_t number) {
        if (kind == "vbd")
            std::erase_if(member.disks,
                          [&](const OpenedDisk& disk) { return disk.spec.number == number; });
    };
    try {
        for (const DiskSpec& disk : member.guest.spec().config.disks) add_disk(member, disk);
        start(member);
    } catch (...) {
        remove_guest(member.guest);
        throw;
    }
    return member.guest;
}

/// Opens the record of a run that begins, which may be of this machine and these guests only.
void Machine::check_recording() {
    if (inputs_.mode() != OutsideInputs::Mode::recorded &&
        inputs_.mode() != OutsideInputs::Mode::replayed)
        return;
    Sha256 hash;
    hash.update(config_.describe_without_engine());
    hash.update(cpu_model_->name);
    for (const Member& member : members_) hash.update(member.guest.identity());
    const std::string identity = hash.finish_hex();
    if (inputs_.mode() == OutsideInputs::Mode::recorded)
        return inputs_.write_to(std::make_unique<RecordWriter>(recording_.record, identity));
    RecordReader record(recording_.replay);
    if (record.identity != identity)
        throw ConfigError{fmt::format(
            "{}: is the record of another run: its machine file, configs, kernel or initrd differ",
            recording_.replay.string())};
    inputs_.read_from(std::move(record));
}

void Machine::attach(Guest& guest, const DiskSpec& disk) {
    const bool is_taken = std::ranges::any_of(guest.devices(), [&](const auto& device) {
        return device->kind() == "vbd" && device->number() == disk.number;
    });
    if (is_taken)
        throw ConfigError{fmt::format("\"{}\" has a disk {} already", guest.name(), disk.vdev)};
    Member& member = *by_id_.at(guest.domain()->id());
    add_disk(member, disk);
    attach_disk(member, member.disks.back());
}

void Machine::attach(Guest& guest, const VifSpec& vif) {
    const xenbus::Place place{*domain0_, store_, *guest.domain()};
    guest.attach(make_vif(config_, vif, guest.name(), place, *networks_));
}

void Machine::remove_guest(Guest& guest) {
    end_all_runs();
    const auto it = std::find_if(members_.begin(), members_.end(),
                                 [&](const Member& member) { return &member.guest == &guest; });
    HV_CHECK(it != members_.end(), "a guest of no machine");
    end(*it);
    members_.erase(it);
}

std::size_t Machine::type(const Guest& guest, std::span<const std::byte> bytes) {
    for (Member& member : members_)
        if (&member.guest == &guest) return member.keyboard->offer(bytes);
    return 0;
}

std::vector<Guest*> Machine::guests() {
    std::vector<Guest*> all;
    for (Member& member : members_) all.push_back(&member.guest);
    return all;
}

/// Identities are used again only after all others were.
DomainId Machine::next_id() const {
    DomainId id = last_id_;
    do {
        ++id;
        if (id == abi::first_reserved_domid) id = DomainId{1};
        HV_CHECK(id != last_id_, "more domains than identities");
        // Frames that others hold keep the identity of their dead owner.
    } while (by_id_.contains(id) || frames_.granted().are_held_of(id));
    return id;
}

/// Makes the member's next domain.
void Machine::start(Member& member) {
    const DomainConfig& config = member.guest.spec().config;
    member.scheduling = config.scheduling;
    CpuPool& pool = pools_.for_domain(config);
    last_id_ = next_id();
    member.is_settled = false;
    member.guest.make(last_id_, *this, tables_);
    by_id_.emplace(last_id_, &member);
    Domain& domain = *member.guest.domain();
    for (std::uint32_t id = 0; id < domain.vcpu_count(); ++id) {
        Runner& runner = member.runners.emplace_back(domain.vcpu(VcpuId{id}), timers_,
                                                     fmt::format("d{}v{} timer", last_id_.raw, id));
        runner.view.params = config.scheduling.params_of(VcpuId{id}, config.max_vcpus);
        runner.view.affinity = config.scheduling.affinity_of(VcpuId{id});
        pools_.join(runner, pool, time());
        note_promise(runner.view);
    }
    member.guest.build(store_, *domain0_);
    for (const VifSpec& vif : member.guest.spec().config.vifs) attach(member.guest, vif);
    for (const OpenedDisk& disk : member.disks) attach_disk(member, disk);
    say(LogLevel::info, fmt::format("d{}: \"{}\" is built with {} MiB", last_id_.raw,
                                    member.guest.name(), domain.memory().raw / frames_per_mib));
}

void Machine::add_disk(Member& member, const DiskSpec& spec) {
    if (!host_io_)
        host_io_ = HostIo::make(domain0_->has_modelled_devices() ? nullptr : domain0_->host());
    std::vector<std::string> notes;
    member.disks.push_back(open_disk(spec, *host_io_, notes));
    for (const std::string& note : notes)
        say(LogLevel::warning, fmt::format("{}: {}", member.guest.name(), note));
}

void Machine::attach_disk(Member& member, const OpenedDisk& disk) {
    const xenbus::Place place{*domain0_, store_, *member.guest.domain()};
    member.guest.attach(make_disk_back_end(place, member.guest.name(), disk, config_));
}

/// A reboot. What its config names may be gone meanwhile: that is the end of this guest only.
void Machine::start_again(Member& member) {
    try {
        start(member);
    } catch (const std::runtime_error& error) {
        say_not_started_again(member, error);
        member.is_settled = true;
        end(member);
    }
}

void Machine::say_not_started_again(const Member& member, const std::runtime_error& error) {
    say(LogLevel::error,
        fmt::format("{}: cannot be started again: {}", member.guest.name(), error.what()));
}

/// Takes the member's domain away.
void Machine::end(Member& member) {
    for (Runner& runner : member.runners)
        if (runner.pool != nullptr) pools_.leave(runner, time());
    // Timers first: they name vCPUs.
    member.runners.clear();
    if (member.guest.domain() == nullptr) return;
    const DomainId id = member.guest.domain()->id();
    member.guest.destroy(store_);
    engine_->forget_domain(id);
    turns_.forget(id);
    watchdog_.forget(id);
    by_id_.erase(id);
}

void Machine::note_promise(const sched::Vcpu& view) {
    trace_.note(trace::Event::adjust, view.domain, view.id, view.params.weight,
                view.params.cap_percent, view.affinity.pcpus);
}

void Machine::start_trace(trace::Sink& sink, trace::Classes classes) {
    trace_.start(sink, classes);
    for (const Member& member : members_)
        for (const Runner& runner : member.runners) note_promise(runner.view);
}

Machine::Runner& Machine::runner_of(const Vcpu& vcpu) {
    return by_id_.at(vcpu.domain().id())->runners[vcpu.id().raw];
}

Machine::Runner& Machine::runner_of(const sched::Vcpu& view) {
    return by_id_.at(view.domain)->runners[view.id.raw];
}

std::uint64_t Machine::retired_here() const {
    return retired_ + (running_ != nullptr ? running_->vcpu.cpu.retired : 0);
}

std::uint64_t Machine::retired() const {
    std::uint64_t all = retired_here();
    for (const Parked& other : pcpus_)
        all += other.retired + (other.running != nullptr ? other.running->vcpu.cpu.retired : 0);
    return all;
}

/// What the clock counts: a clock of the host is the same for all pCPUs.
std::uint64_t Machine::retired_by_clock() const {
    return world() == Clock::World::open ? retired() : retired_here();
}

bool Machine::has_retired_all() const { return retired() >= parameters_.stop_after; }

Time Machine::time() { return boundary_ ? *boundary_ : pcpu_time(); }

Time Machine::pcpu_time() { return clock_->now(retired_by_clock()); }

Time Machine::now(const Vcpu&) { return time(); }

bool Machine::charge(const Vcpu&, Cost cost, std::uint64_t count) {
    return clock_->charge(cost, count);
}

std::chrono::nanoseconds Machine::wall_clock_base() { return clock_->date_at_start(); }

/// In a closed world a run must repeat; in an open one, guests make keys of it.
std::uint64_t Machine::random_seed(DomainId id) {
    if (world() == Clock::World::closed) return Random(parameters_.seed, id.raw).next();
    std::uint64_t seed = 0;
    if (::getentropy(&seed, sizeof seed) != 0)
        throw EnvironmentError("the host gives no random numbers (getentropy)");
    return seed;
}

void Machine::set_timer(Vcpu& vcpu, std::optional<Time> deadline) {
    TimerQueue::Timer& timer = runner_of(vcpu).timer;
    if (deadline)
        timer.set(*deadline);
    else
        timer.cancel();
}

void Machine::wake(Vcpu& vcpu) { wake(runner_of(vcpu)); }

void Machine::wake(Runner& runner) {
    if (runner.place != Runner::Place::out || !runner.vcpu.is_runnable()) return;
    if (is_in_quantum_) {
        ++wakes_;
        late_wakes_.push_back(&runner);
        return;
    }
    runner.place = Runner::Place::waiting;
    ++wakes_;
    trace_.note(trace::Event::wake, runner.view.domain, runner.view.id);
    runner.vcpu.set_run_state(RunState::runnable, std::max(time(), runner.stopped));
    watchdog_.waits(runner.view, time());
    runner.pool->scheduler->wake(runner.view, time(), kicks_);
}

void Machine::domain_shutdown(Domain& domain) {
    // Acted on between two slices: the domain is still on the stack here.
    say(LogLevel::info, fmt::format("d{}: has shut down, reason {}", domain.id().raw,
                                    domain.shutdown_reason().value_or(0)));
}

Domain* Machine::find_domain(DomainId id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second->guest.domain();
}

void Machine::log(LogLevel level, std::string_view line) { log_.add(time(), level, line); }

}  // namespace ring3
