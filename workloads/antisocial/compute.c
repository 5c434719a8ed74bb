/* SPDX-License-Identifier: MIT */
/* compute MILLIONS: so many million steps of a generator of random numbers, and nothing else: the
   neighbour that takes all the CPU it is given and asks the kernel for nothing. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words) {
    const long millions = count == 2 ? atol(words[1]) : 0;
    if (millions < 1) {
        fprintf(stderr, "usage: compute MILLIONS\n");
        return 2;
    }
    uint64_t x = 1;
    for (long i = 0; i < millions * 1000000; ++i) {
        /* Marsaglia's xorshift64: no compiler takes a shorter way. */
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    printf("%016llx\n", (unsigned long long)x);
    return 0;
}
