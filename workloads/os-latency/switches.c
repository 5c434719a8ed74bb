/* SPDX-License-Identifier: MIT */
/* switches ROUNDS: the rows of the paper's table 4: processes in a ring pass a byte on through
   pipes; each reads through its own array before it does. What the pipes and the array cost by
   themselves, measured in one process, is taken off. */
#include "measure.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { most_processes = 16, most_bytes = 64 << 10 };

static volatile long sink;
static char array[most_bytes];

static void read_through(int bytes) {
    long sum = 0;
    for (int i = 0; i < bytes; i += (int)sizeof(long)) sum += *(const volatile long *)(array + i);
    sink = sum;
}

static void pass(int from, int to, int bytes) {
    char byte;
    if (read(from, &byte, 1) != 1) _exit(0);
    read_through(bytes);
    if (write(to, &byte, 1) != 1) _exit(0);
}

/* Of one step of the ring, with no switch in it. */
static double overhead_us(int bytes, int rounds) {
    int ends[2];
    double times[batches];
    MUST(pipe(ends));
    MUST(write(ends[1], "", 1));
    for (int batch = 0; batch < batches; ++batch) {
        const double start = now_us();
        for (int i = 0; i < rounds; ++i) pass(ends[0], ends[1], bytes);
        times[batch] = (now_us() - start) / rounds;
    }
    close(ends[0]);
    close(ends[1]);
    return median(times, batches);
}

static double step_us(int processes, int bytes, int rounds) {
    int pipes[most_processes][2];
    pid_t children[most_processes];
    double times[batches];
    for (int i = 0; i < processes; ++i) MUST(pipe(pipes[i]));
    /* Process i reads from pipe i and writes to the next one; this process is number 0. */
    for (int i = 1; i < processes; ++i) {
        MUST(children[i] = fork());
        if (children[i] != 0) continue;
        memset(array, i, sizeof array);
        for (;;) pass(pipes[i][0], pipes[(i + 1) % processes][1], bytes);
    }
    memset(array, 1, sizeof array);
    MUST(write(pipes[1][1], "", 1));
    pass(pipes[0][0], pipes[1][1], bytes);
    for (int batch = 0; batch < batches; ++batch) {
        const double start = now_us();
        for (int i = 0; i < rounds; ++i) pass(pipes[0][0], pipes[1][1], bytes);
        times[batch] = (now_us() - start) / rounds / processes;
    }
    for (int i = 1; i < processes; ++i) {
        MUST(kill(children[i], SIGKILL));
        MUST(waitpid(children[i], NULL, 0));
    }
    for (int i = 0; i < processes; ++i) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    return median(times, batches);
}

int main(int count, char **words) {
    static const struct {
        int processes, kib;
    } rows[] = {{2, 0}, {2, 16}, {2, 64}, {8, 16}, {8, 64}, {16, 16}, {16, 64}};
    const int rounds = count == 2 ? atoi(words[1]) : 0;
    if (rounds < 1) {
        fprintf(stderr, "usage: switches ROUNDS\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        const int bytes = rows[i].kib << 10;
        char name[32];
        snprintf(name, sizeof name, "switch_%dp_%dk", rows[i].processes, rows[i].kib);
        const double us = step_us(rows[i].processes, bytes, rounds) - overhead_us(bytes, rounds);
        print_us(name, us < 0 ? 0 : us);
    }
    return 0;
}
