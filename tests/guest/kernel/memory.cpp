// SPDX-License-Identifier: MIT
// The functions that a freestanding compiler may call.
#include <cstddef>

extern "C" {

void* memset(void* to, int value, std::size_t n) {
    void* const start = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return start;
}

void* memcpy(void* to, const void* from, std::size_t n) {
    void* const start = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
    return start;
}

int memcmp(const void* a, const void* b, std::size_t n) {
    const auto* x = static_cast<const unsigned char*>(a);
    const auto* y = static_cast<const unsigned char*>(b);
    for (; n != 0; --n, ++x, ++y) {
        if (*x != *y) return *x - *y;
    }
    return 0;
}
}
