// SPDX-License-Identifier: MIT
#include "hv/domain/domain.hpp"

#include <chrono>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "hv/abi/errors.hpp"
#include "hv/abi/sched.hpp"
#include "hv/base/check.hpp"
#include "hv/domain/builder/builder.hpp"

namespace ring3 {

Domain::Domain(Hypervisor& hypervisor, PageTables& tables, Parameters parameters)
    : hypervisor_(hypervisor),
      trace_(hypervisor.trace()),
      tables_(tables),
      parameters_(std::move(parameters)) {
    HV_CHECK(parameters_.vcpus >= 1 && parameters_.vcpus <= XEN_LEGACY_MAX_VCPUS,
             "a number of vCPUs that vcpu_info has no place for");
    events_ = std::make_unique<EventChannels>(*this);
    grants_ = std::make_unique<GrantTable>(*this);
    for (std::uint32_t id = 0; id < parameters_.vcpus; ++id) {
        vcpus_.push_back(std::make_unique<Vcpu>(*this, VcpuId{id}));
    }
    // All that it may come to have; one more is shared_info.
    frames().keep_run(id(), parameters_.max_memory + (1 + GrantTable::max_frames));
    memory_map.push_back({0, parameters_.max_memory.raw * page_size, abi::e820_ram});
}

Domain::~Domain() = default;

void Domain::adopt(const BuiltDomain& built) {
    shared_info_ = built.shared_info;
    memory_ = Frames{built.p2m.size()};
    console = {built.console, EventPort{built.console_port}};
    store = {built.store, EventPort{built.store_port}};
    for (const Ring& ring : {console, store}) {
        if (ring.mfn.raw == 0) continue;
        const int held = tables_.get_writable_page(id(), ring.mfn);
        HV_CHECK(held == 0, "a ring in a frame that is not writable");
    }
    write_wall_clock();
    for (const auto& each : vcpus_) each->place_info_in(shared_info_);

    Vcpu& first = *vcpus_.front();
    first.cpu = entry_state(built);
    first.kernel_ss = first.cpu.sel(Segment::ss);
    first.kernel_sp = first.cpu.reg(Gpr::rsp);
    first.is_initialised = true;
    trace_.note(trace::Event::domain_start, id(), vcpu_count(), memory_.raw);
    first.bring_up();
}

Vcpu* Domain::find_vcpu(std::uint64_t number) {
    return number < vcpus_.size() ? vcpus_[number].get() : nullptr;
}

void Domain::pause() { ++pauses_; }

void Domain::unpause() {
    HV_CHECK(pauses_ > 0, "a domain that is not paused is unpaused");
    if (--pauses_ != 0) return;
    for (const auto& each : vcpus_) {
        if (each->is_runnable()) hypervisor_.wake(*each);
    }
}

void Domain::latch_shutdown_reason(std::uint32_t reason) {
    if (!latched_reason_) latched_reason_ = reason;
}

void Domain::shut_down(std::uint32_t reason) {
    if (shutdown_reason_) return;
    shutdown_reason_ = latched_reason_.value_or(reason);
    trace_.note(trace::Event::domain_end, id(), *shutdown_reason_);
    for (const auto& each : vcpus_) hypervisor_.set_timer(*each, std::nullopt);
    hypervisor_.domain_shutdown(*this);
}

void Domain::warn_once(Lack lack, std::string_view text) {
    const std::uint32_t bit = 1u << static_cast<unsigned>(lack);
    if ((warned_ & bit) != 0) return;
    warned_ |= bit;
    hypervisor_.log(LogLevel::warning, fmt::format("domain {}: {}", id().raw, text));
}

void Domain::release_memory() {
    // The other ends of its channels learn of it, while there is a shared_info page.
    if (shared_info_.raw != 0) events_->reset();
    grants_->mappings().release_all();
    tables_.release_all(id());
    memory_ = Frames{};
}

std::optional<Mfn> Domain::populate(Pfn pfn) {
    // memory_ is never too small; counting what is gone takes time, which only who is full spends.
    if (memory_ >= parameters_.max_memory && memory() >= parameters_.max_memory)
        return std::nullopt;
    const std::optional<Mfn> mfn = frames().allocate(id());
    if (!mfn) return std::nullopt;
    frames().set_m2p(*mfn, pfn);
    ++memory_;
    return mfn;
}

int Domain::give_up(Mfn mfn) {
    // Frames of the hypervisor's own are the domain's to map, not to free.
    if (mfn == shared_info_) return -XEN_EINVAL;
    for (const Mfn frame : grants_->frames()) {
        if (frame == mfn) return -XEN_EINVAL;
    }
    const int result = tables_.give_up(id(), mfn);
    if (result == 0) given_up_.push_back(mfn);
    return result;
}

Frames Domain::memory() {
    const auto is_gone = [this](Mfn mfn) {
        const Frame& frame = frames().at(mfn);
        return !frame.allocated || frame.owner != id() || !frame.given_up;
    };
    memory_ = memory_ - std::erase_if(given_up_, is_gone);
    return memory_;
}

std::optional<Mfn> Domain::allocate_shared_frame() {
    const std::optional<Mfn> mfn = frames().allocate(id());
    if (!mfn) return std::nullopt;
    const int held = tables_.get_writable_page(id(), *mfn);
    HV_CHECK(held == 0, "a new frame cannot be referenced");
    return mfn;
}

std::int64_t Domain::highest_pfn() {
    std::int64_t count;
    std::memcpy(&count, frames().at(shared_info_).host + offsetof(::shared_info, arch.max_pfn),
                sizeof count);
    return count - 1;
}

/// The wall clock is this base plus system time; it never changes, so neither does its version.
void Domain::write_wall_clock() {
    const auto base = hypervisor_.wall_clock_base();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(base);
    const auto since_1970 = static_cast<std::uint64_t>(seconds.count());
    const std::array<std::uint32_t, 4> fields{2, static_cast<std::uint32_t>(since_1970),
                                              static_cast<std::uint32_t>((base - seconds).count()),
                                              static_cast<std::uint32_t>(since_1970 >> 32)};
    static_assert(offsetof(::shared_info, wc_sec_hi) == offsetof(::shared_info, wc_version) + 12);
    frames().write(shared_info_, offsetof(::shared_info, wc_version),
                   std::as_bytes(std::span{fields}));
}

}  // namespace ring3
