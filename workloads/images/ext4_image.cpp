// SPDX-License-Identifier: MIT
#include "workloads/images/ext4_image.hpp"

#include <fstream>
#include <map>
#include <vector>

#include <sys/stat.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "workloads/images/archive.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using Kind = ArchiveEntry::Kind;

// Debian 12's choice for ext4, without the two newest features, which boot loaders do not know.
constexpr const char* features =
    "has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,"
    "large_file,huge_file,dir_nlink,extra_isize,metadata_csum";

// No file of the host adds to what the command line says.
constexpr const char* mke2fs_config =
    "[defaults]\n    base_features = none\n"
    "[fs_types]\n    ext4 = {\n    }\n    small = {\n    }\n    big = {\n    }\n";

void write_file(const fs::path& file, std::string_view content) {
    std::ofstream stream;
    stream.exceptions(std::ios::failbit | std::ios::badbit);
    stream.open(file, std::ios::binary);
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
    stream.close();
}

/// A word of a command of debugfs.
std::string quoted(const std::string& text) {
    if (text.find('\n') != text.npos)
        throw EnvironmentError{fmt::format("the name \"{}\" has more than one line", text)};
    std::string result = "\"";
    for (const char c : text) result += c == '"' ? std::string{"\"\""} : std::string{c};
    return result + "\"";
}

unsigned type_bits(Kind kind) {
    switch (kind) {
        case Kind::file:
        case Kind::hard_link:
            return S_IFREG;
        case Kind::directory:
            return S_IFDIR;
        case Kind::symlink:
            return S_IFLNK;
        case Kind::character_device:
            return S_IFCHR;
        case Kind::block_device:
            return S_IFBLK;
        case Kind::fifo:
            return S_IFIFO;
    }
    return 0;
}

/// The commands by which debugfs makes the tree of a tar, whose files are unpacked into `tree`.
class Script final {
public:
    Script(fs::path tree, std::int64_t made_at_s) : tree_{std::move(tree)}, made_at_s_{made_at_s} {}

    void add(ArchiveReader& reader) {
        const ArchiveEntry entry = reader.entry();
        if (entry.path.empty()) return;
        const std::string name = enter_directory_of(entry.path);
        switch (entry.kind) {
            case Kind::file:
                unpack(entry, reader.content());
                add_line("write {} {}", quoted((tree_ / entry.path).string()), name);
                break;
            case Kind::directory:
                fs::create_directories(tree_ / entry.path);
                add_line("mkdir {}", name);
                break;
            case Kind::symlink:
                // The tools find their libraries by links.
                fs::create_symlink(entry.target, tree_ / entry.path);
                add_line("symlink {} {}", name, quoted(entry.target));
                break;
            case Kind::hard_link:
                // `ln` does not make a full directory longer, and others do: room is made first.
                add_line("mknod {} p", name);
                add_line("rm {}", name);
                add_line("ln {} {}", quoted("/" + entry.target), name);
                ++links_[entry.target];
                return;
            case Kind::character_device:
                add_line("mknod {} c {} {}", name, entry.major, entry.minor);
                break;
            case Kind::block_device:
                add_line("mknod {} b {} {}", name, entry.major, entry.minor);
                break;
            case Kind::fifo:
                add_line("mknod {} p", name);
                break;
        }
        add_attributes(entry, name);
    }

