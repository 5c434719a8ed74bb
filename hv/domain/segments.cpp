// SPDX-License-Identifier: MIT
#include "hv/domain/segments.hpp"

#include "hv/abi/errors.hpp"
#include "hv/domain/domain.hpp"

namespace ring3 {

namespace {

constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }
// `readable` of code and `writable` of data are the same bit.
constexpr std::uint64_t readable_or_writable = bit(41), code = bit(43), not_system = bit(44),
                        present = bit(47), long_mode = bit(53), default_32 = bit(54);

}  // namespace

bool is_64bit_code(std::uint64_t descriptor) {
    constexpr std::uint64_t required = present | not_system | code | long_mode;
    return (descriptor & (required | default_32)) == required;
}

bool is_32bit_code(std::uint64_t descriptor) {
    constexpr std::uint64_t required = present | not_system | code;
    return (descriptor & (required | long_mode)) == required;
}

bool is_writable_data(std::uint64_t descriptor) {
    constexpr std::uint64_t required = present | not_system | readable_or_writable;
    return (descriptor & (required | code)) == required;
}

bool is_readable_segment(std::uint64_t descriptor) {
    constexpr std::uint64_t required = present | not_system;
    return (descriptor & required) == required &&
           ((descriptor & code) == 0 || (descriptor & readable_or_writable) != 0);
}

std::uint64_t segment_base(std::uint64_t descriptor) {
    return (descriptor >> 16 & 0xff'ffff) | (descriptor >> 56 & 0xff) << 24;
}

int set_gdt_frames(Vcpu& vcpu, std::span<const std::uint64_t> mfns, std::uint32_t entries) {
    PageTables& tables = vcpu.domain().tables();
    std::vector<Mfn> taken;
    for (const std::uint64_t mfn : mfns) {
        if (tables.get_descriptors(vcpu.domain().id(), Mfn{mfn}) != 0) {
            for (const Mfn each : taken) tables.put_descriptors(each);
            return -XEN_EINVAL;
        }
        taken.push_back(Mfn{mfn});
    }
    for (const Mfn each : vcpu.gdt_frames) tables.put_descriptors(each);
    vcpu.gdt_frames = std::move(taken);
    vcpu.gdt_entries = entries;
    return 0;
}

}  // namespace ring3
