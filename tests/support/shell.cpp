// SPDX-License-Identifier: MIT
#include "tests/support/shell.hpp"

#include <array>
#include <cstdio>

#include <gtest/gtest.h>

namespace ring3::test {

std::string output_of(const std::string& command) {
    std::string text;
    std::FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) {
        ADD_FAILURE() << "no shell for: " << command;
        return text;
    }
    std::array<char, 4096> piece;
    for (std::size_t n; (n = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;)
        text.append(piece.data(), n);
    EXPECT_EQ(pclose(pipe), 0) << command;
    return text;
}

}  // namespace ring3::test
