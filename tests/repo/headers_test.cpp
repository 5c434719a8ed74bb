// SPDX-License-Identifier: MIT
// Every header compiles by itself: tests/headers.cmake makes a source of each and the build
// compiles it. Left to check is that it did so for every header there is.
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "build_info.hpp"
#include "tests/repo/source_tree.hpp"

namespace ring3::repo {
namespace {

namespace fs = std::filesystem;

fs::path object_of(const std::string& header) {
    const fs::path tests = fs::path{build_info::binary_dir} / "tests";
    return tests / "CMakeFiles/headers_alone.dir/headers" / (header + ".cpp.o");
}

TEST(Headers, were_all_compiled_alone) {
    Breaches breaches;
    for (const SourceFile& file : source_tree())
        if (file.path.ends_with(".hpp") && !is_below(file.path, "examples") &&
            !fs::exists(object_of(file.path)))
            report(breaches, file, 1, "not compiled alone: see tests/headers.cmake");
    EXPECT_TRUE(breaches.empty()) << listing(breaches);
}

TEST(Headers, leave_no_object_that_is_not_there) {
    EXPECT_TRUE(fs::exists(object_of("tests/repo/source_tree.hpp")));
    EXPECT_FALSE(fs::exists(object_of("tests/repo/no_such_header.hpp")));
}

}  // namespace
}  // namespace ring3::repo
