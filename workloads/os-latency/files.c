/* SPDX-License-Identifier: MIT */
/* files COUNT: the rows of the paper's table 5: COUNT files are created and deleted, empty and of
   10 KiB; a file is mapped; pages fault, by protection and by being absent. */
#include "measure.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { page = 4096, mapped_bytes = 4 << 20 };

static void create_and_delete(const char *suffix, size_t bytes, int count) {
    static char content[10 << 10];
    double created[batches], deleted[batches];
    char name[64];
    for (int batch = 0; batch < batches; ++batch) {
        double start = now_us();
        for (int i = 0; i < count; ++i) {
            snprintf(name, sizeof name, "file%d", i);
            const int file = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
            MUST(file);
            if (write(file, content, bytes) != (ssize_t)bytes) fail("write");
            close(file);
        }
        created[batch] = (now_us() - start) / count;
        start = now_us();
        for (int i = 0; i < count; ++i) {
            snprintf(name, sizeof name, "file%d", i);
            MUST(unlink(name));
        }
        deleted[batch] = (now_us() - start) / count;
    }
    snprintf(name, sizeof name, "file_create_%s", suffix);
    print_us(name, median(created, batches));
    snprintf(name, sizeof name, "file_delete_%s", suffix);
    print_us(name, median(deleted, batches));
}

static int mapped;

static char *map(void) {
    char *at = mmap(NULL, mapped_bytes, PROT_READ, MAP_SHARED, mapped, 0);
    if (at == MAP_FAILED) fail("mmap");
    return at;
}

/* A mapping of 4 MiB, a tenth of whose pages are touched, and its end. */
static void map_and_touch(void) {
    char *at = map();
    for (int i = 0; i < mapped_bytes; i += 10 * page) (void)*(volatile char *)(at + i);
    munmap(at, mapped_bytes);
}

/* Pages of no file: of a file's pages the kernel would map the neighbours with each. */
static void fault_in(int count) {
    double times[batches];
    const int pages = mapped_bytes / page;
    const int mappings = (count + pages - 1) / pages;
    for (int batch = 0; batch < batches; ++batch) {
        double spent = 0;
        for (int i = 0; i < mappings; ++i) {
            char *at = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (at == MAP_FAILED) fail("mmap");
            /* A kernel without huge pages refuses the wish, and needs it not. */
            (void)madvise(at, mapped_bytes, MADV_NOHUGEPAGE);
            const double start = now_us();
            for (int j = 0; j < pages; ++j) *(volatile char *)(at + (size_t)j * page) = 1;
            spent += (now_us() - start) / pages;
            munmap(at, mapped_bytes);
        }
        times[batch] = spent / mappings;
    }
    print_us("page_fault", median(times, batches));
}

static sigjmp_buf back;
static void jump(int number) {
    (void)number;
    siglongjmp(back, 1);
}

static char *protected_page;
static void fault_by_protection(void) {
    if (sigsetjmp(back, 1) == 0) *(volatile char *)protected_page = 1;
}

int main(int count, char **words) {
    const int files = count == 2 ? atoi(words[1]) : 0;
    if (files < 1) {
        fprintf(stderr, "usage: files COUNT\n");
        return 2;
    }
    create_and_delete("0k", 0, files);
    create_and_delete("10k", 10 << 10, files);
    MUST(mapped = open("mapped", O_RDWR | O_CREAT, 0644));
    static char block[1 << 16];
    for (int i = 0; i < mapped_bytes; i += (int)sizeof block)
        if (write(mapped, block, sizeof block) != (ssize_t)sizeof block) fail("write");
    measure("mmap", map_and_touch, files);
    struct sigaction action = {.sa_handler = jump};
    MUST(sigaction(SIGSEGV, &action, NULL));
    protected_page = map();
    measure("protection_fault", fault_by_protection, files * 10);
    fault_in(files * 20);
    return 0;
}
