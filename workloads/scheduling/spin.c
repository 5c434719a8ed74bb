/* SPDX-License-Identifier: MIT */
/* spin LOOPS: computes, and does nothing else: a few instructions for each loop. Prints what came
   of it. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words) {
    const uint64_t loops = count == 2 ? strtoull(words[1], NULL, 10) : 0;
    uint64_t state = 1;
    /* Knuth's multiplier: each loop needs the one before. */
    for (uint64_t i = 0; i < loops; ++i) state = state * 6364136223846793005u + i;
    printf("%" PRIu64 "\n", state);
    return loops == 0;
}
