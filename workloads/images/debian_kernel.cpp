// SPDX-License-Identifier: MIT
#include "workloads/images/debian_kernel.hpp"

#include <algorithm>
#include <fstream>
#include <optional>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "workloads/images/archive.hpp"
#include "workloads/images/busybox.hpp"
#include "workloads/images/driver_initrd.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

void write_file(const fs::path& file, const std::string& content) {
    std::ofstream stream;
    stream.exceptions(std::ios::failbit | std::ios::badbit);
    stream.open(file, std::ios::binary);
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
    stream.close();
}

/// Which file of the image an entry of the package belongs to.
std::optional<std::string> file_for(std::string_view path) {
    if (path.starts_with("boot/vmlinuz-")) return "vmlinuz";
    if (path.starts_with("boot/config-")) return "config";
    if (path.starts_with("lib/modules/")) return "modules";
    return std::nullopt;
}

}  // namespace

DebianKernel::DebianKernel(std::string name, std::string summary, std::string meta_package)
    : name_{std::move(name)},
      summary_{std::move(summary)},
      meta_package_{std::move(meta_package)} {}

std::vector<Package> DebianKernel::packages(const Apt& apt) const {
    return {apt.behind(apt.candidate(meta_package_), "linux-image-"),
            apt.candidate(busybox_package)};
}

std::string DebianKernel::text() const {
    return fmt::format("kernel, procedure 2, of {}\n{}", meta_package_, driver_initrd_text());
}

void DebianKernel::build(const RecipeInputs& inputs, const fs::path& output) const {
    const auto kernel = std::ranges::find_if(
        inputs.packages, [](const auto& input) { return input.first != busybox_package; });
    HV_CHECK(inputs.packages.size() == 2 && kernel != inputs.packages.end(),
             "a kernel is made of its package and busybox");
    const auto& [package, deb] = *kernel;
    Process unpack{{"dpkg-deb", "--fsys-tarfile", deb.string()}, output};
    ArchiveReader reader{unpack.output()};
    ArchiveWriter modules{output / "modules", ArchiveWriter::Format::tar_zstd};
    std::map<std::string, int> found;
    while (reader.next()) {
        // Releases behind Debian 12 keep modules under usr/, which is where their lib points to.
        std::string path = reader.path();
        if (path.starts_with("usr/lib/")) path.erase(0, 4);
        const auto file = file_for(path);
        if (!file) continue;
        if (file == "modules") {
            modules.add_copy(path, reader);
        } else {
            write_file(output / *file, reader.content());
        }
        ++found[*file];
    }
    modules.close();
    unpack.wait();
    if (found["vmlinuz"] != 1 || found["config"] != 1 || found["modules"] == 0)
        throw EnvironmentError{fmt::format(
            "package {} does not hold one kernel with its config and modules", package)};
    write_driver_initrd(output / "modules", busybox_of(inputs.packages.at(busybox_package)),
                        output / "initrd");
}

}  // namespace ring3
