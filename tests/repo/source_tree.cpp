// SPDX-License-Identifier: MIT
#include "tests/repo/source_tree.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "build_info.hpp"

namespace ring3::repo {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(std::istream& text) {
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

std::vector<std::string> paths_by_walking(const fs::path& root) {
    std::vector<std::string> paths;
    for (auto it = fs::recursive_directory_iterator{root}; it != fs::end(it); ++it) {
        const std::string path = it->path().lexically_relative(root);
        if (path.starts_with("build") && it->is_directory()) it.disable_recursion_pending();
        if (path == "results" || path == ".git") it.disable_recursion_pending();
        if (it->is_regular_file()) paths.push_back(path);
    }
    return paths;
}

std::vector<std::string> paths_of_tree(const fs::path& root) {
    if (!fs::exists(root / ".git")) return paths_by_walking(root);
    // Whoever runs the tests may not be the owner of the tree, which git otherwise objects to.
    const Output listed =
        output_of(fmt::format("git -c safe.directory='*' -C '{}' ls-files --cached --others "
                              "--exclude-standard --deduplicate",
                              root.string()));
    if (listed.exit_code != 0) return paths_by_walking(root);
    std::istringstream text{listed.text};
    return lines_of(text);
}

}  // namespace

std::vector<SourceFile> source_tree() {
    const fs::path root = build_info::source_root;
    std::vector<std::string> paths = paths_of_tree(root);
    std::ranges::sort(paths);

    std::vector<SourceFile> files;
    for (const std::string& path : paths) {
        if (!fs::is_regular_file(root / path)) continue;  // deleted, and not yet committed
        std::ifstream text{root / path};
        SourceFile file{path, lines_of(text)};
        const bool is_binary = std::ranges::any_of(
            file.lines, [](const std::string& line) { return line.find('\0') != line.npos; });
        if (!is_binary) files.push_back(std::move(file));
    }
    if (files.empty()) throw std::runtime_error{"found no files in " + root.string()};
    return files;
}

SourceFile file_of(std::string path, std::string_view text) {
    std::istringstream stream{std::string{text}};
    return {std::move(path), lines_of(stream)};
}

bool is_cpp(std::string_view path) { return path.ends_with(".cpp") || path.ends_with(".hpp"); }

bool is_below(std::string_view path, std::string_view folder) {
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string folder_of(std::string_view path) { return fs::path{path}.parent_path().string(); }

void report(Breaches& breaches, const SourceFile& file, std::size_t line, std::string_view what) {
    breaches.push_back(fmt::format("{}:{}: {}", file.path, line, what));
}

std::string listing(const Breaches& breaches) {
    return fmt::format("\n{}", fmt::join(breaches, "\n"));
}

Output output_of(const std::string& command) {
    std::FILE* pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error{"cannot start: " + command};
    Output output{};
    std::array<char, 4096> buffer{};
    for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        output.text.append(buffer.data(), got);
    const int status = ::pclose(pipe);
    output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return output;
}

}  // namespace ring3::repo
