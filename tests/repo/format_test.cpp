// SPDX-License-Identifier: MIT
// clang-format 14 would change nothing. `clang-format-14 -i FILE` is what to do about a failure.
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "build_info.hpp"
#include "tests/repo/source_tree.hpp"

namespace ring3::repo {
namespace {

using testing::HasSubstr;

/// Asks for the files named in `paths`; for what `input` prints if there are none.
Output format_check(const std::string& paths, const std::string& input = "true") {
    return output_of(
        fmt::format("cd '{}' && {} | clang-format-14 --assume-filename=a.cpp --dry-run --Werror {}",
                    build_info::source_root, input, paths));
}

TEST(Format, is_clang_formats) {
    std::string paths;
    for (const SourceFile& file : source_tree())
        if (is_cpp(file.path)) paths += fmt::format(" '{}'", file.path);
    const Output checked = format_check(paths);

    std::set<std::string> files;
    std::istringstream text{checked.text};
    for (std::string line; std::getline(text, line);)
        if (line.find("[-Wclang-format-violations]") != line.npos)
            files.insert(line.substr(0, line.find(':')));
    EXPECT_TRUE(files.empty()) << fmt::format("\n{}", fmt::join(files, "\n"));
    EXPECT_EQ(checked.exit_code, 0);
}

TEST(Format, is_refused_when_it_is_another) {
    const Output checked = format_check("", "echo 'int  a;'");
    EXPECT_NE(checked.exit_code, 0);
    EXPECT_THAT(checked.text, HasSubstr("-Wclang-format-violations"));
}

}  // namespace
}  // namespace ring3::repo
