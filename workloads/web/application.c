/* SPDX-License-Identifier: MIT */
/* application SOCKET DOCUMENTS LOG: what makes the dynamic pages behind the web server, which
   passes requests on over a Unix socket, HTTP/1.0, one for each connection:
     GET /dynamic/D/C/F/USER    file F of class C in directory D behind a line about the user
     GET /custom/D/C/F/USER     with the advertisement that the user is to see, out of a table
     GET /cgi/D/C/F/USER        by a program that is started for it
     GET /stop                  ends it
     POST /post                 the same path in the body; a line is added to LOG
   A page is 64 bytes for that line, and the file. */
#define _GNU_SOURCE
#include "mix.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char advertisement_table[advertisements][prefix_bytes];

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static int write_all(int to, const char* bytes, size_t count) {
    while (count > 0) {
        const ssize_t done = write(to, bytes, count);
        if (done <= 0) return -1;
        bytes += done;
        count -= (size_t)done;
    }
    return 0;
}

static int answer(int client, const char* status, const char* page, size_t size) {
    char head[160];
    const int length = snprintf(head, sizeof head,
                                "HTTP/1.0 %s\r\nContent-Type: text/html\r\n"
                                "Content-Length: %zu\r\n\r\n",
                                status, size);
    return write_all(client, head, (size_t)length) < 0 ? -1 : write_all(client, page, size);
}

static const char* advertisement(int user) {
    char wanted[16];
    snprintf(wanted, sizeof wanted, "ad %03d", advertisement_of(user));
    for (int i = 0; i < advertisements; ++i)
        if (strncmp(advertisement_table[i], wanted, strlen(wanted)) == 0)
            return advertisement_table[i];
    return "none";
}

/* The page in a static buffer; its size, or 0 where there is no such file. */
static size_t make_page(const char* documents, const struct request* r, char** page) {
    static char buffer[prefix_bytes + (1 << 20)];
    char path[256];
    const int length = snprintf(buffer, prefix_bytes, "%s %d %s", kind_names[r->kind], r->user,
                                r->kind == custom_get ? advertisement(r->user) : "-");
    memset(buffer + length, ' ', (size_t)(prefix_bytes - length));
    snprintf(path, sizeof path, "%s/%d/%d/%d", documents, r->directory, r->class, r->file);
    const int file = open(path, O_RDONLY);
    if (file < 0) return 0;
    const ssize_t size = read(file, buffer + prefix_bytes, sizeof buffer - prefix_bytes);
    close(file);
    *page = buffer;
    return size < 0 ? 0 : prefix_bytes + (size_t)size;
}

static int parse(const char* path, struct request* r) {
    char kind[16];
    if (sscanf(path, "/%15[a-z]/%d/%d/%d/%d", kind, &r->directory, &r->class, &r->file, &r->user) !=
        5)
        return -1;
    for (int i = 0; i < kinds; ++i)
        if (strcmp(kind, kind_names[i]) == 0) {
            r->kind = (enum kind)i;
            return 0;
        }
    return -1;
}

/* A program of its own makes the page and writes it to where the connection is. */
static void start_program(const char* self, const char* documents, const char* path, int client) {
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        dup2(client, STDOUT_FILENO);
        execl(self, self, "--page", documents, path, (char*)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

/* Reads a request with its body, if it has one; gives the path. */
static char* read_request(int client) {
    static char text[8192];
    size_t length = 0;
    for (;;) {
        const ssize_t got = read(client, text + length, sizeof text - 1 - length);
        if (got <= 0) return NULL;
        length += (size_t)got;
        text[length] = 0;
        char* body = strstr(text, "\r\n\r\n");
        if (body == NULL) continue;
        body += 4;
        if (strncmp(text, "POST ", 5) != 0) break;
        const char* size = strcasestr(text, "content-length:");
        if (size == NULL) return NULL;
        if ((size_t)(text + length - body) >= (size_t)atol(size + 15)) return body;
    }
    char* path = strchr(text, ' ');
    if (path != NULL) *strchrnul(++path, ' ') = 0;
    return path;
}

static void serve(int client, const char* self, const char* documents, int log) {
    struct request request;
    char *path = read_request(client), *page, line[96];
    if (path != NULL && strcmp(path, "/stop") == 0) {
        answer(client, "200 OK", "", 0);
        exit(0);
    }
    if (path == NULL || parse(path, &request) < 0) {
        answer(client, "400 Bad Request", "", 0);
        return;
    }
    if (request.kind == cgi_get) {
        start_program(self, documents, path, client);
        return;
    }
    if (request.kind == post) {
        const int length = snprintf(line, sizeof line, "%d %d %d %d\n", request.user,
                                    request.directory, request.class, request.file);
        if (write_all(log, line, (size_t)length) < 0) fail("the log");
    }
    const size_t size = make_page(documents, &request, &page);
    if (size == 0)
        answer(client, "404 Not Found", "", 0);
    else
        answer(client, "200 OK", page, size);
}

static int listen_at(const char* path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    if (listener < 0 || bind(listener, (struct sockaddr*)&address, sizeof address) < 0 ||
        listen(listener, 1024) < 0)
        fail(path);
    return listener;
}

int main(int count, char** words) {
    for (int i = 0; i < advertisements; ++i)
        snprintf(advertisement_table[i], prefix_bytes, "ad %03d of the table",
                 i * 7 % advertisements);
    if (count == 4 && strcmp(words[1], "--page") == 0) {
        struct request request;
        char* page;
        if (parse(words[3], &request) < 0) return 1;
        const size_t size = make_page(words[2], &request, &page);
        return size == 0 || answer(STDOUT_FILENO, "200 OK", page, size) < 0;
    }
    if (count != 4) {
        fprintf(stderr, "usage: application SOCKET DOCUMENTS LOG\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    const int log = open(words[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) fail(words[3]);
    const int listener = listen_at(words[1]);
    for (;;) {
        const int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) fail("accept");
        serve(client, words[0], words[2], log);
        close(client);
    }
}
