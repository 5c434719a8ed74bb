// SPDX-License-Identifier: MIT
#include "experiments/runner/boot_files.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/errors.hpp"
#include "hv/base/sha256.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;

/// What is in the background does its work so often: more often than any run lasts.
constexpr unsigned endless = 1'000'000;

/// "spec-int-like:gzip:test:2,..."
std::string workload_words(const WorkloadChoice& choice, unsigned iterations) {
    // Kernels take command lines of a limited length: a whole workload has a short name.
    if (choice.is_whole && choice.programs.size() > 1)
        return fmt::format("{}:all:{}:{}", choice.name, choice.size, iterations);
    std::string words;
    for (const std::string& program : choice.programs)
        words += fmt::format("{}{}:{}:{}:{}", words.empty() ? "" : ",", choice.name, program,
                             choice.size, iterations);
    return words;
}

/// The guest that is measured, and the other one that it needs, on a switch of their own.
std::vector<Boot::Domain> with_peer(const WorkloadChoice& choice, const Boot& boot) {
    Boot::Domain guest;
    guest.name = guest_name;
    guest.config = {"vif=['bridge=peers']"};
    guest.disk = boot.disk;
    guest.tree = boot.tree;
    guest.choice = choice;
    Boot::Domain peer = guest;
    guest.workloads = boot.workloads;
    guest.words = "address=10.0.0.1/24 peer=10.0.0.2";
    peer.name = "peer";
    peer.workloads = fmt::format("{}:{}:test:{}", choice.name, choice.peer, endless);
    peer.words = "address=10.0.0.2/24 peer=10.0.0.1";
    peer.background = true;
    return {guest, peer};
}

/// "image:NAME/FILE" of the image that has the workload, or the user's own.
std::string disk_of(const Descriptor& descriptor, const WorkloadChoice& choice) {
    const GuestChoice& guest = descriptor.guest;
    if (!guest.disk.empty()) return guest.disk;
    if (!guest.image.empty()) return fmt::format("image:{}/root.img", guest.image);
    return fmt::format("image:{}/root.img", choice.image);
}

std::string tree_of(const Descriptor& descriptor, const std::string& disk) {
    if (!descriptor.guest.disk.empty()) return descriptor.guest.tree;
    return disk.substr(0, disk.find('/')) + "/root.tar.zst";
}

/// A guest's value at a point of the sweep, if that says one.
std::string point(const Cell& cell, std::string_view key, std::string otherwise) {
    std::istringstream points(cell.factors);
    for (std::string one; std::getline(points, one, ';');)
        if (one.starts_with(std::string(key) + "=")) return one.substr(key.size() + 1);
    return otherwise;
}

unsigned number_at(const Cell& cell, std::string_view key, unsigned otherwise) {
    const std::string text = point(cell, key, "");
    // The descriptor's reader has seen to it that it is one.
    return text.empty() ? otherwise : static_cast<unsigned>(std::stoul(text));
}

}  // namespace

fs::path BootFiles::find(const std::string& name) {
    const auto known = found_.find(name);
    if (known != found_.end()) return known->second;
    const fs::path path =
        ImageStore::is_image_name(name) ? images_.resolve(name) : fs::absolute(name);
    if (!fs::exists(path)) throw EnvironmentError{fmt::format("there is no file {}", name)};
    // The name may lead to another build of the image soon; what it leads to now stays.
    return found_[name] = fs::canonical(path);
}

