// SPDX-License-Identifier: MIT
// The digest of a machine's state: everything that a guest could ever see, in a fixed order and
// form. Left out on purpose: what an engine keeps, where frames lie in the host, which policy did
// it.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

#include "hv/base/sha256.hpp"
#include "hv/machine/runner.hpp"

namespace ring3 {
namespace {

/// Numbers as little-endian bytes, texts with their length.
class Feed {
public:
    template <class Number>
    requires std::is_integral_v<Number> || std::is_enum_v<Number> Feed& operator<<(Number number) {
        const auto wide = static_cast<std::uint64_t>(number);
        std::array<std::byte, 8> bytes;
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<std::byte>(wide >> (8 * i));
        sha_.update(bytes);
        return *this;
    }
    Feed& operator<<(std::string_view text) {
        *this << text.size();
        sha_.update(text);
        return *this;
    }
    Feed& operator<<(std::span<const std::byte> bytes) {
        sha_.update(bytes);
        return *this;
    }
    template <class Number, std::size_t n>
    requires std::is_integral_v<Number> Feed& operator<<(const std::array<Number, n>& numbers) {
        for (const Number number : numbers) *this << number;
        return *this;
    }
    std::string finish() { return sha_.finish_hex(); }

private:
    Sha256 sha_;
};

bool is_zero(std::span<const std::byte> page) {
    // A page whose first byte is zero and equals its shifted self holds nothing else.
    return page[0] == std::byte{0} &&
           std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

/// Of all domains, or of one.
void feed_frames(Feed& feed, FrameTable& frames, std::optional<DomainId> of = std::nullopt) {
    for (Mfn mfn = FrameTable::first_mfn; mfn < frames.end_mfn(); ++mfn) {
        const Frame& frame = frames.at(mfn);
        if (!frame.allocated || (of && frame.owner != *of)) continue;
        feed << mfn.raw << frame.owner.raw << frame.type << frame.pinned << frame.given_up
             << frame.type_count << frame.ref_count << frames.m2p(mfn).raw;
        // Most pages of a young guest are zero; a mark for them is much faster than hashing them.
        const bool has_content =
            frame.host != nullptr && !is_zero({frame.host, static_cast<std::size_t>(page_size)});
        feed << has_content;
        if (has_content) feed << std::span<const std::byte>{frame.host, page_size};
    }
}

void feed_cpu(Feed& feed, const CpuState& cpu) {
    feed << cpu.gpr << cpu.rip << cpu.rflags << cpu.selector << cpu.fs_base << cpu.gs_base
         << cpu.gs_base_inactive << cpu.kernel_mode << cpu.kernel_root.raw << cpu.user_root.raw
         << cpu.table_write_assist << cpu.cr0 << cpu.cr4 << cpu.xcr0 << cpu.dr << cpu.tsc_aux
         << cpu.retired << std::span<const std::byte>{cpu.xsave};
}

void feed_vcpu(Feed& feed, const Vcpu& vcpu) {
    feed_cpu(feed, vcpu.cpu);
    for (const TrapGate& gate : vcpu.traps)
        feed << gate.address << gate.cs << gate.privilege << gate.masks_events;
    for (const Callback& callback :
         {vcpu.event_callback, vcpu.failsafe_callback, vcpu.syscall_callback,
          vcpu.syscall32_callback, vcpu.sysenter_callback})
        feed << callback.address << callback.masks_events;
    feed << vcpu.kernel_ss << vcpu.kernel_sp << vcpu.iopl << vcpu.gdt_entries
         << vcpu.info().mfn().raw << vcpu.is_up << vcpu.is_blocked() << vcpu.nmi_pending
         << vcpu.run_state() << vcpu.random_numbers_drawn();
    for (const Mfn frame : vcpu.gdt_frames) feed << frame.raw;
    for (const EventPort port : vcpu.virq_port) feed << port.raw;
}

void feed_times(Feed& feed, const Vcpu& vcpu, Time now) {
    for (const std::uint64_t nanoseconds : vcpu.run_state_info(now).time) feed << nanoseconds;
}

void feed_events(Feed& feed, const EventChannels& events) {
    for (std::uint32_t port = 1; port <= EventChannels::max_port; ++port) {
        const EventChannel* const channel = events.find(EventPort{port});
        if (channel == nullptr || channel->state == EventChannel::State::closed) continue;
        feed << port << channel->state << channel->notifies.raw << channel->remote_domain.raw
             << channel->remote_port.raw << channel->virq;
    }
}

void feed_domain(Feed& feed, Domain& domain, std::string_view name) {
    feed << domain.id().raw << name << domain.assists << domain.memory().raw
         << domain.shutdown_reason().value_or(~0u);
    feed_events(feed, domain.events());
}

}  // namespace

std::string Machine::digest(const Guest& guest) {
    Feed feed;
    feed << std::string_view("ring3 domain state 1");
    for (Member& member : members_) {
        if (&member.guest != &guest) continue;
        Domain& domain = *member.guest.domain();
        feed_frames(feed, frames_, domain.id());
        feed_domain(feed, domain, guest.name());
        for (Runner& runner : member.runners) feed_vcpu(feed, runner.vcpu);
    }
    return feed.finish();
}

std::string Machine::digest() {
    Feed feed;
    feed << std::string_view("ring3 machine state 2");
    const Time now = time();
    feed << now.time_since_epoch().count() << retired();
    feed_frames(feed, frames_);
    for (Member& member : members_) {
        Domain* const domain = member.guest.domain();
        feed << (domain != nullptr);
        if (domain == nullptr) continue;
        feed_domain(feed, *domain, member.guest.name());
        for (Runner& runner : member.runners) {
            feed_vcpu(feed, runner.vcpu);
            feed_times(feed, runner.vcpu, now);
        }
    }
    timers_.for_each([&](Time when, const std::string& name) {
        if (!name.empty()) feed << when.time_since_epoch().count() << std::string_view(name);
    });
    return feed.finish();
}

}  // namespace ring3
