/* hash.h: the hashes of HTTP Digest, fetched once and used without allocation.
 *
 * A hasher belongs to one thread. MD5 may be missing (FIPS): ask hasher_has before a configuration
 * that needs it is accepted. */
#ifndef POLICY_BASE_HASH_H
#define POLICY_BASE_HASH_H

#include "policy/base/str.h"

enum hash_alg { HASH_MD5, HASH_SHA256, HASH_SHA512_256, HASH_ALGS };

#define HASH_MAX_LEN 32
#define HASH_MAX_HEX (2 * HASH_MAX_LEN)

struct hasher;

/* Never NULL; free with hasher_free. */
struct hasher *hasher_new(void);
void hasher_free(struct hasher *h);

bool hasher_has(const struct hasher *h, enum hash_alg alg);

/* Octets of a value: 16 or 32. */
size_t hash_len(enum hash_alg alg);

/* The token of RFC 7616 section 6.1: "MD5", "SHA-256", "SHA-512-256". */
struct str hash_name(enum hash_alg alg);

/* The hash over all `parts`, one behind the other. False only when the algorithm is missing or
 * libcrypto fails: the caller refuses. */
MUST_USE bool hash_parts(struct hasher *h, enum hash_alg alg, const struct str *parts, size_t count,
                         uint8_t out[HASH_MAX_LEN]);

/* The same as lower-case hex: 2 * hash_len(alg) characters into `out`, no NUL. */
MUST_USE bool hash_parts_hex(struct hasher *h, enum hash_alg alg, const struct str *parts,
                             size_t count, char out[HASH_MAX_HEX]);

/* HMAC-SHA-256 (RFC 2104) with a 32-byte key over `message`. */
MUST_USE bool hash_hmac_sha256(struct hasher *h, const uint8_t key[32], struct str message,
                               uint8_t out[32]);

#endif
