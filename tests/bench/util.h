#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H
/* What the load generator and the simulated phone share. On purpose nothing from policy/ or proxy/:
 * the bench is a second opinion on the gate, so it brings its own Digest and its own reading of
 * HTTP. */
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bodies are a fixed pseudo-random pattern. Its period is a prime, so bytes that arrive twice, late
 * or not at all shift the pattern and are noticed; two periods are stored, so that PATTERN_PERIOD
 * bytes can be read at any phase. */
#define PATTERN_PERIOD 65521U
#define HEX_MAX        65 /* SHA-256 in hex and its NUL */

/* Not NUL-terminated. */
struct slice {
    const char *ptr;
    size_t len;
};

/* A hash fetched once and its reused context. */
struct hasher {
    EVP_MD *md;
    EVP_MD_CTX *ctx;
};

/* Print a message and end the program with status 1. */
_Noreturn void util_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t util_now_ns(void);

/* Bind this process to one core; -1 leaves it where it is. */
void util_pin(int core);

/* The number in text (decimal), or the end of the program when it is none or above max. */
uint64_t util_number(const char *text, uint64_t max);

/* 2 * PATTERN_PERIOD bytes, to be freed by the caller. */
unsigned char *util_pattern(void);

/* algorithm is a name that OpenSSL knows ("SHA256", "MD5"). */
void hasher_init(struct hasher *hasher, const char *algorithm);
void hasher_deinit(struct hasher *hasher);

/* Write the hash of text as lower case hex with a NUL; return the number of digits. */
size_t hasher_hex(struct hasher *hasher, struct slice text, char out[HEX_MAX]);

/* The 8 lower case hex digits of value, without a NUL. */
void util_hex32(uint32_t value, char *out);

bool slice_is(struct slice slice, const char *text);

/* Case-blind, for names of headers and parameters. */
bool slice_is_nocase(struct slice slice, const char *text);

/* Take the next header line off *head (which starts behind the first line). False at the empty line
 * or the end. */
bool http_next_header(struct slice *head, struct slice *name, struct slice *value);

/* Take the next name=value or name="value" off *rest, without the quotes. False at the end or on
 * anything else. */
bool digest_next(struct slice *rest, struct slice *name, struct slice *value);

/* The value of one parameter in "Digest a=b, c="d"", without its quotes; false when absent. */
bool digest_param(struct slice header, const char *name, struct slice *value);

#endif
