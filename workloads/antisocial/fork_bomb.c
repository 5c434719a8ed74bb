/* SPDX-License-Identifier: MIT */
/* fork_bomb PROCESSES FORKS: every process forks without end, and so do its children, until FORKS
   forks were tried in all. At most PROCESSES are alive: who finds more ends, and another takes its
   place, so that a host which is no guest survives. A fork that the kernel refuses counts too. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of all processes together. */
struct shared {
    atomic_long left, alive;
};

static void breed(struct shared *shared, long most, int is_first) {
    while (atomic_fetch_sub(&shared->left, 1) > 0) {
        atomic_fetch_add(&shared->alive, 1);
        const pid_t child = fork();
        if (child != 0 && child < 0) atomic_fetch_sub(&shared->alive, 1);
        if (child == 0) is_first = 0;
        if (is_first || atomic_load(&shared->alive) <= most) continue;
        break;
    }
    if (is_first) return;
    atomic_fetch_sub(&shared->alive, 1);
    _exit(0);
}

int main(int count, char **words) {
    const long most = count == 3 ? atol(words[1]) : 0, forks = count == 3 ? atol(words[2]) : 0;
    if (most < 1 || forks < 1) {
        fprintf(stderr, "usage: fork_bomb PROCESSES FORKS\n");
        return 2;
    }
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    atomic_store(&shared->left, forks);
    atomic_store(&shared->alive, 1);
    /* Whose parent has ended becomes a child of this process, and nobody has to be waited for. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGCHLD, SIG_IGN);
    breed(shared, most, 1);
    while (wait(NULL) > 0) {
    }
    printf("%ld forks\n", forks);
    return 0;
}
