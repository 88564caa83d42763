#include "tests/bench/util.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char hex_digits[] = "0123456789abcdef";

void util_die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

uint64_t util_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void util_pin(int core) {
    if (core < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) util_die("cannot use core %d", core);
}

uint64_t util_number(const char *text, uint64_t max) {
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value > max)
        util_die("not a number up to %llu: %s", (unsigned long long)max, text);
    return value;
}

unsigned char *util_pattern(void) {
    unsigned char *pattern = malloc((size_t)2 * PATTERN_PERIOD);
    if (pattern == NULL) util_die("out of memory");
    uint32_t state = 2463534242U; /* xorshift32: the same bytes in every run and program */
    for (size_t i = 0; i < PATTERN_PERIOD; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        pattern[i] = (unsigned char)(state >> 24);
    }
    memcpy(pattern + PATTERN_PERIOD, pattern, PATTERN_PERIOD);
    return pattern;
}

void hasher_init(struct hasher *hasher, const char *algorithm) {
    hasher->md = EVP_MD_fetch(NULL, algorithm, NULL);
    hasher->ctx = EVP_MD_CTX_new();
    if (hasher->md == NULL || hasher->ctx == NULL) util_die("no hash named %s", algorithm);
}

void hasher_deinit(struct hasher *hasher) {
    EVP_MD_free(hasher->md);
    EVP_MD_CTX_free(hasher->ctx);
}

size_t hasher_hex(struct hasher *hasher, struct slice text, char out[HEX_MAX]) {
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (EVP_DigestInit_ex(hasher->ctx, hasher->md, NULL) != 1 ||
        EVP_DigestUpdate(hasher->ctx, text.ptr, text.len) != 1 ||
        EVP_DigestFinal_ex(hasher->ctx, raw, &len) != 1 || len > (HEX_MAX - 1) / 2)
        util_die("hashing failed");
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex_digits[raw[i] >> 4];
        out[2 * i + 1] = hex_digits[raw[i] & 15];
    }
    out[(size_t)2 * len] = '\0';
    return (size_t)2 * len;
}

void util_hex32(uint32_t value, char *out) {
    for (int i = 7; i >= 0; i--, value >>= 4) out[i] = hex_digits[value & 15];
}

bool slice_is(struct slice slice, const char *text) {
    return slice.len == strlen(text) && memcmp(slice.ptr, text, slice.len) == 0;
}

bool slice_is_nocase(struct slice slice, const char *text) {
    return slice.len == strlen(text) && strncasecmp(slice.ptr, text, slice.len) == 0;
}

bool http_next_header(struct slice *head, struct slice *name, struct slice *value) {
    const char *end = memmem(head->ptr, head->len, "\r\n", 2);
    if (end == NULL || end == head->ptr) return false;
    const char *line = head->ptr;
    const char *colon = memchr(line, ':', (size_t)(end - line));
    head->len -= (size_t)(end - line) + 2;
    head->ptr = end + 2;
    if (colon == NULL) colon = end;
    const char *start = colon == end ? end : colon + 1;
    while (start < end && *start == ' ') start++;
    *name = (struct slice){line, (size_t)(colon - line)};
    *value = (struct slice){start, (size_t)(end - start)};
    return true;
}

bool digest_next(struct slice *rest, struct slice *name, struct slice *value) {
    const char *at = rest->ptr;
    const char *end = rest->ptr + rest->len;
    while (at < end && (*at == ' ' || *at == ',')) at++;
    const char *equals = memchr(at, '=', (size_t)(end - at));
    if (equals == NULL) return false;
    *name = (struct slice){at, (size_t)(equals - at)};
    const char *start = equals + 1;
    bool quoted = start < end && *start == '"';
    if (quoted) start++;
    const char *stop = memchr(start, quoted ? '"' : ',', (size_t)(end - start));
    if (stop == NULL && quoted) return false;
    if (stop == NULL) stop = end;
    *value = (struct slice){start, (size_t)(stop - start)};
    const char *next = stop + (quoted ? 1 : 0);
    *rest = (struct slice){next, (size_t)(end - next)};
    return true;
}

bool digest_param(struct slice header, const char *name, struct slice *value) {
    if (header.len < 7 || strncasecmp(header.ptr, "Digest ", 7) != 0) return false;
    struct slice rest = {header.ptr + 7, header.len - 7};
    struct slice found;
    while (digest_next(&rest, &found, value))
        if (slice_is_nocase(found, name)) return true;
    return false;
}
