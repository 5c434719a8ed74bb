/* SPDX-License-Identifier: MIT */
/* pulse COUNT PERIOD_US: sleeps COUNT times for PERIOD_US, and prints by how much it woke too late,
   as lines "NAME us VALUE", by the clock of the guest. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int words, char **word) {
    const int count = words == 3 ? atoi(word[1]) : 0, period_us = words == 3 ? atoi(word[2]) : 0;
    double *const late_us = count > 0 && period_us > 0 ? calloc((size_t)count, sizeof *late_us) : 0;
    if (!late_us) return 2;
    const struct timespec period = {period_us / 1000000, period_us % 1000000 * 1000L};
    double sum = 0;
    for (int i = 0; i < count; ++i) {
        const double before = now_us();
        clock_nanosleep(CLOCK_MONOTONIC, 0, &period, NULL);
        late_us[i] = now_us() - before - period_us;
        sum += late_us[i];
    }
    qsort(late_us, (size_t)count, sizeof *late_us, by_value);
    printf("mean us %.3f\nmedian us %.3f\np95 us %.3f\nworst us %.3f\n", sum / count,
           late_us[count / 2], late_us[count * 95 / 100], late_us[count - 1]);
    return 0;
}
