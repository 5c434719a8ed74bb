/* SPDX-License-Identifier: MIT */
/* A client of the web workload: its connection, its requests, and the check of each byte of each
   answer. When it asks, and how fast it reads, is for its user to say. */
#pragma once

#define _GNU_SOURCE
#include "mix.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    head_bytes = 2048,
    chunk_bytes = 1 << 16,
    requests_of_connection = 10,
    small_window = 16384
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

static void watch(struct client* c, int how, unsigned what) {
    struct epoll_event event = {.events = what | (is_paced ? EPOLLONESHOT : 0U), .data.ptr = c};
    c->is_waiting = 1;
    if (epoll_ctl(events, how, c->socket, &event) < 0) fail("epoll_ctl");
}

static void open_line(struct client* c) {
    const int on = 1, window = small_window;
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
