// SPDX-License-Identifier: MIT
// What a domain maps by grants: one handle for each successful GNTTABOP_map_grant_ref (Xen's
// maptrack). An L1 entry made by a map holds the references; the handle holds the right to it.
#pragma once

#include <cstdint>
#include <vector>

#include "hv/abi/grant_table.hpp"
#include "hv/base/units.hpp"
#include "hv/memory/granted_frames.hpp"

namespace ring3 {

class Domain;
class Vcpu;

class GrantMappings {
public:
    /// xl.cfg: max_maptrack_frames, the default of libxl, of 256 entries each.
    static constexpr std::uint32_t max_handles = 1024 * 256;

    explicit GrantMappings(Domain& domain) : domain_(domain) {}

    /// Answers with `request.status`, and when that is GNTST_okay with the handle and the bus
    /// address. `caller` is a vCPU of this domain, whose tables are changed.
    void map(Vcpu& caller, gnttab_map_grant_ref_t& request);

    struct Unmap {
        grant_handle_t handle = 0;
        std::uint64_t host_addr = 0;
        std::uint64_t dev_bus_addr = 0;
        /// Not zero: the entry of this address moves to where the mapping was.
        std::uint64_t new_addr = 0;
    };
    /// A GNTST_ status.
    std::int16_t unmap(Vcpu& caller, const Unmap& request);

    /// The domain goes: ends all uses. References that its tables hold go with the tables.
    void release_all();

    struct Mapping {
        DomainId granter{};
        grant_ref_t ref = 0;
        Mfn mfn{};
        GrantAccess access = GrantAccess::read;
        bool contains_pte = false;
        /// Which of the two exist; neither: the handle is free.
        bool host = false, device = false;
    };
    /// By handle; free ones among them.
    const std::vector<Mapping>& all() const { return mappings_; }

private:
    std::int16_t try_map(Vcpu& caller, const gnttab_map_grant_ref_t& request, Mapping& mapping);
    std::int16_t map_host(Vcpu& caller, const gnttab_map_grant_ref_t& request, Mapping& mapping);
    std::int16_t unmap_host(Vcpu& caller, const Unmap& request, Mapping& mapping);
    void end_host_use(Mapping& mapping);
    void end_device_use(Mapping& mapping);
    Domain* find_granter(DomainId id);

    Domain& domain_;
    std::vector<Mapping> mappings_;
    std::vector<grant_handle_t> free_handles_;
};

}  // namespace ring3
