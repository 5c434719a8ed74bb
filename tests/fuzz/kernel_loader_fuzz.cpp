// SPDX-License-Identifier: MIT
// Any bytes as a kernel file: the loader and the planning of the layout give an answer or a
// ConfigError; and what they accept can be built, so that page-table validation takes the result.
#include <cstdint>
#include <span>

#include "hv/base/errors.hpp"
#include "hv/domain/builder/builder.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/page_tables.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ring3;
    constexpr Frames memory{8 * 256};
    static FrameTable frames{Frames{memory.raw + 1}};
    static PageTables tables{frames};
    constexpr DomainId domain{1};
    try {
        const KernelImage kernel =
            load_kernel(std::as_bytes(std::span(data, size)), "fuzz", memory.raw * page_size);
        // The initrd's size varies with the input, so that both of its places get their share.
        const std::vector<std::byte> initrd(size % 3 * 5000);
        BuildParams params;
        params.domain = domain;
        params.memory = memory;
        params.kernel = &kernel;
        params.initrd = initrd;
        build_domain(params, tables);
        frames.release_all(domain);
    } catch (const ConfigError&) {
        // an answer, too
    }
    return 0;
}
