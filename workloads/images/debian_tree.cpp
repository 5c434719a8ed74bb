// SPDX-License-Identifier: MIT
#include "workloads/images/debian_tree.hpp"

#include <fstream>
#include <iterator>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/errors.hpp"
#include "hv/base/sha256.hpp"
#include "workloads/images/archive.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using Kind = ArchiveEntry::Kind;

constexpr const char* merged_usr_hook = "/usr/share/mmdebstrap/hooks/merged-usr";

// What nobody reads in a guest; the copyright files stay, as the licences want.
constexpr const char* left_out[] = {
    "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright"};

std::string sha256_of_file(const fs::path& file) {
    std::ifstream stream{file, std::ios::binary};
    return sha256_hex(std::string{std::istreambuf_iterator<char>{stream}, {}});
}

/// Makes `directory` a source that apt installs from: the packages and a list of them.
void write_repository(const std::map<std::string, fs::path>& packages, const fs::path& directory) {
    fs::create_directory(directory);
    std::ofstream index{directory / "Packages"};
    for (const auto& [name, deb] : packages) {
        // A plain name: apt would take the %3a of a version's epoch in a file's name for a colon.
        const std::string file = name + ".deb";
        fs::copy_file(deb, directory / file);
        fs::permissions(directory / file, fs::perms{0644});
        index << output_of({"dpkg-deb", "--field", deb.string()}, "/")
              << fmt::format("Filename: ./{}\nSize: {}\nSHA256: {}\n\n", file, fs::file_size(deb),
                             sha256_of_file(deb));
    }
    if (!index.flush())
        throw EnvironmentError{fmt::format("cannot write {}", (directory / "Packages").string())};
}

std::vector<std::string> names_of(const std::map<std::string, fs::path>& packages) {
    std::vector<std::string> names;
    for (const auto& [name, deb] : packages) names.push_back(name);
    return names;
}

}  // namespace

void write_debian_tree(const DebianTree& tree, const fs::path& tar, const fs::path& scratch) {
    write_repository(tree.packages, scratch / "packages");
    tree.files.write_tar(scratch / "files.tar");
    std::ofstream{scratch / "script"} << "exec chroot \"$1\" /bin/sh -e <<'END-OF-SCRIPT'\n"
                                      << tree.script << "END-OF-SCRIPT\n";

    std::vector<std::string> command{
        "mmdebstrap", ::geteuid() == 0 ? "--mode=root" : "--mode=unshare", "--architectures=amd64",
        // Exactly these packages, essential ones among them.
        "--variant=custom", fmt::format("--include={}", fmt::join(names_of(tree.packages), ",")),
        fmt::format("--hook-dir={}", merged_usr_hook),
        fmt::format("--customize-hook=tar-in {} /", (scratch / "files.tar").string()),
        fmt::format("--customize-hook=sh {} \"$1\"", (scratch / "script").string())};
    // A tree that a crash of the host would damage is made anew; guests keep dpkg's own way.
    command.insert(command.end(), {"--dpkgopt=force-unsafe-io",
                                   "--customize-hook=sed -i /force-unsafe-io/d "
                                   "\"$1\"/etc/dpkg/dpkg.cfg.d/99mmdebstrap"});
    for (const char* option : left_out) command.push_back(fmt::format("--dpkgopt={}", option));
    command.insert(command.end(), {"", tar.string(),
                                   fmt::format("deb [trusted=yes] copy://{} ./",
                                               (scratch / "packages").string())});
    // Its helpers are Debian's Python programs: another Python that the user has may be slow to
    // start, hundreds of times.
    Process process{command,
                    "/",
                    {},
                    {fmt::format("SOURCE_DATE_EPOCH={}", tree.made_at_s),
                     "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}};
    read_all(process.output());
    try {
        process.wait();
    } catch (const CommandError& error) {
        throw EnvironmentError{fmt::format(
            "mmdebstrap cannot install the packages: {}{}", error.complaint(),
            ::geteuid() == 0
                ? ""
                : " (without root it needs user namespaces, the package uidmap and lines for this "
                  "user in /etc/subuid and /etc/subgid)")};
    }
}

std::string list_tree(const fs::path& tar) {
    std::string text;
    ArchiveReader reader{tar};
    while (reader.next()) {
        const ArchiveEntry entry = reader.entry();
        const std::string content = reader.is_file() ? reader.content() : "";
        const std::string what = entry.kind == Kind::file        ? sha256_hex(content)
                                 : entry.kind == Kind::directory ? "directory"
                                 : entry.target.empty()          ? "device"
                                                                 : "-> " + entry.target;
        text += fmt::format("{:04o} {} {} {} {} /{}\n", entry.permissions, entry.uid, entry.gid,
                            content.size(), what, entry.path);
    }
    return text;
}

}  // namespace ring3
