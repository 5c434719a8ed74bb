/* SPDX-License-Identifier: MIT */
/* replay LOAD COUNT: does the first COUNT operations of a load file of dbench 4 (recorded calls of
   a client of a Windows file server), from its beginning again after its end, on the file system of
   the working directory, then removes what they have left. dbench itself ends by time only; this
   does a fixed amount of work. It prints how often it did what: the same numbers wherever the
   load's own answers were met. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { most_words = 8, most_open = 128, most_bytes = 1 << 20, directory_wanted = 1 };

static struct { int number, file; } handles[most_open];

static char block[most_bytes];
static long long bytes_read, bytes_written;
static long unexpected, lost; /* answers that the load has otherwise; handles not open */

static void fail(const char* what) {
    perror(what);
    exit(1);
}

/* "\clients\client1\NAME" of a file system without case -> clients/client1/name */
static void to_path(char* name) {
    size_t length = 0;
    for (const char* c = name; *c; ++c) {
        if (*c == '"' || (*c == '\\' && length == 0)) continue;
        name[length++] = *c == '\\' ? '/' : (char)tolower((unsigned char)*c);
    }
    name[length] = 0;
}

static int* slot(int number) {
    for (int i = 0; i < most_open; ++i)
        if (handles[i].number == number) return &handles[i].file;
    return NULL;
}

static int file_of(const char* number) {
    const int* file = slot(atoi(number));
    if (file == NULL) ++lost;
    return file == NULL ? -1 : *file;
}

static int keep(int number, int file) {
    for (int i = 0; i < most_open; ++i) {
        if (handles[i].number != 0) continue;
        handles[i].number = number;
        handles[i].file = file;
        return 0;
    }
    fprintf(stderr, "replay: more than %d files are open\n", most_open);
    exit(1);
}

/* NTCreateX NAME OPTIONS DISPOSITION HANDLE: open (1) or overwrite (4) what there is, create (2)
   what there is not, or either (3, 5). */
static int create(char** words) {
    const int options = (int)strtol(words[2], NULL, 16);
    const int disposition = (int)strtol(words[3], NULL, 16);
    const int makes = disposition == 2 || disposition == 3 || disposition == 5 || disposition == 0;
    int flags = O_RDWR;
    if (options & directory_wanted) {
        if (makes && mkdir(words[1], 0755) < 0 && (disposition == 2 || errno != EEXIST)) return -1;
        flags = O_RDONLY | O_DIRECTORY;
    } else {
        flags |= (makes ? O_CREAT : 0) | (disposition == 2 ? O_EXCL : 0);
        flags |= disposition >= 4 || disposition == 0 ? O_TRUNC : 0;
    }
    int file = open(words[1], flags, 0644);
    if (file < 0 && errno == EISDIR) file = open(words[1], O_RDONLY | O_DIRECTORY);
    return file < 0 ? -1 : keep(atoi(words[4]), file);
}

static int close_handle(char** words) {
    for (int i = 0; i < most_open; ++i) {
        if (handles[i].number != atoi(words[1])) continue;
        handles[i].number = 0;
        return close(handles[i].file);
    }
    ++lost;
    return -1;
}

/* WriteX and ReadX HANDLE OFFSET SIZE RESULT */
static int write_block(char** words) {
    const long long done =
        pwrite(file_of(words[1]), block, (size_t)(atol(words[3]) % most_bytes), atol(words[2]));
    if (done < 0) return -1;
    bytes_written += done;
    return 0;
}

static int read_block(char** words) {
    const long long done =
        pread(file_of(words[1]), block, (size_t)(atol(words[3]) % most_bytes), atol(words[2]));
    if (done < 0) return -1;
    bytes_read += done;
    return 0;
}

static int lock_range(char** words, short type) {
    struct flock range = {.l_type = type, .l_start = atol(words[2]), .l_len = atol(words[3])};
    return fcntl(file_of(words[1]), F_SETLK, &range);
}