    std::string finish() {
        // `ln` makes a name and leaves the count alone.
        for (const auto& [path, more] : links_)
            add_line("sif {} links_count {}", quoted("/" + path), 1 + more);
        return std::move(text_);
    }

private:
    template <typename... Arguments>
    void add_line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        text_ += fmt::format(format, std::forward<Arguments>(arguments)...) + "\n";
    }

    /// Some of debugfs' commands take names in its working directory only.
    std::string enter_directory_of(const std::string& path) {
        const std::size_t slash = path.rfind('/');
        const std::string directory = slash == path.npos ? "/" : "/" + path.substr(0, slash);
        if (directory != working_directory_) add_line("cd {}", quoted(directory));
        working_directory_ = directory;
        return quoted(slash == path.npos ? path : path.substr(slash + 1));
    }

    void unpack(const ArchiveEntry& entry, const std::string& content) const {
        write_file(tree_ / entry.path, content);
        fs::permissions(tree_ / entry.path, fs::perms{0600} | fs::perms{entry.permissions & 0777});
    }

    void add_attributes(const ArchiveEntry& entry, const std::string& name) {
        if (entry.kind != Kind::symlink)
            add_line("sif {} mode 0{:o}", name, type_bits(entry.kind) | entry.permissions);
        if (entry.uid != 0) add_line("sif {} uid {}", name, entry.uid);
        if (entry.gid != 0) add_line("sif {} gid {}", name, entry.gid);
        if (entry.changed_at_s != made_at_s_)
            add_line("sif {} mtime @{}", name, entry.changed_at_s);
    }

    fs::path tree_;
    std::int64_t made_at_s_;
    std::string text_;
    std::string working_directory_ = "/";
    std::map<std::string, int> links_;  // names besides the first, by path
};

/// Runs a program of the unpacked tree with the tree's own libraries.
class Tools final {
public:
    Tools(fs::path tree, std::vector<std::string> variables)
        : tree_{std::move(tree)}, variables_{std::move(variables)} {}

    void run(const char* tool, const std::vector<std::string>& arguments) const {
        const fs::path libraries = tree_ / "usr/lib/x86_64-linux-gnu";
        std::vector<std::string> command{libraries / "ld-linux-x86-64.so.2", "--library-path",
                                         libraries, tree_ / "usr/sbin" / tool};
        command.insert(command.end(), arguments.begin(), arguments.end());
        Process process{command, "/", {}, variables_};
        read_all(process.output());
        process.wait();
        // debugfs ends with 0 whatever became of its commands; but it says what failed.
        const std::string said = process.complaint();
        const std::size_t greeting_end = said.find("; ");
        if (std::string_view{tool} == "debugfs" && greeting_end != said.npos)
            throw EnvironmentError{fmt::format("debugfs: {}", said.substr(greeting_end + 2))};
    }

private:
    fs::path tree_;
    std::vector<std::string> variables_;
};

}  // namespace

void write_ext4_image(const fs::path& tar, const fs::path& image, const Ext4Options& options,
                      const fs::path& scratch) {
    const fs::path tree = scratch / "tree";
    fs::create_directories(tree);
    Script script{tree, options.made_at_s};
    ArchiveReader reader{tar};
    while (reader.next()) script.add(reader);
    write_file(scratch / "commands", script.finish());
    write_file(scratch / "mke2fs.conf", mke2fs_config);
    write_file(image, "");
    fs::resize_file(image, options.size_bytes);

    const Tools tools{tree,
                      {fmt::format("E2FSPROGS_FAKE_TIME={}", options.made_at_s),
                       fmt::format("MKE2FS_CONFIG={}", (scratch / "mke2fs.conf").string())}};
    // The file is one hole, so nothing has to be zeroed, now or by the guest that mounts it first.
    tools.run("mke2fs", {"-q",
                         "-F",
                         "-t",
                         "ext4",
                         "-b",
                         "4096",
                         "-I",
                         "256",
                         "-m",
                         "1",
                         "-N",
                         std::to_string(options.inodes),
                         "-L",
                         options.label,
                         "-U",
                         options.uuid,
                         "-E",
                         fmt::format("hash_seed={},lazy_itable_init=0,lazy_journal_init=0,"
                                     "assume_storage_prezeroed=1,root_owner=0:0",
                                     options.uuid),
                         "-J",
                         fmt::format("size={}", options.journal_mib),
                         "-O",
                         features,
                         image.string()});
    tools.run("debugfs", {"-w", "-f", (scratch / "commands").string(), image.string()});
    tools.run("e2fsck", {"-f", "-n", image.string()});
}

}  // namespace ring3
