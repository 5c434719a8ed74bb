// SPDX-License-Identifier: MIT
#include "hv/domain/vcpu.hpp"

#include <algorithm>
#include <utility>

#include "hv/abi/errors.hpp"
#include "hv/base/check.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/guest_entry.hpp"
#include "hv/domain/guest_environment.hpp"

namespace ring3 {

Vcpu::Vcpu(Domain& domain, VcpuId id)
    : domain_(domain),
      id_(id),
      random_(domain.hypervisor().random_seed(domain.id()), id.raw),
      environment_(std::make_unique<GuestEnvironment>(*this)),
      info_(domain.frames(), Mfn{}, 0) {
    cpu.domain = domain.id();
    cpu.vcpu = id;
}

Vcpu::~Vcpu() = default;

std::uint64_t Vcpu::random_number() {
    ++random_numbers_drawn_;
    return random_.next();
}

bool Vcpu::is_runnable() const {
    return is_up && !blocked_ && !domain_.is_paused() && !domain_.shutdown_reason();
}

void Vcpu::prepare_to_run() {
    if (!is_runnable()) return;
    constexpr std::uint8_t nmi_vector = 2;
    if (nmi_pending && !nmi_masked && traps[nmi_vector].address != 0) {
        nmi_pending = false;
        nmi_masked = true;
        domain_.trace().note(trace::Event::nmi, domain_.id(), id_);
        charge(Cost::interrupt);
        if (!enter_trap(*this, nmi_vector, std::nullopt)) return;
    }
    if (!info_.upcall_due()) return;
    domain_.trace().note(trace::Event::upcall, domain_.id(), id_);
    charge(Cost::interrupt);
    enter_event_callback(*this);
}

void Vcpu::charge(Cost cost, std::uint64_t count) {
    was_charged_ |= domain_.hypervisor().charge(*this, cost, count);
}

AddressSpace Vcpu::kernel_space() const {
    return {.frames = &domain_.frames(),
            .root = cpu.kernel_root,
            .domain = domain_.id(),
            .table_write_assist = cpu.table_write_assist};
}

int Vcpu::set_kernel_root(Mfn root) {
    if (root.raw == 0) return -XEN_EINVAL;
    return domain_.tables().replace_root(domain_.id(), cpu.kernel_root, root);
}

int Vcpu::set_user_root(Mfn root) {
    if (root.raw != 0) return domain_.tables().replace_root(domain_.id(), cpu.user_root, root);
    if (cpu.user_root.raw != 0) domain_.tables().put_table(cpu.user_root);
    cpu.user_root = Mfn{};
    return 0;
}

void Vcpu::toggle_guest_mode() {
    cpu.kernel_mode = !cpu.kernel_mode;
    std::swap(cpu.gs_base, cpu.gs_base_inactive);
}

// The areas shared with the guest -------------------------------------------------------------

void Vcpu::place_info_in(Mfn shared_info_mfn) {
    info_ = VcpuInfo{domain_.frames(), shared_info_mfn,
                     offsetof(shared_info, vcpu_info) + id_.raw * sizeof(vcpu_info)};
    info_.set_time(constant_time_info());
}

int Vcpu::register_info(Mfn mfn, std::uint32_t offset, bool is_caller) {
    if (offset > page_size - sizeof(vcpu_info) || offset % alignof(vcpu_info) != 0) {
        return -XEN_ENXIO;
    }
    if (info_registered_ || (!is_caller && is_up)) return -XEN_EINVAL;
    if (domain_.tables().get_writable_page(domain_.id(), mfn) != 0) return -XEN_EINVAL;

    vcpu_info moved = info_.copy();
    // Events may have come between the guest's last look at the old place and now: let it look at
    // every port once.
    moved.evtchn_upcall_pending = 1;
    moved.evtchn_pending_sel = ~xen_ulong_t{0};
    info_ = VcpuInfo{domain_.frames(), mfn, offset};
    info_.store(moved);
    info_registered_ = true;
    return 0;
}

void Vcpu::register_time_area(Vcpu& caller, Vaddr area) {
    if (area.raw == 0) return;
    static_cast<void>(write_guest(caller.kernel_space(), area, constant_time_info()));
}

// Sleeping and waking -------------------------------------------------------------------------

void Vcpu::block() {
    info_.set_upcall_mask(0);
    if (!info_.upcall_due()) blocked_ = true;
}

void Vcpu::poll(std::vector<EventPort> ports, std::optional<Time> deadline) {
    blocked_ = true;
    polling_ = true;
    polled_ports_ = std::move(ports);
    poll_deadline_ = deadline;
    arm_timer(domain_.hypervisor().now(*this));
}

bool Vcpu::polls(EventPort port) const {
    return polling_ &&
           (polled_ports_.empty() || std::ranges::find(polled_ports_, port) != polled_ports_.end());
}

void Vcpu::unblock() {
    if (!blocked_) return;
    blocked_ = false;
    polling_ = false;
    polled_ports_.clear();
    poll_deadline_.reset();
    if (is_up && !domain_.shutdown_reason()) domain_.hypervisor().wake(*this);
}

void Vcpu::bring_up() {
    HV_CHECK(is_initialised, "a vCPU without a context is brought up");
    if (is_up) return;
    is_up = true;
    domain_.hypervisor().wake(*this);
}

void Vcpu::bring_down() { is_up = false; }

}  // namespace ring3
