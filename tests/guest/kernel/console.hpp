// SPDX-License-Identifier: MIT
// Output of the test guest: one line per check, "group/name: value", the same on every hypervisor.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guest {

/// Chooses the way out: console_io for a domain 0, the console ring otherwise.
void start_console();

void print(const char* text);

/// The prefix of the lines that follow.
void set_group(const char* name);

/// A line is built from pieces and printed when it ends.
class Line {
public:
    explicit Line(const char* name);
    ~Line();
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;

    Line& text(const char* s);
    Line& number(long value);
    Line& hex(std::uint64_t value);

private:
    static constexpr std::size_t capacity = 256;
    char buffer_[capacity];
    std::size_t length_ = 0;
};

/// A result or count, in decimal.
void report(const char* name, long value);
/// A register, field or entry, in hexadecimal.
void report_hex(const char* name, std::uint64_t value);
void report_bool(const char* name, bool value);

}  // namespace guest
