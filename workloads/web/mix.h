/* SPDX-License-Identifier: MIT */
/* What clients of the web workload ask for: the mix of SPECweb99 as its documents have it. A data
   set is directories of 36 files: four classes of nine sizes, of steps of 0.1, 1, 10 and 100 KiB.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum kind { static_get, dynamic_get, custom_get, cgi_get, post, kinds };
enum {
    classes = 4,
    files_in_class = 9,
    advertisements = 360,
    prefix_bytes = 64,
    first_byte = 32,
    byte_values = 95
};

static const char* const kind_names[kinds] = {"static", "dynamic", "custom", "cgi", "post"};

struct request {
    enum kind kind;
    int directory, class, file, user;
};

struct random {
    uint64_t state;
};

/* That of drand48(3): the high 31 bits of 48. */
static inline unsigned below(struct random* r, unsigned count) {
    r->state = (r->state * 0x5deece66dULL + 11) & 0xffffffffffffULL;
    return (unsigned)(r->state >> 17) % count;
}

/* The index of the first of the shares, which are of `whole`, that a random number falls into. */
static inline int choose(struct random* r, const int* shares, unsigned whole) {
    int at = (int)below(r, whole), i = 0;
    while (at >= shares[i]) at -= shares[i++];
    return i;
}

static inline struct request next_request(struct random* r, int directories) {
    static const int of_class[classes] = {35, 50, 14, 1};
    static const int of_file[files_in_class] = {39, 59, 88, 178, 353, 118, 71, 50, 44};
    /* Of 100 requests 30 are dynamic, and of these 16 % post, 0.5 % start a program. */
    static const int of_kind[kinds] = {7000, 1245, 1260, 15, 480};
    struct request request;
    request.kind = (enum kind)choose(r, of_kind, 10000);
    request.class = choose(r, of_class, 100);
    request.file = choose(r, of_file, 1000);
    /* Popularity by Zipf's law: directory i with the share 1/(i+1). */
    double whole = 0, share;
    for (int i = 0; i < directories; ++i) whole += 1.0 / (i + 1);
    share = whole * below(r, 1 << 20) / (1 << 20);
    for (request.directory = 0; request.directory < directories - 1; ++request.directory)
        if ((share -= 1.0 / (request.directory + 1)) < 0) break;
    request.user = (int)below(r, 10000);
    return request;
}

static inline size_t size_of_file(int class, int file) {
    size_t step = 1024;
    for (int i = 0; i < class; ++i) step *= 10;
    return step * (size_t)(file + 1) / 10;
}

/* The byte of a file at a place is first_byte + (place + shift) % byte_values. */
static inline size_t shift_of_file(int directory, int class, int file) {
    return (size_t)(directory * 36 + class * files_in_class + file) % byte_values;
}

/* Which advertisement a user is shown. */
static inline int advertisement_of(int user) { return (user * 31 + 7) % advertisements; }
