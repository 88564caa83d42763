/* digest.h: the sums of RFC 7616 3.4.1 to 3.4.3, and nothing about who may use them.
 *
 * Both sides use them: the verifier with what the request really was, the client with what it
 * sends. */
#ifndef POLICY_AUTH_DIGEST_H
#define POLICY_AUTH_DIGEST_H

#include "policy/base/hash.h"
#include "policy/base/str.h"

struct digest_input {
    enum hash_alg algorithm;
    struct str method; /* empty for rspauth (RFC 7616 3.5) */
    struct str uri;
    struct str nonce;
    struct str nc;     /* as sent: eight digits */
    struct str cnonce; /* backslashes undone */
    bool qop_auth;     /* false: the form of RFC 2069, without nc and cnonce */
};

/* The response as raw octets (hash_len of them). `ha1` is raw as well. False only when the hash
 * cannot be computed: the caller refuses. */
MUST_USE bool digest_response(struct hasher *h, const struct digest_input *input,
                              const uint8_t ha1[HASH_MAX_LEN], uint8_t out[HASH_MAX_LEN]);

#endif
