// SPDX-License-Identifier: MIT
// Who records what happens in a machine: a mask of classes, a buffer for each pCPU, batches to a
// sink. Off until start(). Reads the machine's time, and changes nothing that a guest could see.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/trace/schema.hpp"

namespace ring3::trace {

/// Where records go. Those of one pCPU come in order of time; batches of several pCPUs alternate.
class Sink {
public:
    virtual ~Sink() = default;
    /// May be called from inside of a run of guest code, so it must not throw: a sink that fails
    /// remembers why, and says so when it is asked.
    virtual void take(std::span<const Record> records) = 0;
};

class Recorder final {
public:
    /// Of one pCPU.
    static constexpr std::size_t records_per_batch = 4096;

    explicit Recorder(std::function<Time()> now) : now_(std::move(now)) {}
    ~Recorder() { flush(); }
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    /// The sink must outlive the recorder, or the next start() or stop().
    void start(Sink& sink, Classes classes) {
        stop();
        sink_ = &sink;
        classes_ = classes;
    }
    void stop() {
        flush();
        sink_ = nullptr;
        classes_ = {};
    }
    /// Hands over all that is in the buffers, pCPU by pCPU.
    void flush() {
        for (auto& buffer : buffers_) hand_over(buffer);
    }
    /// What happens from now on happens on this pCPU.
    void set_pcpu(PcpuId pcpu) { pcpu_ = pcpu; }

    bool wants(Class one) const { return classes_.has(one); }

    void note(Event event, DomainId domain, VcpuId vcpu, std::uint64_t first = 0,
              std::uint64_t second = 0, std::uint64_t third = 0) {
        if (wants(class_of(event)))
            add(event, domain.raw, static_cast<std::uint16_t>(vcpu.raw), {first, second, third});
    }
    /// Of a domain, and of no vCPU.
    void note(Event event, DomainId domain, std::uint64_t first = 0, std::uint64_t second = 0,
              std::uint64_t third = 0) {
        if (wants(class_of(event))) add(event, domain.raw, no_vcpu, {first, second, third});
    }

private:
    void add(Event event, std::uint16_t domain, std::uint16_t vcpu,
             const std::array<std::uint64_t, 3>& arguments) {
        if (buffers_.size() <= pcpu_.raw) buffers_.resize(pcpu_.raw + std::size_t{1});
        std::vector<Record>& buffer = buffers_[pcpu_.raw];
        if (buffer.capacity() == 0) buffer.reserve(records_per_batch);
        buffer.push_back({static_cast<std::uint64_t>(now_().time_since_epoch().count()),
                          static_cast<std::uint16_t>(pcpu_.raw), domain, vcpu, event, arguments});
        if (buffer.size() == records_per_batch) hand_over(buffer);
    }
    void hand_over(std::vector<Record>& buffer) {
        if (sink_ != nullptr && !buffer.empty()) sink_->take(buffer);
        buffer.clear();
    }

    std::function<Time()> now_;
    Sink* sink_ = nullptr;
    Classes classes_;
    PcpuId pcpu_{};
    std::vector<std::vector<Record>> buffers_;
};

}  // namespace ring3::trace
