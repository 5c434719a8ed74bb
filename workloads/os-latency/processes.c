/* SPDX-License-Identifier: MIT */
/* processes COUNT: the rows of the paper's table 3: system calls, signals, processes. COUNT is how
   often a cheap call is made in a batch; a process is started COUNT / 500 times. */
#include "measure.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int null_device, selected[10];
static const char *path = "processes.file";

static void null_call(void) { syscall(SYS_getppid); }

static void null_io(void) {
    char byte = 0;
    MUST(write(null_device, &byte, 1));
}

static void stat_file(void) {
    struct stat status;
    MUST(stat(path, &status));
}

static void open_close(void) {
    const int file = open(path, O_RDONLY);
    MUST(file);
    close(file);
}

static void select_tcp(void) {
    fd_set set;
    struct timeval no_time = {0, 0};
    FD_ZERO(&set);
    for (int i = 0; i < 10; ++i) FD_SET(selected[i], &set);
    MUST(select(selected[9] + 1, &set, NULL, NULL, &no_time));
}

/* Ten sockets that listen, as lmbench's row has it. */
static void open_sockets(void) {
    for (int i = 0; i < 10; ++i) {
        struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        MUST(selected[i] = socket(AF_INET, SOCK_STREAM, 0));
        MUST(bind(selected[i], (struct sockaddr *)&any, sizeof any));
        MUST(listen(selected[i], 1));
    }
}

static volatile int signals;
static void handler(int number) {
    (void)number;
    ++signals;
}

static void install(void) {
    struct sigaction action = {.sa_handler = handler};
    MUST(sigaction(SIGUSR1, &action, NULL));
}

static void handle(void) { MUST(kill(getpid(), SIGUSR1)); }

static void wait_for(pid_t child) {
    int status;
    MUST(waitpid(child, &status, 0));
    if (status != 0) fail("a child");
}

static void fork_exit(void) {
    const pid_t child = fork();
    MUST(child);
    if (child == 0) _exit(0);
    wait_for(child);
}

static void run(const char *program, char *const arguments[]) {
    const pid_t child = fork();
    MUST(child);
    if (child == 0) {
        execv(program, arguments);
        _exit(127);
    }
    wait_for(child);
}

static void fork_exec(void) {
    char *arguments[] = {"true", NULL};
    run("/bin/true", arguments);
}

static void fork_sh(void) {
    char *arguments[] = {"sh", "-c", "/bin/true", NULL};
    run("/bin/sh", arguments);
}

int main(int count, char **words) {
    const int calls = count == 2 ? atoi(words[1]) : 0;
    const int processes = calls / 500;
    if (processes < 1) {
        fprintf(stderr, "usage: processes COUNT, at least 500\n");
        return 2;
    }
    MUST(null_device = open("/dev/null", O_WRONLY));
    MUST(close(open(path, O_WRONLY | O_CREAT, 0644)));
    open_sockets();
    measure("null_call", null_call, calls);
    measure("null_io", null_io, calls);
    measure("stat", stat_file, calls / 4);
    measure("open_close", open_close, calls / 4);
    measure("select_tcp", select_tcp, calls / 4);
    measure("signal_install", install, calls);
    measure("signal_handle", handle, calls / 4);
    if (signals != batches * (calls / 4) + 1) fail("a signal was lost");
    measure("fork_proc", fork_exit, processes);
    measure("exec_proc", fork_exec, processes);
    measure("sh_proc", fork_sh, processes);
    return 0;
}
