/* SPDX-License-Identifier: MIT */
/* Preloaded where the database is made: time stands still, random bytes are not random, and with
   FIXED_PROCESS set all processes have one number. With these, and in one process, PostgreSQL
   writes the same bytes whenever and wherever. Nothing of it is there when the database is used. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { second = 946684800, process = 4242, byte = 0x42 };

int gettimeofday(struct timeval* restrict t, void* restrict zone) {
    (void)zone;
    *t = (struct timeval){.tv_sec = second};
    return 0;
}

time_t time(time_t* t) {
    if (t != NULL) *t = second;
    return second;
}

pid_t getpid(void) {
    return getenv("FIXED_PROCESS") != NULL ? process : (pid_t)syscall(SYS_getpid);
}

/* Of the library by which PostgreSQL asks for random bytes. */
int RAND_status(void) { return 1; }
int RAND_bytes(unsigned char* bytes, int count) {
    memset(bytes, byte, (size_t)count);
    return 1;
}
