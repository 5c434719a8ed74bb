// SPDX-License-Identifier: MIT
// CPU pools: groups of pCPUs, each with a scheduler of its own. A pCPU is in one pool or free; a
// domain is in one, and runs on its pCPUs alone. Pool-0 is there from the start and has Domain-0.
//
// A pool whose pCPUs or scheduler change gets its scheduler made anew: what vCPUs are promised and
// who of them can run is handed over, what they had saved or owed is not.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/machine/config/domain_config.hpp"
#include "hv/machine/config/machine_config.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {

struct CpuPool;

/// A vCPU on its way between the queues. Invariant: its pool's scheduler knows it as able to run
/// exactly while it is `waiting` or `running`.
struct ScheduledVcpu {
    enum class Place : std::uint8_t { out, waiting, running };

    sched::Vcpu view;
    Place place = Place::out;
    CpuPool* pool = nullptr;
    /// Where it ran last, or runs.
    PcpuId pcpu{};
    /// Of several pCPUs: when it did so last, in that one's time.
    Time stopped{};
};

struct CpuPool {
    std::uint32_t id = 0;
    std::string name;
    /// The scheduler's name and parameters, those in effect.
    PolicyChoice choice;
    Affinity pcpus{0};
    std::unique_ptr<Scheduler> scheduler;
    /// In the order of their joining.
    std::vector<ScheduledVcpu*> members;

    bool has(PcpuId pcpu) const { return pcpus.allows(pcpu); }
};

class CpuPools final {
public:
    /// Makes the pools that sub-tables of [scheduler] name, and Pool-0 with [scheduler] itself and
    /// the pCPUs that are left. Throws ConfigError.
    CpuPools(MachineConfig& config, std::uint32_t pcpus);
    CpuPools(const CpuPools&) = delete;
    CpuPools& operator=(const CpuPools&) = delete;

    CpuPool& first() { return pools_.front(); }
    /// By name or number; null when there is none.
    CpuPool* find(std::string_view name);
    /// The same; throws ConfigError, which names those that there are.
    CpuPool& named(std::string_view name);
    /// Where a domain starts; throws ConfigError when one of its vCPUs could run on none of the
    /// pool's pCPUs.
    CpuPool& for_domain(const DomainConfig& config);
    /// In the order of their numbers.
    std::list<CpuPool>& all() { return pools_; }
    /// Null for a free pCPU.
    CpuPool* of(PcpuId pcpu) const { return of_pcpu_[pcpu.raw]; }
    Affinity free() const;
    std::uint32_t pcpus() const { return pcpus_; }

    // Whatever changes a pool wants none of its vCPUs to run, and throws ConfigError with all as it
    // was.

    /// Takes free pCPUs; without any named, the first free one.
    CpuPool& create(std::string name, PolicyChoice choice, std::optional<Affinity> pcpus, Time now);
    /// Its pCPUs are free then. Not of Pool-0, nor with vCPUs in it.
    void destroy(CpuPool& pool);
    void rename(CpuPool& pool, std::string name);
    void add_pcpu(CpuPool& pool, PcpuId pcpu, Time now);
    /// Of a pool with vCPUs the last pCPU stays. Answers who may run on any pCPU of the pool from
    /// now on, since none is left of those that it was pinned to.
    std::vector<ScheduledVcpu*> remove_pcpu(CpuPool& pool, PcpuId pcpu, Time now);
    void set_scheduler(CpuPool& pool, PolicyChoice choice, Time now);

    /// The vCPU cannot run yet, and its affinity has a pCPU of the pool.
    void join(ScheduledVcpu& vcpu, CpuPool& pool, Time now);
    void leave(ScheduledVcpu& vcpu, Time now);
    /// To another pool, on whose pCPUs it may run wherever it was pinned before, as in Xen.
    void move(ScheduledVcpu& vcpu, CpuPool& pool, Time now);
    /// Throws ConfigError when none of these pCPUs is the pool's.
    static void check_affinity(const CpuPool& pool, Affinity affinity);

private:
    CpuPool& add(std::string name, PolicyChoice& choice, Affinity pcpus, Time now);
    void note_owners();
    void check_name(std::string_view name) const;
    void check_exists(PcpuId pcpu) const;
    std::vector<ScheduledVcpu*> make_anew(CpuPool& pool, PolicyChoice choice, Affinity pcpus,
                                          Time now);

    const std::uint32_t pcpus_;
    std::list<CpuPool> pools_;
    /// Asked at each exit of a vCPU.
    std::array<CpuPool*, 64> of_pcpu_{};
};

}  // namespace ring3
