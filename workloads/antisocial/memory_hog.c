/* SPDX-License-Identifier: MIT */
/* memory_hog MIB ROUNDS: a process takes MIB of memory piece by piece and writes to every page, or
   as much as it gets, gives all of it back, and begins anew, ROUNDS times. Where the kernel kills
   it instead of refusing, another one takes its place: a round that ended so is a round. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, piece = 1 << 20 };

/* Where memory is short, this process is to go first, and not whoever waits for it. */
static void offer_itself(void) {
    const int file = open("/proc/self/oom_score_adj", O_WRONLY);
    if (file < 0) return;
    if (write(file, "1000", 4) != 4) perror("oom_score_adj");
    close(file);
}

static void take(long mib) {
    char **pieces = calloc((size_t)mib, sizeof *pieces);
    if (pieces == NULL) return;
    for (long i = 0; i < mib; ++i) {
        pieces[i] = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pieces[i] == MAP_FAILED) break;
        for (int at = 0; at < piece; at += page) *(volatile char *)(pieces[i] + at) = 1;
    }
    /* The end of the process gives it back. */
}

int main(int count, char **words) {
    const long mib = count == 3 ? atol(words[1]) : 0, rounds = count == 3 ? atol(words[2]) : 0;
    if (mib < 1 || rounds < 1) {
        fprintf(stderr, "usage: memory_hog MIB ROUNDS\n");
        return 2;
    }
    for (long round = 0; round < rounds; ++round) {
        const pid_t child = fork();
        if (child == 0) {
            offer_itself();
            take(mib);
            _exit(0);
        }
        if (child > 0) waitpid(child, NULL, 0);
    }
    printf("%ld rounds of memory\n", rounds);
    return 0;
}
