// SPDX-License-Identifier: MIT
#include "cli/driver_initrd.hpp"

#include <fstream>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "cli/verb.hpp"
#include "hv/domain/builder/bzimage.hpp"
#include "workloads/images/image_store.hpp"

namespace ring3 {
namespace {

struct Kernel {
    std::string_view release_end;  ///< of Debian's releases
    std::string_view image;
};
/// The first that fits.
constexpr Kernel kernels[] = {
    {"-cloud-amd64", "debian-cloud"}, {"-rt-amd64", "debian-rt"}, {"-amd64", "debian-generic"}};

/// The release stands in the first sectors.
std::string release_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> start(std::size_t{64} << 10);
    file.read(start.data(), static_cast<std::streamsize>(start.size()));
    start.resize(static_cast<std::size_t>(file.gcount()));
    return linux_release(std::as_bytes(std::span{start}));
}

}  // namespace

std::optional<std::string> driver_initrd_of(const std::string& kernel) {
    for (const Kernel& known : kernels)
        if (kernel == fmt::format("image:{}/vmlinuz", known.image))
            return fmt::format("image:{}/initrd", known.image);
    if (ImageStore::is_image_name(kernel)) return std::nullopt;
    const std::string release = release_of(kernel);
    for (const Kernel& known : kernels) {
        if (!release.ends_with(known.release_end)) continue;
        ImageStore images{ImageStore::default_root(), registered_recipes(), print_note};
        const std::string own = images.resolve(fmt::format("image:{}/vmlinuz", known.image));
        // Modules are of one release.
        if (release_of(own) != release) return std::nullopt;
        return fmt::format("image:{}/initrd", known.image);
    }
    return std::nullopt;
}

}  // namespace ring3
