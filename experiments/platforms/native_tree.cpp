// SPDX-License-Identifier: MIT
#include "experiments/platforms/native_tree.hpp"

#include <fstream>

#include <unistd.h>

#include "hv/base/errors.hpp"
#include "workloads/images/file_lock.hpp"
#include "workloads/images/image_store.hpp"
#include "workloads/images/process.hpp"

namespace ring3::experiment {

namespace fs = std::filesystem;

std::vector<std::string> in_namespaces() {
    std::vector<std::string> words{"unshare", "--fork", "--pid", "--mount", "--kill-child"};
    // Files of the tree belong to several users: all of a range of numbers that is ours.
    if (::geteuid() != 0) words.insert(words.end(), {"--user", "--map-root-user", "--map-auto"});
    return words;
}

fs::path native_tree(const fs::path& archive) {
    const std::string build = archive.parent_path().filename();
    const fs::path trees = ImageStore::default_root().parent_path() / "trees";
    const fs::path tree = trees / build, complete = trees / (build + ".complete");
    if (fs::exists(complete)) return tree;
    fs::create_directories(trees);
    const FileLock lock{trees / (build + ".lock"), [] {}};
    if (fs::exists(complete)) return tree;
    fs::create_directories(tree);
    std::vector<std::string> command = in_namespaces();
    command.insert(command.end(), {"tar", "--zstd", "-xpf", archive, "-C", tree});
    // Only root makes devices; the platform puts the host's own there anyway.
    if (::geteuid() != 0) command.emplace_back("--exclude=./dev/*");
    output_of(command, trees);
    std::ofstream{complete} << archive.string() << '\n';
    return tree;
}

}  // namespace ring3::experiment
