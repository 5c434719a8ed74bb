// SPDX-License-Identifier: MIT
// The repository's own files as text, and the shape in which its rules report: `file:line: what`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ring3::repo {

struct SourceFile {
    std::string path;  ///< from the repository's root
    std::vector<std::string> lines;
};

/// Every text file that belongs to the repository, sorted by path: what git tracks or would add.
/// Outside a git work tree: all files but those of build trees.
std::vector<SourceFile> source_tree();

/// A file made of one text, for trying a rule on a bad example.
SourceFile file_of(std::string path, std::string_view text);

bool is_cpp(std::string_view path);

/// Is `path` in `folder`, or `folder` itself?
bool is_below(std::string_view path, std::string_view folder);

/// The folder a path is in.
std::string folder_of(std::string_view path);

/// Breaches, one a line: empty when a rule holds. Line numbers count from 1.
using Breaches = std::vector<std::string>;
void report(Breaches& breaches, const SourceFile& file, std::size_t line, std::string_view what);
std::string listing(const Breaches& breaches);

/// What a command prints, stdout and stderr in one, and its exit code.
struct Output {
    std::string text;
    int exit_code;
};
Output output_of(const std::string& command);

}  // namespace ring3::repo