/* What a directory has by a pattern, each with its attributes. */
static int find(char* pattern) {
    char* name = strrchr(pattern, '/');
    struct stat attributes;
    int found = 0;
    if (name == NULL) return -1;
    *name++ = 0;
    for (char* c = name; *c; ++c) *c = *c == '<' ? '*' : *c;
    DIR* directory = opendir(pattern);
    if (directory == NULL) return -1;
    for (struct dirent* each; (each = readdir(directory)) != NULL;)
        if (fnmatch(name, each->d_name, 0) == 0)
            found += fstatat(dirfd(directory), each->d_name, &attributes, 0) == 0;
    closedir(directory);
    return found > 0 ? 0 : -1;
}

static int remove_one(const char* path, const struct stat* s, int type, struct FTW* where) {
    (void)s, (void)type, (void)where;
    return remove(path);
}

static int remove_tree(const char* path) {
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT ? -1 : 0;
}

static const char* const names[] = {"Close",
                                    "Deltree",
                                    "FIND_FIRST",
                                    "Flush",
                                    "LockX",
                                    "Mkdir",
                                    "NTCreateX",
                                    "QUERY_FILE_INFORMATION",
                                    "QUERY_FS_INFORMATION",
                                    "QUERY_PATH_INFORMATION",
                                    "ReadX",
                                    "Rename",
                                    "SET_FILE_INFORMATION",
                                    "Unlink",
                                    "UnlockX",
                                    "WriteX"};
enum { kinds = sizeof names / sizeof *names };
static long counts[kinds];

static int act(int kind, char** words) {
    struct stat attributes;
    struct statvfs space;
    switch (kind) {
        case 0:
            return close_handle(words);
        case 1:
            return remove_tree(words[1]);
        case 2:
            return find(words[1]);
        case 3:
            return fsync(file_of(words[1]));
        case 4:
            return lock_range(words, F_WRLCK);
        case 5:
            return mkdir(words[1], 0755);
        case 6:
            return create(words);
        case 7:
            return fstat(file_of(words[1]), &attributes);
        case 8:
            return statvfs(".", &space);
        case 9:
            return stat(words[1], &attributes);
        case 10:
            return read_block(words);
        case 11:
            return rename(words[1], words[2]);
        case 12:
            return futimens(file_of(words[1]), NULL);
        case 13:
            return unlink(words[1]);
        case 14:
            return lock_range(words, F_UNLCK);
        default:
            return write_block(words);
    }
}

/* Does one line; the last word of it is what the server answered. */
static void replay(char* line) {
    char *words[most_words] = {NULL}, *rest;
    int count = 0, kind = 0;
    for (char* w = strtok_r(line, " \r\n", &rest); w && count < most_words;
         w = strtok_r(NULL, " \r\n", &rest)) {
        if (*w == '"') to_path(w);
        words[count++] = w;
    }
    while (kind < kinds && count > 1 && strcmp(words[0], names[kind]) != 0) ++kind;
    if (count < 3 || kind == kinds) {
        fprintf(stderr, "replay: an operation that is not known: %s\n", count ? words[0] : "");
        exit(1);
    }
    const int well = act(kind, words) == 0;
    unexpected += well != (strcmp(words[count - 1], "NT_STATUS_OK") == 0);
    ++counts[kind];
}

/* As it was before the first operation. */
static void clean_up(void) {
    for (int i = 0; i < most_open; ++i)
        if (handles[i].number != 0) close(handles[i].file);
    memset(handles, 0, sizeof handles);
    if (remove_tree("clients") < 0) fail("clients");
}

int main(int count, char** words) {
    const long wanted = count == 3 ? atol(words[2]) : 0;
    if (wanted < 1) {
        fprintf(stderr, "usage: replay LOAD COUNT\n");
        return 2;
    }
    FILE* load = fopen(words[1], "r");
    if (load == NULL) fail(words[1]);
    char line[512];
    long done = 0;
    for (; done < wanted; ++done) {
        if (fgets(line, sizeof line, load) == NULL) {
            rewind(load);
            clean_up();
            if (done == 0 || fgets(line, sizeof line, load) == NULL) fail(words[1]);
        }
        replay(line);
    }
    clean_up();
    for (int i = 0; i < kinds; ++i) printf("%s %ld\n", names[i], counts[i]);
    printf("operations %ld\nbytes_read %lld\nbytes_written %lld\n", done, bytes_read,
           bytes_written);
    printf("other_answers %ld\nlost_handles %ld\n", unexpected, lost);
    return 0;
}
