/* SPDX-License-Identifier: MIT */
/* A fixed number of bytes over TCP, with socket buffers of 128 KiB as the paper's ttcp had them.
     bulk local MIB SEGMENT               to a process of its own over the loopback device, in
                                          segments of at most so many bytes
     bulk serve PORT COUNT                answers so many of the two below
     bulk send ADDRESS PORT MIB           to there
     bulk receive ADDRESS PORT MIB        from there
     bulk wait ADDRESS PORT               until it answers, for a minute
   The bytes follow a pattern, and who receives them checks it. Prints how many there were. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { chunk = 8192, buffer_bytes = 128 << 10, period = 251 };

/* The first bytes of a connection: which way, and how much. */
struct wish {
    char verb; /* the first letter: s, r or w */
    char mib[15];
};

static char pattern[chunk + period];
static int segment; /* bytes of a TCP segment, or 0 for what the device says */

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static void prepare(int line) {
    const int size = buffer_bytes;
    setsockopt(line, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(line, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (segment > 0 && setsockopt(line, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment) < 0)
        fail("TCP_MAXSEG");
}

static int open_socket(void) {
    const int line = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line < 0) fail("socket");
    prepare(line);
    return line;
}

static void send_all(int line, uint64_t bytes) {
    for (uint64_t at = 0; at < bytes;) {
        const size_t most = bytes - at < chunk ? (size_t)(bytes - at) : chunk;
        const ssize_t sent = send(line, pattern + at % period, most, MSG_NOSIGNAL);
        if (sent <= 0) fail("send");
        at += (uint64_t)sent;
    }
}

/* What comes has to be the pattern. */
static void receive_all(int line, uint64_t bytes) {
    static char got[chunk];
    for (uint64_t at = 0; at < bytes;) {
        const ssize_t count = recv(line, got, sizeof got, 0);
        if (count <= 0) fail("the connection ended too early");
        if (memcmp(got, pattern + at % period, (size_t)count) != 0) fail("other bytes than sent");
        at += (uint64_t)count;
    }
    printf("received %llu right bytes\n", (unsigned long long)bytes);
    fflush(stdout);
}

static void read_wish(int line, struct wish* wish) {
    for (size_t at = 0; at < sizeof *wish;) {
        const ssize_t count = recv(line, (char*)wish + at, sizeof *wish - at, 0);
        if (count <= 0) fail("the wish");
        at += (size_t)count;
    }
    wish->mib[sizeof wish->mib - 1] = 0;
}

/* Was there more to do than to answer? */
static int serve_one(int line) {
    struct wish wish;
    read_wish(line, &wish);
    const uint64_t bytes = (uint64_t)atoll(wish.mib) << 20;
    if (wish.verb == 'r') send_all(line, bytes);
    if (wish.verb == 's') receive_all(line, bytes);
    /* The sender's clock stops when all has come. */
    if (wish.verb != 'r' && send(line, "", 1, MSG_NOSIGNAL) != 1) fail("send");
    return wish.verb != 'w';
}

static int listen_at(uint32_t address, int port) {
    const int listener = open_socket(), on = 1;
    struct sockaddr_in place = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(address)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr*)&place, sizeof place) < 0 || listen(listener, 8) < 0)
        fail("bind");
    return listener;
}

static void serve(int listener, int connections) {
    while (connections > 0) {
        const int line = accept(listener, NULL, NULL);
        if (line < 0) fail("accept");
        prepare(line);
        connections -= serve_one(line);
        close(line);
    }
}

/* A connection, or -1. */
static int connect_to(const struct sockaddr_in* there) {
    const int line = open_socket();
    if (connect(line, (const struct sockaddr*)there, sizeof *there) == 0) return line;
    close(line);
    return -1;
}

static void exchange(int line, const char* verb, const char* mib) {
    struct wish wish = {.verb = *verb};
    char end;
    if (line < 0) fail("connect");
    snprintf(wish.mib, sizeof wish.mib, "%s", mib);
    if (send(line, &wish, sizeof wish, MSG_NOSIGNAL) != (ssize_t)sizeof wish) fail("send");
    const uint64_t bytes = (uint64_t)atoll(mib) << 20;
    if (wish.verb == 'r') {
        receive_all(line, bytes);
        return;
    }
    if (wish.verb == 's') send_all(line, bytes);
    if (recv(line, &end, 1, 0) != 1) fail("the other side did not get all");
    if (wish.verb == 's') printf("sent %llu bytes\n", (unsigned long long)bytes);
}

/* Does the other side answer? */
static int answers(const struct sockaddr_in* there) {
    const struct wish wish = {.verb = 'w', .mib = "0"};
    char end;
    const int line = connect_to(there);
    if (line < 0) return 0;
    const int is_there = send(line, &wish, sizeof wish, MSG_NOSIGNAL) == (ssize_t)sizeof wish &&
                         recv(line, &end, 1, 0) == 1;
    close(line);
    return is_there;
}

/* Until it does, for a minute: one that has just answered somebody else may be about to end, and to
   begin anew. */
static void wait_for(const struct sockaddr_in* there) {
    for (int tries = 0; tries < 600; ++tries) {
        if (answers(there)) return;
        usleep(100000);
    }
    errno = ETIMEDOUT;
    fail("nobody answers");
}

/* Between this process and a child. */
static void local(const char* mib) {
    const int listener = listen_at(INADDR_LOOPBACK, 0);
    struct sockaddr_in there;
    socklen_t size = sizeof there;
    if (getsockname(listener, (struct sockaddr*)&there, &size) < 0) fail("getsockname");
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        serve(listener, 1);
        _exit(0);
    }
    exchange(connect_to(&there), "send", mib);
    int status;
    if (waitpid(child, &status, 0) < 0 || status != 0) fail("the receiver");
}

static int usage(void) {
    fprintf(stderr,
            "usage: bulk local MIB SEGMENT | serve PORT COUNT |"
            " send|receive ADDRESS PORT MIB | wait ADDRESS PORT\n");
    return 2;
}

int main(int count, char** words) {
    for (size_t i = 0; i < sizeof pattern; ++i) pattern[i] = (char)(i % period);
    struct sockaddr_in there = {.sin_family = AF_INET};
    const char* verb = count > 2 ? words[1] : "";
    if (count == 4 && strcmp(verb, "local") == 0) {
        segment = atoi(words[3]);
        local(words[2]);
    } else if (count == 4 && strcmp(verb, "serve") == 0) {
        serve(listen_at(INADDR_ANY, atoi(words[2])), atoi(words[3]));
    } else if (count >= 4 && inet_pton(AF_INET, words[2], &there.sin_addr) == 1) {
        there.sin_port = htons((uint16_t)atoi(words[3]));
        const int moves = strcmp(verb, "receive") == 0 || strcmp(verb, "send") == 0;
        if (count == 5 && moves)
            exchange(connect_to(&there), verb, words[4]);
        else if (count == 4 && strcmp(verb, "wait") == 0)
            wait_for(&there);
        else
            return usage();
    } else {
        return usage();
    }
    return 0;
}
