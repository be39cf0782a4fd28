/* What the load generator is given: arguments name=value and binary files. What is wrong with them ends the program. */
#ifndef LOADGEN_INPUTS_H
#define LOADGEN_INPUTS_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of blobs: int64 count, int64 offsets[count + 1] from the first byte after them, bytes. */
struct blobs {
    int64_t count;
    const int64_t *offsets;
    const char *bytes;
};

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) fail("not enough memory for %zu bytes; ask for fewer arrivals", count * size);
    return memory;
}

static const char *option(int count, char **options, const char *name) {
    size_t length = strlen(name);
    for (int number = 1; number < count; number++)
        if (!strncmp(options[number], name, length) && options[number][length] == '=')
            return options[number] + length + 1;
    fail("expected %s=…, got nothing of that name", name);
    return NULL;
}

static int64_t number(int count, char **options, const char *name, int64_t least, int64_t most) {
    const char *text = option(count, options, name);
    char *end;
    errno = 0;
    int64_t value = strtoll(text, &end, 10);
    if (errno || *end || end == text || value < least || value > most)
        fail("expected %s from %lld to %lld, got '%s'", name, (long long)least, (long long)most, text);
    return value;
}

static const void *load(const char *path, size_t item, int64_t *count) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status)) fail("cannot read %s: %s", path, strerror(errno));
    if (status.st_size == 0 || (size_t)status.st_size % item)
        fail("%s: expected items of %zu bytes, got %lld bytes", path, item, (long long)status.st_size);
    void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (memory == MAP_FAILED) fail("cannot map %s: %s", path, strerror(errno));
    close(file);
    *count = status.st_size / (int64_t)item;
    return memory;
}

static struct blobs load_blobs(const char *path) {
    int64_t size;
    const char *memory = load(path, 1, &size);
    const int64_t *words = (const int64_t *)memory;
    int64_t count = size >= 16 ? words[0] : -1, first = 8 * (count + 2);
    if (count < 1 || count > size / 8 || first > size || words[1] || first + words[count + 1] != size)
        fail("%s is no file of blobs", path);
    for (int64_t place = 1; place <= count; place++)
        if (words[place + 1] < words[place]) fail("%s: blob %lld ends before it begins", path, (long long)place - 1);
    return (struct blobs){count, words + 1, memory + first};
}

#endif
