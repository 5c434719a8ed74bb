// SPDX-License-Identifier: MIT
// The built program is hardened as cmake/flags.cmake asks: read back from its ELF headers, because
// a flag that another one cancels leaves no other trace.
#include <regex>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "build_info.hpp"
#include "tests/repo/source_tree.hpp"

namespace ring3::repo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// What `readelf --wide --file-header --segments --dynamic --dyn-syms` must say.
Breaches hardening_breaches(const std::string& readelf, bool is_fortified) {
    Breaches breaches;
    const auto want = [&](const char* pattern, const char* what) {
        if (!std::regex_search(readelf, std::regex{pattern})) breaches.push_back(what);
    };
    want("Type: +DYN", "not position-independent");
    want("GNU_RELRO", "relocations stay writable");
    want("Flags:.* NOW", "symbols are bound lazily");
    want("GNU_STACK.* RW +0x", "the stack is executable");
    want("__stack_chk_fail", "no stack protector");
    if (is_fortified) want("__[a-z]+_chk@", "not fortified");
    if (std::regex_search(readelf, std::regex{"LOAD .* RWE +0x"}))
        breaches.push_back("a segment is writable and executable");
    return breaches;
}

TEST(Program, is_hardened) {
    const Output readelf = output_of(
        fmt::format("readelf --wide --file-header --segments --dynamic --dyn-syms '{}/ring3'",
                    build_info::binary_dir));
    ASSERT_EQ(readelf.exit_code, 0) << readelf.text;
    const Breaches breaches = hardening_breaches(readelf.text, build_info::is_fortified);
    EXPECT_TRUE(breaches.empty()) << listing(breaches);
}

TEST(Program, would_be_noticed_if_it_were_not_hardened) {
    EXPECT_THAT(
        hardening_breaches("  Type:   EXEC (Executable file)\n"
                           "  LOAD      0x000000 0x0 0x0 0x10 0x10 RWE 0x1000\n"
                           "  GNU_STACK 0x000000 0x0 0x0 0x00 0x00 RWE 0x10\n",
                           true),
        ElementsAre("not position-independent", "relocations stay writable",
                    "symbols are bound lazily", "the stack is executable", "no stack protector",
                    "not fortified", "a segment is writable and executable"));
}

}  // namespace
}  // namespace ring3::repo
