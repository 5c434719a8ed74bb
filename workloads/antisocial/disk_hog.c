/* SPDX-License-Identifier: MIT */
/* disk_hog MIB FILES: in the working directory, writes one file of MIB from its begin to its end,
   and waits for the disk after each MiB; then makes FILES small files in one directory, waits for
   the disk, and deletes all. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { mebibyte = 1 << 20, small = 512 };

static char content[mebibyte];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

#define MUST(call) ((call) < 0 ? fail(#call) : (void)0)

static void write_one(const char *name, size_t bytes, long count, int waits) {
    const int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    MUST(file);
    for (long i = 0; i < count; ++i) {
        if (write(file, content, bytes) != (ssize_t)bytes) fail(name);
        if (waits) MUST(fdatasync(file));
    }
    close(file);
}

static void name_of(char *name, size_t size, long number) {
    snprintf(name, size, "small/%ld", number);
}

int main(int count, char **words) {
    const long mib = count == 3 ? atol(words[1]) : 0, files = count == 3 ? atol(words[2]) : 0;
    char name[64];
    if (mib < 1 || files < 1) {
        fprintf(stderr, "usage: disk_hog MIB FILES\n");
        return 2;
    }
    memset(content, 'x', sizeof content);
    write_one("large", mebibyte, mib, 1);
    MUST(mkdir("small", 0755));
    for (long i = 0; i < files; ++i) {
        name_of(name, sizeof name, i);
        write_one(name, small, 1, 0);
    }
    const int directory = open("small", O_RDONLY | O_DIRECTORY);
    MUST(directory);
    MUST(syncfs(directory));
    close(directory);
    for (long i = 0; i < files; ++i) {
        name_of(name, sizeof name, i);
        MUST(unlink(name));
    }
    MUST(rmdir("small"));
    MUST(unlink("large"));
    printf("%ld MiB and %ld files\n", mib, files);
    return 0;
}
