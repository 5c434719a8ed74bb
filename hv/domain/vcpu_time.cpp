// SPDX-License-Identifier: MIT
// What a guest is told of time: how its TSC relates to system time, and how long its vCPU was in
// which run state.
//
// The guest's TSC counts the nanoseconds of the machine's own time, so the relation is the identity
// for ever: the parameters are written when vcpu_info gets its place and never again, and a guest
// reads the exact time at any instruction without an exit. The machine runs one vCPU at a time and
// its time never goes back, hence TSC_STABLE: no vCPU ever reads less than another did before.
#include <algorithm>

#include "hv/domain/domain.hpp"
#include "hv/domain/vcpu.hpp"

namespace ring3 {

vcpu_time_info constant_time_info() {
    vcpu_time_info time{};
    time.version = 2;                      // even: not being changed; not zero: filled in
    time.tsc_to_system_mul = 0x8000'0000;  // (tsc << 1) * 2^31 >> 32 == tsc
    time.tsc_shift = 1;
    time.flags = XEN_PVCLOCK_TSC_STABLE_BIT;
    return time;
}

vcpu_runstate_info Vcpu::run_state_info(Time now) const {
    vcpu_runstate_info info{};
    info.state = static_cast<int>(run_state_);
    info.state_entry_time =
        static_cast<std::uint64_t>(run_state_entered_.time_since_epoch().count());
    for (std::size_t i = 0; i < run_state_time_.size(); ++i) {
        info.time[i] = static_cast<std::uint64_t>(run_state_time_[i].count());
    }
    // A vCPU on another pCPU may be a little ahead.
    const Duration spent = std::max(now - run_state_entered_, Duration::zero());
    info.time[static_cast<std::size_t>(run_state_)] += static_cast<std::uint64_t>(spent.count());
    return info;
}

void Vcpu::set_run_state(RunState state, Time now) {
    const Duration spent = now - run_state_entered_;
    run_state_time_[static_cast<std::size_t>(run_state_)] += spent;
    domain_.trace().note(trace::Event::runstate, domain_.id(), id_,
                         static_cast<std::uint64_t>(run_state_), static_cast<std::uint64_t>(state),
                         static_cast<std::uint64_t>(spent.count()));
    run_state_ = state;
    run_state_entered_ = now;
    write_run_state_area();
}

void Vcpu::register_run_state_area(Vcpu& caller, Vaddr area, Time now) {
    run_state_area_ = area;
    if (area.raw == 0) return;
    static_cast<void>(write_guest(caller.kernel_space(), area, run_state_info(now)));
}

/// The area is named by a virtual address: each update walks the guest kernel's tables of that
/// moment, as Xen does, and one that finds nothing writable there is lost. The update flag
/// (vm_assist runstate_update_flag) would stand only while we write, when no guest can look.
void Vcpu::write_run_state_area() {
    if (run_state_area_.raw == 0 || domain_.shutdown_reason()) return;
    static_cast<void>(
        write_guest(kernel_space(), run_state_area_, run_state_info(run_state_entered_)));
}

}  // namespace ring3
