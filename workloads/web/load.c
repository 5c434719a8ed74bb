/* SPDX-License-Identifier: MIT */
/* The load of a web server by the mix of mix.h.
     load plan COUNT DIRECTORIES                    prints requests, asks nobody
     load closed ADDRESS PORT CONNECTIONS COUNT DIRECTORIES
         COUNT requests; each connection asks as soon as it has its answer. Prints what it got,
         which is the same however long it took.
     load open ADDRESS PORT FIRST MOST SECONDS DIRECTORIES
         clients on lines of 400 kbit/s, which start when it is their turn, whatever the server
   does. One conforms if it got at least 320 kbit/s, and all of it right. FIRST clients, then twice
         as many, up to MOST or until less than 95 % conform. Prints lines "NAME UNIT VALUE".
   Every byte of the answers is checked. Exit code 1 if one was wrong. */
#define _GNU_SOURCE
#include "mix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    head_bytes = 2048,
    chunk_bytes = 1 << 16,
    line_bits = 400000,
    conforming_bits = 320000,
    requests_of_connection = 10,
    segment_bytes = 8192
};

struct client {
    int socket, head, left; /* bytes of the answer's head so far; requests until it closes */
    size_t at, size;        /* of the answer's body */
    struct request request;
    struct random random;
    double begun, due; /* seconds: of a paced client */
    long long bytes, bad;
    long to_ask; /* requests */
    enum { idle, connecting, reading } phase;
    int is_waiting; /* for the socket */
    char text[head_bytes];
};

static struct sockaddr_in server;
static int events, directories, is_paced;
static char pattern[chunk_bytes + byte_values], chunk[chunk_bytes];
static long long wrong, of_kind[kinds], of_class[classes], all_bytes; /* of the answers */

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void watch(struct client* c, int how, unsigned what) {
    struct epoll_event event = {.events = what | (is_paced ? EPOLLONESHOT : 0U), .data.ptr = c};
    c->is_waiting = 1;
    if (epoll_ctl(events, how, c->socket, &event) < 0) fail("epoll_ctl");
}