Boot BootFiles::boot_of(const Descriptor& descriptor, const Cell& cell, const fs::path& scratch) {
    const std::string kernel = point(cell, "guest.kernel", descriptor.guest.kernel);
    Boot boot{.descriptor = descriptor,
              .cell = cell,
              .kernel = find(kernel),
              .ramdisk = find(descriptor.guest.ramdisk),
              .modules = {},
              .disk = {},
              .tree = {},
              .memory_mib = number_at(cell, "guest.memory_mib", descriptor.guest.memory_mib),
              .vcpus = number_at(cell, "guest.vcpus", descriptor.guest.vcpus),
              .extra = point(cell, "guest.extra", descriptor.guest.extra),
              .scratch = scratch,
              .workloads = {},
              .domains = {},
              .software = {}};
    const bool is_native = cell.platform->kind == "native";
    if (cell.platform->kind.starts_with("qemu")) {
        if (!ImageStore::is_image_name(kernel))
            throw ConfigError{
                fmt::format("QEMU needs drivers of its disk for the kernel {}: only "
                            "kernels of images come with their modules",
                            kernel)};
        boot.modules = find(kernel.substr(0, kernel.find('/')) + "/modules");
    }
    if (cell.workload != nullptr) {
        const std::string disk = disk_of(descriptor, *cell.workload);
        boot.workloads = workload_words(*cell.workload, cell.workload->iterations);
        boot.disk = find(disk);
        if (is_native) boot.tree = find(tree_of(descriptor, disk));
        if (!cell.workload->peer.empty()) boot.domains = with_peer(*cell.workload, boot);
        return boot;
    }
    for (const DomainChoice& choice : descriptor.domains) {
        const std::string disk = disk_of(descriptor, choice.workload);
        Boot::Domain domain{.name = choice.name,
                            .workloads = {},
                            .start_s = choice.start_s,
                            .config = choice.config,
                            .disk = find(disk),
                            .tree = is_native ? find(tree_of(descriptor, disk)) : fs::path{},
                            .choice = choice.workload,
                            .background = choice.background,
                            .words = {}};
        const std::string program = point(cell, fmt::format("domains.{}.program", choice.name), "");
        if (!program.empty()) {
            domain.choice.programs = {program};
            domain.choice.is_whole = false;
        }
        domain.workloads =
            workload_words(domain.choice, choice.background ? endless : choice.workload.iterations);
        const std::string own = fmt::format("domains.{}.count", choice.name);
        const unsigned count = number_at(cell, own, number_at(cell, "domains.count", choice.count));
        for (unsigned i = 1; i <= count; ++i) {
            if (count > 1) domain.name = fmt::format("{}-{}", choice.name, i);
            boot.domains.push_back(domain);
        }
    }
    return boot;
}

std::vector<std::string> BootFiles::missing(const Descriptor& descriptor,
                                            const std::vector<Cell>& cells) const {
    std::set<std::string> names{descriptor.guest.kernel, descriptor.guest.ramdisk};
    for (const Cell& cell : cells)
        if (cell.workload != nullptr) names.insert(disk_of(descriptor, *cell.workload));
    for (const DomainChoice& domain : descriptor.domains)
        names.insert(disk_of(descriptor, domain.workload));
    std::set<std::string> steps;
    for (const std::string& name : names)
        if (ImageStore::is_image_name(name)) steps.insert(images_.locate(name).needed);
    steps.erase("");
    return {steps.begin(), steps.end()};
}

std::map<std::string, std::string> BootFiles::software_of(const Boot& boot) {
    // A disk and a tree of one image are the same software.
    const auto image_of = [&](const fs::path& file) {
        const std::string known = identity(file);
        return known.substr(0, known.find('/'));
    };
    std::set<std::string> images;
    for (const Boot::Domain& domain : boot.domains)
        images.insert(image_of(domain.tree.empty() ? domain.disk : domain.tree));
    if (!boot.disk.empty()) images.insert(image_of(boot.tree.empty() ? boot.disk : boot.tree));
    return {{"kernel", fmt::format("{} {}", identity(boot.kernel), identity(boot.ramdisk))},
            {"image", fmt::format("{}", fmt::join(images, " "))},
            {"memory", fmt::format("{} MiB", boot.memory_mib)},
            {"vcpus", std::to_string(boot.vcpus)},
            {"words", boot.extra}};
}

std::string BootFiles::identity(const fs::path& file) {
    std::string& known = identities_[file];
    if (!known.empty()) return known;
    // A file of an image lies in a folder whose name is the hash of its manifest.
    const std::string folder = file.parent_path().filename();
    if (folder.size() == 64 && folder.find_first_not_of("0123456789abcdef") == std::string::npos)
        return known = folder + "/" + file.filename().string();
    std::ifstream stream(file, std::ios::binary);
    Sha256 hash;
    std::string piece(std::size_t{1} << 20, '\0');
    while (stream.read(piece.data(), static_cast<std::streamsize>(piece.size())), stream.gcount())
        hash.update(std::string_view(piece).substr(0, static_cast<std::size_t>(stream.gcount())));
    return known = hash.finish_hex();
}

}  // namespace ring3::experiment
