// SPDX-License-Identifier: MIT
// The layering of this repository, and that a breach of each kind would be noticed.
#include "tests/repo/layering.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace ring3::repo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Layering, holds_in_every_file) {
    Breaches breaches;
    for (const SourceFile& file : source_tree()) {
        // An example is built outside of this tree, by someone who has other rules.
        if (!is_cpp(file.path) || is_below(file.path, "examples")) continue;
        std::ranges::copy(layering_breaches(file), std::back_inserter(breaches));
    }
    EXPECT_TRUE(breaches.empty()) << listing(breaches);
}

TEST(Layering, names_file_and_line_of_an_upward_include) {
    const auto file = file_of("hv/sched/fifo.cpp",
                              "// SPDX-License-Identifier: MIT\n"
                              "#include \"hv/sched/scheduler.hpp\"\n"
                              "#include \"hv/base/check.hpp\"\n"
                              "#include \"hv/domain/domain.hpp\"\n");
    EXPECT_THAT(
        layering_breaches(file),
        ElementsAre("hv/sched/fifo.cpp:4: hv/sched may not include \"hv/domain/domain.hpp\""));
}

TEST(Layering, keeps_domains_from_a_concrete_engine) {
    const std::string path = "hv/domain/vcpu.cpp";
    EXPECT_THAT(layering_breaches(file_of(path, "#include \"hv/cpu/engine/engine.hpp\"")),
                IsEmpty());
    EXPECT_THAT(layering_breaches(file_of(path, "#include \"hv/cpu/engine/block_cache.hpp\"")),
                ElementsAre(HasSubstr("may not include")));
    EXPECT_THAT(layering_breaches(file_of(path, "#include \"hv/cpu/translate/translator.hpp\"")),
                ElementsAre(HasSubstr("may not include")));
}

TEST(Layering, lets_an_engine_see_more_than_its_interface_does) {
    const std::string_view text = "#include \"hv/cpu/state.hpp\"";
    EXPECT_THAT(layering_breaches(file_of("hv/cpu/engine/translator.cpp", text)), IsEmpty());
    EXPECT_THAT(layering_breaches(file_of("hv/cpu/engine/engine.hpp", text)),
                ElementsAre(HasSubstr("may not include")));
}

TEST(Layering, keeps_a_folder_from_those_above_it) {
    EXPECT_THAT(layering_breaches(file_of("hv/memory/policy/eager.cpp",
                                          "#include \"hv/memory/frame_table.hpp\"")),
                ElementsAre(HasSubstr("may not include")));
    EXPECT_THAT(layering_breaches(file_of("hv/machine/machine.cpp", "#include \"cli/verb.hpp\"")),
                ElementsAre(HasSubstr("may not include")));
}

TEST(Layering, wants_includes_from_the_root) {
    EXPECT_THAT(layering_breaches(file_of("hv/base/check.cpp", "#include \"check.hpp\"")),
                ElementsAre(HasSubstr("not written from the repository's root")));
    EXPECT_THAT(layering_breaches(file_of("hv/base/check.cpp", "#include \"hv/base/units.cpp\"")),
                ElementsAre(HasSubstr("is not a header")));
}

TEST(Layering, wants_a_row_for_a_new_folder) {
    EXPECT_THAT(layering_breaches(file_of("hv/novelty/a.cpp", "")),
                ElementsAre(HasSubstr("no row")));
}

TEST(Layering, gives_each_library_one_door) {
    const std::string_view zydis = "#include <Zydis/Zydis.h>";
    EXPECT_THAT(layering_breaches(file_of("hv/cpu/decode/decoder.cpp", zydis)), IsEmpty());
    EXPECT_THAT(layering_breaches(file_of("tests/hv/cpu/decode/decoder_test.cpp", zydis)),
                IsEmpty());
    EXPECT_THAT(layering_breaches(file_of("hv/domain/domain.cpp", zydis)),
                ElementsAre("hv/domain/domain.cpp:1: <Zydis/Zydis.h> may be included in "
                            "hv/cpu, tests/insn, tests/oracle, tests/bench only"));
    for (const char* header : {"asmjit/x86.h", "xen/xen.h", "libxlutil.h", "toml++/toml.h",
                               "boost/program_options.hpp", "zlib.h", "gtest/gtest.h"}) {
        const auto file = file_of("hv/sched/fifo.cpp", fmt::format("#include <{}>", header));
        EXPECT_THAT(layering_breaches(file), ElementsAre(HasSubstr("only"))) << header;
    }
}

TEST(Layering, refuses_a_library_without_a_door) {
    const std::string path = "cli/main.cpp";
    EXPECT_THAT(layering_breaches(file_of(path, "#include <vector>\n#include <sys/mman.h>")),
                IsEmpty());
    EXPECT_THAT(layering_breaches(file_of(path, "#include <curl/curl.h>")),
                ElementsAre(HasSubstr("no door")));
    EXPECT_THAT(layering_breaches(file_of(path, "#  include <boost/asio.hpp>")),
                ElementsAre(HasSubstr("no door")));
}

TEST(Determinism, holds_in_every_file) {
    Breaches breaches;
    for (const SourceFile& file : source_tree())
        if (is_cpp(file.path))
            std::ranges::copy(determinism_breaches(file), std::back_inserter(breaches));
    EXPECT_TRUE(breaches.empty()) << listing(breaches);
}

TEST(Determinism, leaves_the_hosts_clock_to_the_wall_clock) {
    const std::string_view text = "const auto now = std::chrono::steady_clock::now();";
    EXPECT_THAT(determinism_breaches(file_of("hv/clock/wall.cpp", text)), IsEmpty());
    EXPECT_THAT(determinism_breaches(file_of("cli/create.cpp", text)), IsEmpty());
    EXPECT_THAT(determinism_breaches(file_of("hv/machine/machine.cpp", text)),
                ElementsAre("hv/machine/machine.cpp:1: "
                            "the host's clock is read by the wall clock alone"));
}

TEST(Determinism, refuses_random_devices_counters_and_jumps_but_not_words_in_comments) {
    for (const char* code : {"std::random_device seed;", "x = rand();", "t = __rdtsc();",
                             "longjmp(buffer, 1);", "open(\"/dev/urandom\", 0);"})
        EXPECT_EQ(determinism_breaches(file_of("hv/base/a.cpp", code)).size(), 1u) << code;
    EXPECT_THAT(determinism_breaches(file_of("hv/base/a.cpp", "int a;  // no random_device")),
                IsEmpty());
}

}  // namespace
}  // namespace ring3::repo
