#ifndef BENCH_ORIGIN_DIGEST_H
#define BENCH_ORIGIN_DIGEST_H
/* The server side of Digest (RFC 7616, qop=auth only) for the simulated phone: one account, nonces
 * that live until a thousand newer ones were issued, each nc accepted once. */
#include "tests/bench/util.h"

enum {
    DIGEST_NONCES = 1024,
    DIGEST_NONCE_LEN = 32,
    DIGEST_WINDOW =
        1024, /* how far an nc may come late: more than any peer's connections to one phone */
};

struct digest_nonce {
    char text[DIGEST_NONCE_LEN];
    uint32_t highest;
    uint64_t seen[DIGEST_WINDOW / 64];
};

struct digest_server {
    const char *user, *realm;
    const char *algorithm; /* "MD5" or "SHA-256" */
    struct hasher hasher;
    char ha1[HEX_MAX];
    char ha2_of[256], ha2[HEX_MAX]; /* the last "METHOD:target" and its hash */
    struct digest_nonce nonces[DIGEST_NONCES];
    uint32_t next_nonce;
};

/* What a request says, as far as Digest needs it. */
struct digest_request {
    struct slice method, target, authorization;
};

enum digest_verdict { DIGEST_RIGHT, DIGEST_STALE, DIGEST_WRONG };

/* user, realm and algorithm must outlive the server. */
void digest_server_init(struct digest_server *server, const char *user, const char *realm,
                        const char *password, const char *algorithm);

enum digest_verdict digest_server_check(struct digest_server *server,
                                        const struct digest_request *request);

/* Write a WWW-Authenticate line with its CRLF and a NUL. */
void digest_server_challenge(struct digest_server *server, bool stale, char *out, size_t size);

#endif
