// SPDX-License-Identifier: MIT
#include "hv/control/protocol.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace ring3 {
namespace {

TEST(Protocol, keeps_every_byte_as_a_character) {
    std::string bytes;
    for (int code = 0; code < 256; ++code) bytes.push_back(static_cast<char>(code));
    const Json document{{"output", text_of_bytes(bytes)}};
    const Json read = document_of(line_of(document));
    EXPECT_EQ(bytes_of_text(read["output"].get<std::string>()), bytes);
}

TEST(Protocol, refuses_a_character_that_is_no_byte) {
    EXPECT_THROW(bytes_of_text("\u0100"), ControlError);
    EXPECT_THROW(bytes_of_text("\u20ac"), ControlError);
}

TEST(Protocol, puts_a_document_on_one_line_whatever_is_in_it) {
    const std::string line = line_of({{"a", "x\ny"}, {"b", "\xff\xfe"}});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(document_of(line)["a"], "x\ny");
}

TEST(Protocol, refuses_what_is_no_object) {
    for (const char* line : {"", "x", "[1]", "1", "{", "{\"a\":1}}", "{\"a\":\"\xff\"}", "null"})
        EXPECT_THROW(document_of(line), ControlError) << line;
}

TEST(Protocol, refuses_what_is_nested_without_end) {
    const std::string deep = "{\"a\":" + std::string(1'000'000, '[') + "}";
    EXPECT_THROW(document_of(deep), ControlError);
}

TEST(Arguments, give_what_has_the_right_type) {
    const Arguments arguments(
        Json{{"s", "x"}, {"n", 5}, {"f", true}, {"l", {"a", "b"}}, {"o", {{"k", "v"}}}});
    EXPECT_EQ(arguments.string("s"), "x");
    EXPECT_EQ(arguments.string("none", "y"), "y");
    EXPECT_EQ(arguments.integer("n"), 5);
    EXPECT_TRUE(arguments.flag("f"));
    EXPECT_FALSE(arguments.flag("none"));
    EXPECT_EQ(arguments.strings("l"), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(arguments.object("o")["k"], "v");
}

TEST(Arguments, refuse_what_has_another) {
    const Arguments arguments(Json{{"s", 1},
                                   {"n", 1.5},
                                   {"big", std::numeric_limits<std::uint64_t>::max()},
                                   {"f", "yes"},
                                   {"l", {1}},
                                   {"o", "x"}});
    EXPECT_THROW(arguments.string("s"), ControlError);
    EXPECT_THROW(arguments.string("none"), ControlError);
    EXPECT_THROW(arguments.integer("n"), ControlError);
    EXPECT_THROW(arguments.integer("big"), ControlError);
    EXPECT_THROW(arguments.flag("f"), ControlError);
    EXPECT_THROW(arguments.strings("l"), ControlError);
    EXPECT_THROW(arguments.object("o"), ControlError);
    EXPECT_THROW(Arguments(Json("text")), ControlError);
}

}  // namespace
}  // namespace ring3
