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
     load stop ADDRESS PORT                         tells the server to end
   Every byte of the answers is checked. Exit code 1 if one was wrong. */
#include "client.h"

#include <arpa/inet.h>
#include <time.h>

enum { line_bits = 400000, conforming_bits = 320000, segment_bytes = 8192 };

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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

static int stop_server(void) {
    static const char text[] = "GET /stop HTTP/1.0\r\n\r\n";
    const int line = socket(AF_INET, SOCK_STREAM, 0);
    if (line < 0 || connect(line, (struct sockaddr*)&server, sizeof server) < 0 ||
        send(line, text, sizeof text - 1, MSG_NOSIGNAL) < 0 || read(line, chunk, sizeof chunk) < 0)
        fail("stop");
    return 0;
}

static int usage(void) {
    fprintf(stderr,
            "usage: load plan COUNT DIRECTORIES\n"
            "       load closed ADDRESS PORT CONNECTIONS COUNT DIRECTORIES\n"
            "       load open ADDRESS PORT FIRST MOST SECONDS DIRECTORIES\n"
            "       load stop ADDRESS PORT\n");
    return 2;
}

static int is_address(const char* address, const char* port) {
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(port));
    return inet_pton(AF_INET, address, &server.sin_addr) == 1;
}

int main(int count, char** words) {
    const char* verb = count >= 4 ? words[1] : "";
    if (count == 4 && strcmp(verb, "stop") == 0 && is_address(words[2], words[3]))
        return stop_server();
    if (count < 4 || (directories = atoi(words[count - 1])) < 1) return usage();
    if (count == 4 && strcmp(verb, "plan") == 0) {
        plan(atol(words[2]));
        return 0;
    }
    is_paced = strcmp(verb, "open") == 0;
    if (count != 7 + is_paced || (!is_paced && strcmp(verb, "closed") != 0)) return usage();
    const int most = atoi(words[4 + is_paced]);
    if (!is_address(words[2], words[3]) || most < 1 || atoi(words[4]) < 1) return usage();
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
