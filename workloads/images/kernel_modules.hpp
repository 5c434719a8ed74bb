// SPDX-License-Identifier: MIT
// Chooses modules of a kernel, and with them those that they depend on, out of the file `modules`
// of a kernel image; and writes the lists by which modprobe finds them. (depmod is not part of the
// kernel's package: it would run where the package is installed.)
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/images/initramfs.hpp"

namespace ring3 {

class KernelModules final {
public:
    /// Reads the wanted modules. One that is built into the kernel needs no file;
    /// EnvironmentError if the kernel has it neither way.
    KernelModules(const std::filesystem::path& modules_tar, const std::vector<std::string>& wanted);

    /// The kernel's own name, as `uname -r` prints it.
    const std::string& release() const { return release_; }

    /// Adds lib/modules/RELEASE below `prefix` with the chosen modules, modules.dep and
    /// modules.alias.
    void add_to(Initramfs& initramfs, const std::string& prefix = "") const;

private:
    struct Module {
        std::string path;  // below lib/modules/RELEASE, with no suffix of a compressor
        std::string content;
        std::vector<std::string> depends;
        std::vector<std::string> aliases;
    };

    void read_wanted(const std::filesystem::path& modules_tar);
    std::string dependency_line(const Module& module) const;

    std::string release_;
    std::string builtin_;                    // the kernel's own list, modules.builtin
    std::map<std::string, Module> modules_;  // by name with '_' for '-'
    std::vector<std::string> missing_;       // wanted, not seen yet
};

/// The values of one field ("depends", "alias") in a module's section .modinfo. Nothing if the
/// bytes are no 64-bit ELF file or have no such section.
std::vector<std::string> modinfo(std::string_view module, std::string_view field);

}  // namespace ring3
