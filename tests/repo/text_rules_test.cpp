// SPDX-License-Identifier: MIT
// The looks of this repository's files, and that a breach of each kind would be noticed.
#include "tests/repo/text_rules.hpp"

#include <algorithm>
#include <iterator>

#include <gmock/gmock.h>

namespace ring3::repo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void expect_everywhere(Breaches (*rule)(const SourceFile&)) {
    Breaches breaches;
    for (const SourceFile& file : source_tree())
        std::ranges::copy(rule(file), std::back_inserter(breaches));
    EXPECT_TRUE(breaches.empty()) << listing(breaches);
}

TEST(SourceTree, holds_this_file) {
    const auto files = source_tree();
    EXPECT_EQ(std::ranges::count(files, "tests/repo/text_rules_test.cpp", &SourceFile::path), 1);
}

TEST(SpdxTag, is_in_every_file) { expect_everywhere(spdx_breaches); }

TEST(SpdxTag, is_missed_where_it_is_not_first) {
    const std::string tag =
        "SPDX-License-"
        "Identifier: MIT\n";
    EXPECT_THAT(spdx_breaches(file_of("hv/a.hpp", "// " + tag)), IsEmpty());
    EXPECT_THAT(spdx_breaches(file_of("ring3", "#!/bin/bash\n# " + tag)), IsEmpty());
    EXPECT_THAT(spdx_breaches(file_of("hv/a.hpp", "#pragma once\n// " + tag)),
                ElementsAre("hv/a.hpp:1: the SPDX tag is missing"));
    EXPECT_THAT(spdx_breaches(file_of("cmake/a.cmake", "")), ElementsAre(HasSubstr("missing")));
}

TEST(Header, guards_and_explains_itself_everywhere) { expect_everywhere(header_breaches); }

TEST(Header, is_refused_without_pragma_once_or_explanation) {
    EXPECT_THAT(header_breaches(file_of("hv/a.hpp", "// tag\n// What it is.\n#pragma once\n")),
                IsEmpty());
    EXPECT_THAT(header_breaches(file_of("hv/a.hpp", "// tag\n// What it is.\nint a;\n")),
                ElementsAre(HasSubstr("#pragma once")));
    EXPECT_THAT(header_breaches(file_of("hv/a.hpp", "// tag\n#pragma once\n")),
                ElementsAre("hv/a.hpp:2: a header says here what it is"));
}

TEST(OwnHeader, comes_first_everywhere) {
    const auto files = source_tree();
    std::set<std::string> paths;
    for (const SourceFile& file : files) paths.insert(file.path);
    Breaches breaches;
    for (const SourceFile& file : files)
        std::ranges::copy(own_header_breaches(file, paths), std::back_inserter(breaches));
    EXPECT_TRUE(breaches.empty()) << listing(breaches);
}

TEST(OwnHeader, is_missed_in_a_source_and_in_a_test) {
    const std::set<std::string> paths{"hv/sched/queue.hpp"};
    const auto breaches_of = [&](const char* path, const char* text) {
        return own_header_breaches(file_of(path, text), paths);
    };
    const char* first = "#include \"hv/sched/queue.hpp\"\n#include <vector>\n";
    const char* late = "// tag\n#include <vector>\n#include \"hv/sched/queue.hpp\"\n";
    EXPECT_THAT(breaches_of("hv/sched/queue.cpp", first), IsEmpty());
    EXPECT_THAT(breaches_of("hv/sched/queue.cpp", late),
                ElementsAre("hv/sched/queue.cpp:2: \"hv/sched/queue.hpp\" comes first"));
    EXPECT_THAT(breaches_of("tests/hv/sched/queue_test.cpp", late),
                ElementsAre(HasSubstr(":2: \"hv/sched/queue.hpp\" comes first")));
    EXPECT_THAT(breaches_of("hv/sched/queue.cpp", "int a;"),
                ElementsAre(HasSubstr("is not included")));
    EXPECT_THAT(breaches_of("hv/sched/fifo.cpp", late), IsEmpty());
}

TEST(Lines, are_short_and_clean_everywhere) { expect_everywhere(line_breaches); }

TEST(Lines, are_refused_when_long_or_unclean) {
    EXPECT_THAT(line_breaches(file_of("hv/a.cpp", std::string(100, 'x'))), IsEmpty());
    EXPECT_THAT(line_breaches(file_of("hv/a.cpp", "int a;\n" + std::string(101, 'x'))),
                ElementsAre("hv/a.cpp:2: 101 columns of 100"));
    EXPECT_THAT(line_breaches(file_of("hv/a.cpp", "\tint a;\nint b; \nint c;\r\n")),
                ElementsAre("hv/a.cpp:1: a tab", "hv/a.cpp:2: blanks at the end",
                            "hv/a.cpp:3: a carriage return"));
}

TEST(Lines, are_counted_in_columns_and_not_in_bytes) {
    std::string line;
    for (int i = 0; i < 100; ++i) line += "\u03bb";
    EXPECT_THAT(line_breaches(file_of("hv/a.cpp", line)), IsEmpty());
}

TEST(Paths, of_one_machine_are_nowhere) { expect_everywhere(path_breaches); }

TEST(Paths, of_one_machine_are_refused_anywhere) {
    const std::string home =
        "/ho"
        "me/someone/ring3";
    EXPECT_THAT(path_breaches(file_of("docs/a.md", "See `" + home + "`.")),
                ElementsAre("docs/a.md:1: a path of one machine"));
    EXPECT_THAT(path_breaches(file_of("examples/a.cfg", "kernel = '/boot/vmlinuz'")), IsEmpty());
    EXPECT_THAT(path_breaches(file_of("tests/a.cpp", "\"/home/me/.cache\"")), IsEmpty());
}

TEST(Readme, is_short_everywhere) { expect_everywhere(readme_breaches); }

TEST(Readme, is_refused_when_long_or_without_title) {
    std::string text = "# hv/sched\n";
    for (int i = 0; i < 30; ++i) text += "a line\n";
    EXPECT_THAT(readme_breaches(file_of("hv/sched/README.md", text)),
                ElementsAre("hv/sched/README.md:31: 31 lines of 30"));
    EXPECT_THAT(readme_breaches(file_of("hv/README.md", "a line")),
                ElementsAre(HasSubstr("a title is missing")));
}

TEST(Readme, is_in_every_folder_of_the_layout) {
    std::vector<std::string> paths;
    for (const SourceFile& file : source_tree()) paths.push_back(file.path);
    const Breaches breaches = folders_without_readme(paths);
    EXPECT_TRUE(breaches.empty()) << listing(breaches);
}

TEST(Readme, is_missed_in_inner_and_outer_folders_but_not_in_mirrors) {
    EXPECT_THAT(
        folders_without_readme({"hv/io/path/direct.cpp", "hv/io/path/README.md", "tests/README.md",
                                "tests/hv/io/path/direct_test.cpp", "tests/boot/boot_test.cpp"}),
        ElementsAre("hv: README.md is missing", "hv/io: README.md is missing",
                    "tests/boot: README.md is missing"));
}

}  // namespace
}  // namespace ring3::repo
