// SPDX-License-Identifier: MIT
#include "workloads/images/kernel_modules.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <sstream>

#include <elf.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "workloads/images/archive.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view root = "lib/modules/";

/// The kernel takes '-' and '_' in a module's name for the same letter.
std::string module_name(std::string_view text) {
    std::string name{text};
    std::ranges::replace(name, '-', '_');
    return name;
}

/// "kernel/fs/ext4/ext4.ko.xz" -> "ext4"; empty if the path is not a module's.
std::string name_of_path(std::string_view path) {
    path.remove_prefix(path.rfind('/') + 1);
    const std::size_t suffix = path.find(".ko");
    return suffix == path.npos ? "" : module_name(path.substr(0, suffix));
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream{std::string{text}};
    for (std::string part; std::getline(stream, part, separator);)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

/// `size` bytes of the file from `offset` on; empty if they are not all there.
std::string_view slice(std::string_view file, std::uint64_t offset, std::uint64_t size) {
    if (offset > file.size() || size > file.size() - offset) return {};
    return file.substr(offset, size);
}

template <class Struct>
bool read_struct(std::string_view file, std::uint64_t offset, Struct& into) {
    const std::string_view bytes = slice(file, offset, sizeof into);
    if (bytes.empty()) return false;
    std::memcpy(&into, bytes.data(), sizeof into);
    return true;
}

std::string_view section(std::string_view file, std::string_view name) {
    Elf64_Ehdr header;
    Elf64_Shdr names;
    if (!read_struct(file, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64)
        return {};
    // No overflow: e_shnum and e_shentsize have 16 bits; read_struct refuses what lies behind the
    // end.
    const auto offset_of = [&](std::uint64_t i) { return header.e_shoff + i * header.e_shentsize; };
    if (!read_struct(file, offset_of(header.e_shstrndx), names)) return {};
    const std::string_view name_table = slice(file, names.sh_offset, names.sh_size);
    for (unsigned i = 0; i < header.e_shnum; ++i) {
        Elf64_Shdr entry;
        if (!read_struct(file, offset_of(i), entry)) return {};
        if (entry.sh_name >= name_table.size()) continue;
        const std::string_view rest = name_table.substr(entry.sh_name);
        if (rest.substr(0, rest.find('\0')) == name)
            return slice(file, entry.sh_offset, entry.sh_size);
    }
    return {};
}

}  // namespace

std::vector<std::string> modinfo(std::string_view module, std::string_view field) {
    std::vector<std::string> values;
    for (const std::string& line : split(section(module, ".modinfo"), '\0'))
        if (line.starts_with(field) && line.substr(field.size()).starts_with('='))
            values.push_back(line.substr(field.size() + 1));
    return values;
}

KernelModules::KernelModules(const fs::path& modules_tar, const std::vector<std::string>& wanted) {
    for (const std::string& name : wanted) missing_.push_back(module_name(name));
    // What the wanted ones depend on is known once they are read; so go through the archive again
    // until a pass finds nothing new to look for.
    while (!missing_.empty()) {
        const std::vector<std::string> before = missing_;
        read_wanted(modules_tar);
        if (missing_ != before) continue;
        throw EnvironmentError{
            fmt::format("the kernel {} has no module {}", release_, missing_[0])};
    }
}

void KernelModules::read_wanted(const fs::path& modules_tar) {
    std::set<std::string> wanted{missing_.begin(), missing_.end()};
    ArchiveReader reader{modules_tar};
    while (reader.next()) {
        std::string path = reader.path();
        if (!path.starts_with(root) || !reader.is_file()) continue;
        path.erase(0, root.size());
        release_ = path.substr(0, path.find('/'));
        path.erase(0, release_.size() + 1);
        const std::string name = name_of_path(path);
        if (path == "modules.builtin") {
            builtin_ = reader.content();
        } else if (wanted.contains(name) && !modules_.contains(name)) {
            Module module;
            module.path = path.substr(0, path.find(".ko") + 3);
            module.content =
                path.ends_with(".ko") ? reader.content() : decompress(path, reader.content());
            for (const std::string& list : modinfo(module.content, "depends"))
                for (const std::string& needed : split(list, ','))
                    module.depends.push_back(module_name(needed));
            module.aliases = modinfo(module.content, "alias");
            wanted.insert(module.depends.begin(), module.depends.end());
            modules_.emplace(name, std::move(module));
        }
    }
    for (const std::string& path : split(builtin_, '\n')) wanted.erase(name_of_path(path));
    std::erase_if(wanted, [&](const std::string& name) { return modules_.contains(name); });
    missing_.assign(wanted.begin(), wanted.end());
}

/// "a.ko: b.ko c.ko": all that a needs, such that each one's own needs stand behind it. (modprobe
/// loads them from the last to the first.)
std::string KernelModules::dependency_line(const Module& module) const {
    std::vector<const Module*> order;
    const auto visit = [&](const auto& self, const Module& at) -> void {
        for (const std::string& name : at.depends) {
            const auto found = modules_.find(name);
            if (found == modules_.end()) continue;  // built into the kernel
            self(self, found->second);
            if (std::ranges::find(order, &found->second) == order.end())
                order.push_back(&found->second);
        }
    };
    visit(visit, module);
    std::string line = module.path + ":";
    for (auto at = order.rbegin(); at != order.rend(); ++at) line += " " + (*at)->path;
    return line + "\n";
}

void KernelModules::add_to(Initramfs& initramfs, const std::string& prefix) const {
    const std::string top = prefix + std::string{root} + release_ + "/";
    std::string dependencies, aliases;
    for (const auto& [name, module] : modules_) {
        initramfs.add_file(top + module.path, module.content);
        dependencies += dependency_line(module);
        for (const std::string& alias : module.aliases)
            aliases += fmt::format("alias {} {}\n", alias, name);
    }
    initramfs.add_file(top + "modules.alias", aliases);
    initramfs.add_file(top + "modules.builtin", builtin_);
    initramfs.add_file(top + "modules.dep", dependencies);
}

}  // namespace ring3
