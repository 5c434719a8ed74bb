/* SPDX-License-Identifier: MIT */
/* What the programs of os-latency share: a clock, and the median of a few batches. */
#pragma once

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { batches = 5 };

static inline void fail(const char *what) {
    perror(what);
    exit(1);
}

/* For calls that may not fail, or the time would be that of something else. */
#define MUST(call) ((call) < 0 ? fail(#call) : (void)0)

static inline double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

static inline void print_us(const char *name, double us) {
    printf("%s us %.4f\n", name, us);
    fflush(stdout);
}

/* The time of one call of `once`, which is called `count` times in each batch, and once before. */
static inline void measure(const char *name, void (*once)(void), int count) {
    double times[batches];
    once();
    for (int batch = 0; batch < batches; ++batch) {
        const double start = now_us();
        for (int i = 0; i < count; ++i) once();
        times[batch] = (now_us() - start) / count;
    }
    print_us(name, median(times, batches));
}
