// SPDX-License-Identifier: MIT
#include "hv/domain/event_channels.hpp"

#include <cstring>
#include <span>

#include "hv/abi/errors.hpp"
#include "hv/domain/domain.hpp"

namespace ring3 {

namespace {

constexpr std::uint32_t bits_per_word = 64;
constexpr std::uint64_t pending_array = offsetof(shared_info, evtchn_pending);
constexpr std::uint64_t mask_array = offsetof(shared_info, evtchn_mask);

/// One per domain, on vCPU 0 at first; the others exist once per vCPU (xen.h, "VIRTUAL
/// INTERRUPTS").
bool is_global(std::uint32_t virq) {
    switch (virq) {
        case VIRQ_TIMER:
        case VIRQ_DEBUG:
        case VIRQ_XENOPROF:
        case VIRQ_XENPMU:
            return false;
        default:
            return true;
    }
}

std::uint64_t bit(EventPort port) { return std::uint64_t{1} << (port.raw % bits_per_word); }

}  // namespace

EventChannels::EventChannels(Domain& domain) : domain_(domain), channels_(ports_per_group) {}

const EventChannel* EventChannels::find(EventPort port) const {
    return port.raw < channels_.size() ? &channels_[port.raw] : nullptr;
}

EventChannel* EventChannels::in_use(EventPort port) {
    if (port.raw >= channels_.size()) return nullptr;
    EventChannel& channel = channels_[port.raw];
    return channel.state == EventChannel::State::closed ? nullptr : &channel;
}

int EventChannels::free_port() {
    std::uint32_t port = 1;
    while (port < channels_.size() && channels_[port].state != EventChannel::State::closed) ++port;
    if (port > max_port) return -XEN_ENOSPC;
    if (port == channels_.size()) channels_.resize(channels_.size() + ports_per_group);
    return static_cast<int>(port);
}

int EventChannels::alloc_unbound(DomainId remote) {
    const int port = free_port();
    if (port < 0) return port;
    channels_[static_cast<std::size_t>(port)] = {
        .state = EventChannel::State::unbound,
        .remote_domain = remote == abi::domid_self ? domain_.id() : remote};
    return port;
}

int EventChannels::bind_interdomain(DomainId remote, EventPort remote_port) {
    const bool is_own = remote == abi::domid_self || remote == domain_.id();
    Domain* const other = is_own ? &domain_ : domain_.hypervisor().find_domain(remote);
    if (other == nullptr) return remote == domain0 ? -XEN_EINVAL : -XEN_ESRCH;
    const int port = free_port();
    if (port < 0) return port;
    EventChannels& theirs = other->events();
    EventChannel* const far = theirs.in_use(remote_port);
    if (far == nullptr || far->state != EventChannel::State::unbound ||
        far->remote_domain != domain_.id()) {
        return -XEN_EINVAL;
    }
    const EventPort local{static_cast<std::uint32_t>(port)};
    far->state = EventChannel::State::interdomain;
    far->remote_domain = domain_.id();
    far->remote_port = local;
    channels_[local.raw] = {.state = EventChannel::State::interdomain,
                            .remote_domain = other->id(),
                            .remote_port = remote_port};
    // The other side may have sent before: nothing was kept of it, so this side looks once.
    raise(local);
    return port;
}

int EventChannels::bind_virq(std::uint32_t virq, std::uint32_t vcpu) {
    if (virq >= NR_VIRQS || (is_global(virq) && vcpu != 0)) return -XEN_EINVAL;
    Vcpu* const target = domain_.find_vcpu(vcpu);
    if (target == nullptr) return -XEN_ENOENT;
    if (target->virq_port[virq].raw != 0) return -XEN_EEXIST;
    const int port = free_port();
    if (port < 0) return port;
    channels_[static_cast<std::size_t>(port)] = {
        .state = EventChannel::State::virq, .notifies = VcpuId{vcpu}, .virq = virq};
    target->virq_port[virq] = EventPort{static_cast<std::uint32_t>(port)};
    return port;
}

int EventChannels::bind_ipi(std::uint32_t vcpu) {
    if (domain_.find_vcpu(vcpu) == nullptr) return -XEN_ENOENT;
    const int port = free_port();
    if (port < 0) return port;
    channels_[static_cast<std::size_t>(port)] = {.state = EventChannel::State::ipi,
                                                 .notifies = VcpuId{vcpu}};
    return port;
}

int EventChannels::bind_vcpu(EventPort port, std::uint32_t vcpu) {
    if (domain_.find_vcpu(vcpu) == nullptr) return -XEN_ENOENT;
    EventChannel* const channel = in_use(port);
    if (channel == nullptr) return -XEN_EINVAL;
    switch (channel->state) {
        case EventChannel::State::virq:
            if (!is_global(channel->virq)) return -XEN_EINVAL;
            break;
        case EventChannel::State::unbound:
        case EventChannel::State::interdomain:
            break;
        case EventChannel::State::closed:
        case EventChannel::State::ipi:
            return -XEN_EINVAL;
    }
    channel->notifies = VcpuId{vcpu};
    return 0;
}

int EventChannels::close(EventPort port) {
    EventChannel* const channel = in_use(port);
    if (channel == nullptr) return -XEN_EINVAL;
    if (channel->state == EventChannel::State::virq) {
        for (std::uint32_t i = 0; i < domain_.vcpu_count(); ++i) {
            EventPort& bound = domain_.vcpu(VcpuId{i}).virq_port[channel->virq];
            if (bound == port) bound = EventPort{};
        }
    }
    if (channel->state == EventChannel::State::interdomain && channel->remote_domain != domain0) {
        Domain* const other = channel->remote_domain == domain_.id()
                                  ? &domain_
                                  : domain_.hypervisor().find_domain(channel->remote_domain);
        if (other != nullptr) {
            EventChannel& far = other->events().channels_[channel->remote_port.raw];
            far.state = EventChannel::State::unbound;
            far.remote_domain = domain_.id();
            far.remote_port = EventPort{};
        }
    }
    back_ends_.erase(port);
    *channel = EventChannel{};
    set_word(pending_array, port, word(pending_array, port) & ~bit(port));
    return 0;
}

int EventChannels::send(EventPort port) {
    const EventChannel* const channel = in_use(port);
    if (channel == nullptr) return -XEN_EINVAL;
    domain_.trace().note(trace::Event::send, domain_.id(), port.raw, channel->remote_domain.raw,
                         channel->remote_port.raw);
    switch (channel->state) {
        case EventChannel::State::interdomain:
            if (channel->remote_domain == domain0) {
                notify_back_end(port);
            } else if (channel->remote_domain == domain_.id()) {
                raise(channel->remote_port);
            } else if (Domain* const other =
                           domain_.hypervisor().find_domain(channel->remote_domain)) {
                other->events().raise(channel->remote_port);
            }
            return 0;
        case EventChannel::State::ipi:
            raise(port);
            return 0;
        case EventChannel::State::unbound:
            return 0;  // dropped in silence: the other end has not come yet
        case EventChannel::State::closed:
        case EventChannel::State::virq:
            break;
    }
    return -XEN_EINVAL;
}

int EventChannels::unmask(EventPort port) {
    const EventChannel* const channel = in_use(port);
    if (port.raw >= channels_.size()) return -XEN_EINVAL;
    const std::uint64_t masks = word(mask_array, port);
    if ((masks & bit(port)) == 0) return 0;
    set_word(mask_array, port, masks & ~bit(port));
    if (is_pending(port)) mark_pending(channel ? channel->notifies : VcpuId{}, port);
    return 0;
}

void EventChannels::reset() {
    for (std::uint32_t port = 1; port < channels_.size(); ++port) close(EventPort{port});
}

bool EventChannels::bind_back_end(EventPort port, std::function<void()> on_event) {
    EventChannel* const channel = in_use(port);
    if (channel == nullptr || channel->state != EventChannel::State::unbound ||
        channel->remote_domain != domain0) {
        return false;
    }
    channel->state = EventChannel::State::interdomain;
    channel->remote_port = port;
    back_ends_.insert_or_assign(port, std::move(on_event));
    return true;
}

void EventChannels::unbind_back_end(EventPort port) {
    if (back_ends_.erase(port) == 0) return;
    channels_[port.raw].state = EventChannel::State::unbound;
    channels_[port.raw].remote_port = EventPort{};
}

void EventChannels::notify_back_end(EventPort port) {
    const auto found = back_ends_.find(port);
    if (found == back_ends_.end()) return;
    // A copy: what is called may unbind itself.
    const std::function<void()> on_event = found->second;
    on_event();
}

bool EventChannels::raise_from_back_end(EventPort port) {
    const EventChannel* const channel = in_use(port);
    if (channel == nullptr || channel->state != EventChannel::State::interdomain ||
        channel->remote_domain != domain0) {
        return false;
    }
    raise(port);
    return true;
}

void EventChannels::raise_virq(Vcpu& vcpu, std::uint32_t virq) {
    if (vcpu.virq_port[virq].raw != 0) raise(vcpu.virq_port[virq]);
}

bool EventChannels::is_pending(EventPort port) const {
    return (word(pending_array, port) & bit(port)) != 0;
}

/// The order is the ABI's: pending bit, selector, upcall flag; each step only on a change from 0 to
/// 1, and the last two only when the port is not masked.
void EventChannels::raise(EventPort port) {
    const std::uint64_t pending = word(pending_array, port);
    if ((pending & bit(port)) != 0) return;
    set_word(pending_array, port, pending | bit(port));
    domain_.trace().note(trace::Event::raise, domain_.id(), channels_[port.raw].notifies, port.raw);
    if ((word(mask_array, port) & bit(port)) == 0) {
        mark_pending(channels_[port.raw].notifies, port);
    }
    wake_pollers(port);
}

void EventChannels::mark_pending(VcpuId id, EventPort port) {
    Vcpu& vcpu = domain_.vcpu(id);
    VcpuInfo& info = vcpu.info();
    const std::uint64_t selector = std::uint64_t{1} << (port.raw / bits_per_word);
    const std::uint64_t selected = info.pending_sel();
    if ((selected & selector) != 0) return;
    info.set_pending_sel(selected | selector);
    if (info.upcall_pending() != 0) return;
    info.set_upcall_pending(1);
    vcpu.unblock();
}

void EventChannels::wake_pollers(EventPort port) {
    for (std::uint32_t i = 0; i < domain_.vcpu_count(); ++i) {
        Vcpu& vcpu = domain_.vcpu(VcpuId{i});
        if (vcpu.polls(port)) vcpu.unblock();
    }
}

std::uint64_t EventChannels::word(std::uint64_t array, EventPort port) const {
    std::uint64_t value;
    const std::byte* const page = domain_.frames().at(domain_.shared_info()).host;
    std::memcpy(&value, page + array + port.raw / bits_per_word * sizeof value, sizeof value);
    return value;
}

void EventChannels::set_word(std::uint64_t array, EventPort port, std::uint64_t value) {
    domain_.frames().write(domain_.shared_info(), array + port.raw / bits_per_word * sizeof value,
                           std::as_bytes(std::span{&value, 1}));
}

}  // namespace ring3
