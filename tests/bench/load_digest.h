#ifndef BENCH_LOAD_DIGEST_H
#define BENCH_LOAD_DIGEST_H
/* The client side of Digest for the load generator. Each connection has its own nonce and a request
 * that is written once; per request only the nc and the response in it change, so that hashing is
 * nearly all of the client's cost. */
#include "tests/bench/util.h"

/* What all connections have in common. Strings are the caller's and outlive it. */
struct account {
    const char *user, *password;
    const char *algorithm; /* as in HTTP: "SHA-256" or "MD5"; NULL: no authentication */
    const char *method, *target, *host;
    uint64_t upload; /* octets of a body that goes with each request that may pass; 0: none */
    struct hasher hasher;
};

struct ticket {
    char request[1536];
    size_t request_len;
    size_t nc_at, response_at; /* in request; 0 when it has no Authorization */
    char proof[768];           /* HA1:nonce:nc:cnonce:auth:HA2 */
    size_t proof_len, proof_nc_at;
    uint32_t nc;
    uint64_t body; /* octets that must follow the request as it stands */
};

/* Write the request without credentials. */
void ticket_init(struct ticket *ticket, const struct account *account);

/* Take a challenge in; false when it is not for account's algorithm or offers no qop=auth. */
bool ticket_challenge(struct ticket *ticket, struct account *account, struct slice challenge);

/* Bring the request to the next nc. Without a challenge before, it stays as it is. */
void ticket_next(struct ticket *ticket, struct account *account);

#endif
