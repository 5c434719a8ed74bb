// SPDX-License-Identifier: MIT
#include "tests/repo/text_rules.hpp"

#include <algorithm>
#include <filesystem>
#include <regex>

#include <fmt/format.h>

namespace ring3::repo {

namespace {

constexpr std::size_t longest_line = 100;
constexpr std::size_t longest_readme = 30;

std::string_view line_at(const SourceFile& file, std::size_t index) {
    return index < file.lines.size() ? std::string_view{file.lines[index]} : std::string_view{};
}

/// Columns, not bytes: the continuation bytes of UTF-8 are part of the character before.
std::size_t columns_of(std::string_view line) {
    return static_cast<std::size_t>(std::ranges::count_if(
        line, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// Files that people write and read as code. Prose, tables of data and examples have other lines.
bool is_code(std::string_view path) {
    const std::filesystem::path as_path{path};
    static const std::set<std::string> extensions{".cpp", ".hpp", ".c",     ".h",  ".S", ".s",
                                                  ".lds", ".in",  ".cmake", ".sh", ".py"};
    static const std::set<std::string> names{"CMakeLists.txt", "ring3", "run", ".clang-format"};
    return extensions.contains(as_path.extension()) || names.contains(as_path.filename());
}

/// The folders that a README belongs in: hv/ at every depth; of the tests not those that mirror.
bool wants_readme(std::string_view folder) {
    static const std::regex layout{
        "hv(/.*)?|cli|docs|examples|workloads(/[^/]+)?|tests(/(?!hv$|cli$|workloads$)[^/]+)?"};
    return std::regex_match(folder.begin(), folder.end(), layout);
}

}  // namespace

Breaches spdx_breaches(const SourceFile& file) {
    Breaches breaches;
    if (!is_code(file.path)) return breaches;
    const std::size_t index = line_at(file, 0).starts_with("#!") ? 1 : 0;
    // Written in two parts so that this line is no tag of its own.
    if (line_at(file, index)
            .find("SPDX-License-"
                  "Identifier: MIT") == std::string_view::npos)
        report(breaches, file, index + 1, "the SPDX tag is missing");
    return breaches;
}

Breaches header_breaches(const SourceFile& file) {
    Breaches breaches;
    if (!file.path.ends_with(".hpp")) return breaches;
    if (std::ranges::count(file.lines, "#pragma once") != 1)
        report(breaches, file, 1, "a header has one line `#pragma once`");
    if (!line_at(file, 1).starts_with("// "))
        report(breaches, file, 2, "a header says here what it is");
    return breaches;
}

Breaches own_header_breaches(const SourceFile& file, const std::set<std::string>& paths) {
    static const std::regex source{R"((.*)\.cpp)"};
    static const std::regex test{R"(tests/(.*)_test\.cpp)"};
    static const std::regex include{R"(#include ["<](.*)[">].*)"};
    Breaches breaches;
    std::smatch match;
    std::string own;
    for (const std::regex& kind : {source, test})
        if (std::regex_match(file.path, match, kind) && paths.contains(match[1].str() + ".hpp"))
            own = match[1].str() + ".hpp";
    if (own.empty()) return breaches;

    for (std::size_t i = 0; i < file.lines.size(); ++i) {
        if (!std::regex_match(file.lines[i], match, include)) continue;
        if (match[1] != own) report(breaches, file, i + 1, fmt::format("\"{}\" comes first", own));
        return breaches;
    }
    report(breaches, file, 1, fmt::format("\"{}\" is not included", own));
    return breaches;
}

Breaches line_breaches(const SourceFile& file) {
    Breaches breaches;
    if (!is_code(file.path)) return breaches;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
        const std::string& line = file.lines[i];
        if (columns_of(line) > longest_line)
            report(breaches, file, i + 1, fmt::format("{} columns of 100", columns_of(line)));
        if (line.find('\t') != line.npos) report(breaches, file, i + 1, "a tab");
        if (line.ends_with(' ')) report(breaches, file, i + 1, "blanks at the end");
        if (line.ends_with('\r')) report(breaches, file, i + 1, "a carriage return");
    }
    return breaches;
}

Breaches path_breaches(const SourceFile& file) {
    // `/home/me` is anybody's.
    static const std::regex path_of_one_machine{
        R"((^|[^\w.])/(home/(?!me\b)|work/|mnt/|media/)\w)"};
    Breaches breaches;
    for (std::size_t i = 0; i < file.lines.size(); ++i)
        if (std::regex_search(file.lines[i], path_of_one_machine))
            report(breaches, file, i + 1, "a path of one machine");
    return breaches;
}

Breaches readme_breaches(const SourceFile& file) {
    Breaches breaches;
    // The top one is the front page, not a folder's.
    if (!file.path.ends_with("/README.md")) return breaches;
    if (file.lines.size() > longest_readme)
        report(breaches, file, longest_readme + 1,
               fmt::format("{} lines of 30", file.lines.size()));
    if (!line_at(file, 0).starts_with("# ")) report(breaches, file, 1, "a title is missing");
    return breaches;
}

Breaches folders_without_readme(const std::vector<std::string>& paths) {
    std::set<std::string> folders;
    for (const std::string& path : paths)
        for (std::string folder = folder_of(path); !folder.empty(); folder = folder_of(folder))
            if (wants_readme(folder)) folders.insert(folder);

    Breaches breaches;
    for (const std::string& folder : folders)
        if (std::ranges::find(paths, folder + "/README.md") == paths.end())
            breaches.push_back(folder + ": README.md is missing");
    return breaches;
}

}  // namespace ring3::repo
