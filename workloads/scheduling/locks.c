/* SPDX-License-Identifier: MIT */
/* locks THREADS ROUNDS INSIDE OUTSIDE: threads take turns at a ticket lock for which they spin:
   whoever holds it computes INSIDE loops, and OUTSIDE loops without it. Who waits for a holder that
   does not run spins in vain; with tickets, so does everybody behind it. Prints how often the lock
   was held. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { most_threads = 64 };

static atomic_uint next_ticket, now_serving;
static uint64_t held;
static int rounds, inside, outside;

static void compute(int loops) {
    volatile uint64_t state = 1;
    for (int i = 0; i < loops; ++i) state = state * 6364136223846793005u + 1;
}

static void *work(void *unused) {
    for (int i = 0; i < rounds; ++i) {
        const unsigned mine = atomic_fetch_add(&next_ticket, 1);
        while (atomic_load(&now_serving) != mine) __builtin_ia32_pause();
        compute(inside);
        ++held;
        atomic_store(&now_serving, mine + 1);
        compute(outside);
    }
    return unused;
}

int main(int count, char **words) {
    pthread_t threads[most_threads];
    if (count != 5) return 2;
    const int number = atoi(words[1]);
    rounds = atoi(words[2]);
    inside = atoi(words[3]);
    outside = atoi(words[4]);
    if (number < 1 || number > most_threads) return 2;
    for (int i = 0; i < number; ++i)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) return 1;
    for (int i = 0; i < number; ++i) pthread_join(threads[i], NULL);
    printf("%llu\n", (unsigned long long)held);
    return 0;
}