static void open_line(struct client* c) {
    const int on = 1, window = 2 * segment_bytes;
    c->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->socket < 0) fail("socket");
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* A slow line has little on its way. */
    if (is_paced) setsockopt(c->socket, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    if (connect(c->socket, (struct sockaddr*)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect");
    c->left = requests_of_connection;
    c->phase = connecting;
    watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void close_line(struct client* c) {
    close(c->socket);
    c->socket = -1;
}

/* Sends the next request; the socket has room for it, being new or having answered. */
static void ask(struct client* c) {
    char path[96], text[512];
    struct request* r = &c->request;
    *r = next_request(&c->random, directories);
    c->at = 0;
    c->head = 0;
    c->phase = reading;
    --c->to_ask;
    if (--c->left == 0 || c->to_ask == 0) c->left = 0;
    const char* end = c->left == 0 ? "close" : "keep-alive";
    if (r->kind == static_get)
        snprintf(path, sizeof path, "/%d/%d/%d", r->directory, r->class, r->file);
    else
        snprintf(path, sizeof path, "/%s/%d/%d/%d/%d", kind_names[r->kind], r->directory, r->class,
                 r->file, r->user);
    if (r->kind == post)
        snprintf(text, sizeof text,
                 "POST /post HTTP/1.1\r\nHost: web\r\nConnection: %s\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 end, strlen(path), path);
    else
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: web\r\nConnection: %s\r\n\r\n", path,
                 end);
    const ssize_t sent = send(c->socket, text, strlen(text), MSG_NOSIGNAL);
    if (sent != (ssize_t)strlen(text)) ++c->bad;
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static size_t expected_size(const struct request* r) {
    return size_of_file(r->class, r->file) + (r->kind == static_get ? 0 : prefix_bytes);
}

static int is_right_prefix(const struct client* c, size_t at, const char* bytes, size_t count) {
    char right[prefix_bytes + 64], shown[64] = "-";
    const struct request* r = &c->request;
    if (r->kind == custom_get)
        snprintf(shown, sizeof shown, "ad %03d of the table", advertisement_of(r->user));
    const int length =
        snprintf(right, prefix_bytes, "%s %d %s", kind_names[r->kind], r->user, shown);
    memset(right + length, ' ', (size_t)(prefix_bytes - length));
    return memcmp(right + at, bytes, count) == 0;
}

/* Some bytes of the body; are they the right ones? */
static int is_right(const struct client* c, const char* bytes, size_t count) {
    const size_t prefix = c->request.kind == static_get ? 0 : prefix_bytes;
    size_t at = c->at, ahead = 0;
    if (at < prefix) {
        ahead = prefix - at < count ? prefix - at : count;
        if (!is_right_prefix(c, at, bytes, ahead)) return 0;
        at += ahead;
    }
    const size_t shift = shift_of_file(c->request.directory, c->request.class, c->request.file);
    return memcmp(bytes + ahead, pattern + (at - prefix + shift) % byte_values, count - ahead) == 0;
}

/* The head of the answer is here as far as its blank line: what of the bytes is body, or -1. */
static ssize_t take_head(struct client* c, const char* bytes, size_t count) {
    const int before = c->head;
    const size_t room = (size_t)(head_bytes - 1 - c->head);
    const size_t more = count < room ? count : room;
    memcpy(c->text + c->head, bytes, more);
    c->head += (int)more;
    c->text[c->head] = 0;
    const char* end = strstr(c->text, "\r\n\r\n");
    if (end == NULL) return more == room ? -1 : 0;
    const char* size = strcasestr(c->text, "\ncontent-length:");
    if (strncmp(c->text + 8, " 200 ", 5) != 0 || size == NULL || size > end) return -1;
    c->size = (size_t)atol(size + 16);
    c->head = -1;
    return c->size == expected_size(&c->request)
               ? (ssize_t)(count - (size_t)(end + 4 - c->text - before))
               : -1;
}

/* An answer is complete, or cannot be. */
static void end_answer(struct client* c, int is_good) {
    if (is_good) {
        ++of_kind[c->request.kind];
        ++of_class[c->request.class];
        all_bytes += (long long)c->size;
    } else {
        ++wrong;
        ++c->bad;
        c->left = 0;
    }
    c->phase = idle;
    if (c->left == 0) close_line(c);
}

/* Reads at most `most` bytes; is the answer at its end? */
static int read_some(struct client* c, size_t most) {
    const ssize_t got = read(c->socket, chunk, most);
    if (got < 0 && errno == EAGAIN) return 0;
    ssize_t body = got;
    if (got > 0 && c->head >= 0) body = take_head(c, chunk, (size_t)got);
    if (got > 0) c->bytes += got;
    if (got <= 0 || body < 0 || c->at + (size_t)body > c->size * (c->head < 0) ||
        !is_right(c, chunk + got - body, (size_t)body)) {
        end_answer(c, 0);
        return 1;
    }
    c->at += (size_t)body;
    if (c->head >= 0 || c->at < c->size) return 0;
    end_answer(c, 1);
    return 1;
}

static void start_client(struct client* c, int number, long requests) {
    memset(c, 0, sizeof *c);
    c->socket = -1;
    c->random.state = ((uint64_t)number << 16) + 0x330e;
    c->to_ask = requests;
    for (int i = 0; i < 8; ++i) below(&c->random, 2);
}

/* Each connection has its part of the requests: which ones are asked depends on no time. */
static void closed(int connections, long requests, struct client* clients) {
    struct epoll_event ready[64];
    int busy = 0;
    for (int i = 0; i < connections; ++i) {
        start_client(&clients[i], i, requests * (i + 1) / connections - requests * i / connections);
        if (clients[i].to_ask == 0) continue;
        open_line(&clients[i]);
        ++busy;
    }
    while (busy > 0) {
        const int count = epoll_wait(events, ready, 64, -1);
        for (int i = 0; i < count; ++i) {
            struct client* c = ready[i].data.ptr;
            if (ready[i].events & EPOLLOUT)
                ask(c);
            else if (!read_some(c, sizeof chunk))
                continue;
            else if (c->to_ask == 0)
                --busy;
            else if (c->socket < 0)
                open_line(c);
            else
                ask(c);
        }
    }
    for (int i = 0; i < kinds; ++i) printf("%s %lld\n", kind_names[i], of_kind[i]);
    for (int i = 0; i < classes; ++i) printf("class%d %lld\n", i, of_class[i]);
    printf("bytes %lld\nwrong %lld\n", all_bytes, wrong);
}

/* What a client of a slow line does when it is due, or when that happened which it waits for. */
static void step(struct client* c) {
    const long long before = c->bytes;
    if (c->phase == idle && c->socket < 0) {
        open_line(c);
    } else if (c->phase != reading) {
        ask(c);
    } else {
        const int is_end = read_some(c, segment_bytes);
        if (!is_end && c->bytes == before) watch(c, EPOLL_CTL_MOD, EPOLLIN);
        /* The line is busy with these bytes until then. */
        c->due += (double)(c->bytes - before) * 8 / line_bits;
    }
}

static double earliest(const struct client* clients, int count, double otherwise) {
    for (int i = 0; i < count; ++i)
        if (!clients[i].is_waiting && clients[i].due < otherwise) otherwise = clients[i].due;
    return otherwise;
}

/* For some seconds, so many clients; they begin one by one within the first. */
static void run_lines(struct client* clients, int count, double seconds) {
    struct epoll_event ready[64];
    const double start = now_s();
    for (int i = 0; i < count; ++i) {
        start_client(&clients[i], i, 1L << 40);
        clients[i].begun = clients[i].due = start + (double)i / count;
    }
    for (double now = start; now < start + 1 + seconds; now = now_s()) {
        for (int i = 0; i < count; ++i) {
            struct client* c = &clients[i];
            if (c->is_waiting || c->due > now) continue;
            if (now < c->begun + seconds)
                step(c);
            else
                c->due = start + 2 + seconds;
        }
        const double pause = earliest(clients, count, now + 0.1) - now_s();
        const int some = epoll_wait(events, ready, 64, pause <= 0 ? 0 : (int)(pause * 1000) + 1);
        now = now_s();
        for (int i = 0; i < some; ++i) {
            struct client* c = ready[i].data.ptr;
            c->is_waiting = 0;
            /* What it has not received in the meantime is lost to it. */
            if (c->due < now) c->due = now;
        }
    }
}

/* How many of the clients had, all of their time, what they are to have. */
static int conforming(struct client* clients, int count, double seconds) {
    int good = 0;
    run_lines(clients, count, seconds);
    for (int i = 0; i < count; ++i) {
        good += clients[i].bad == 0 && (double)clients[i].bytes * 8 >= conforming_bits * seconds;
        if (clients[i].socket >= 0) close_line(&clients[i]);
    }
    return good;
}

static void paced(int first, int most, double seconds, struct client* clients) {
    int best = 0, offered = first, good;
    for (;; offered = offered * 2 < most ? offered * 2 : most) {
        good = conforming(clients, offered, seconds);
        fprintf(stderr, "load: %d of %d clients conform\n", good, offered);
        if (good > best) best = good;
        if (good * 100 < offered * 95 || offered == most) break;
    }
    printf("conforming connections %d\n", best);
}

static void plan(long count) {
    struct random random = {0x330e};
    for (; count > 0; --count) {
        const struct request r = next_request(&random, directories);
        printf("%s %d %d %d %d\n", kind_names[r.kind], r.directory, r.class, r.file, r.user);
    }
}

static int usage(void) {
    fprintf(stderr,
            "usage: load plan COUNT DIRECTORIES\n"
            "       load closed ADDRESS PORT CONNECTIONS COUNT DIRECTORIES\n"
            "       load open ADDRESS PORT FIRST MOST SECONDS DIRECTORIES\n");
    return 2;
}

int main(int count, char** words) {
    if (count < 4 || (directories = atoi(words[count - 1])) < 1) return usage();
    if (count == 4 && strcmp(words[1], "plan") == 0) {
        plan(atol(words[2]));
        return 0;
    }
    is_paced = strcmp(words[1], "open") == 0;
    if (count != 7 + is_paced || (!is_paced && strcmp(words[1], "closed") != 0)) return usage();
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(words[3]));
    if (inet_pton(AF_INET, words[2], &server.sin_addr) != 1) return usage();
    const int most = atoi(words[4 + is_paced]);
    if (most < 1 || atoi(words[4]) < 1) return usage();
    for (size_t i = 0; i < sizeof pattern; ++i) pattern[i] = (char)(first_byte + i % byte_values);
    struct client* clients = calloc((size_t)most, sizeof *clients);
    events = epoll_create1(0);
    if (events < 0 || clients == NULL) fail("epoll_create1");
    if (is_paced)
        paced(atoi(words[4]), most, atof(words[6]), clients);
    else
        closed(most, atol(words[5]), clients);
    return wrong > 0;
}
