/* SPDX-License-Identifier: MIT */
/* pulse COUNT PERIOD_US [SEED]: sleeps COUNT times for PERIOD_US, or with a seed for times that are
   even between 0 and twice that, and prints by how much it woke too late, as lines "NAME us VALUE",
   by the clock of the guest. */
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void* a, const void* b) {
    const double x = *(const double*)a, y = *(const double*)b;
    return (x > y) - (x < y);
}

/* Marsaglia's xorshift64. */
static uint64_t next_random(uint64_t* state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int main(int words, char** word) {
    const int count = words >= 3 ? atoi(word[1]) : 0, mean_us = words >= 3 ? atoi(word[2]) : 0;
    uint64_t random = words == 4 ? strtoull(word[3], NULL, 10) : 0;
    double* const late_us = count > 0 && mean_us > 0 ? calloc((size_t)count, sizeof *late_us) : 0;
    if (!late_us) return 2;
    double sum = 0, squares = 0;
    for (int i = 0; i < count; ++i) {
        const int sleep_us =
            random ? (int)(next_random(&random) % (2 * (uint64_t)mean_us)) : mean_us;
        const struct timespec period = {sleep_us / 1000000, sleep_us % 1000000 * 1000L};
        const double before = now_us();
        clock_nanosleep(CLOCK_MONOTONIC, 0, &period, NULL);
        late_us[i] = now_us() - before - sleep_us;
        sum += late_us[i];
        squares += late_us[i] * late_us[i];
    }
    const double mean = sum / count, variance = squares / count - mean * mean;
    qsort(late_us, (size_t)count, sizeof *late_us, by_value);
    printf("mean us %.3f\nsd us %.3f\nmedian us %.3f\np95 us %.3f\nworst us %.3f\n", mean,
           sqrt(variance > 0 ? variance : 0), late_us[count / 2], late_us[count * 95 / 100],
           late_us[count - 1]);
    return 0;
}
