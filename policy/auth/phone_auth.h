/* phone_auth.h: logging in to a phone (RFC 7616 and RFC 7617, client side; checks C01-C14,
 * B01-B04).
 *
 * Pure text: challenges in, one Authorization line out. Which connection a challenge belongs to and
 * when to give up is decided by the caller. A challenge keeps copies of what it needs, so it
 * outlives the answer it came in. */
#ifndef POLICY_AUTH_PHONE_AUTH_H
#define POLICY_AUTH_PHONE_AUTH_H

#include "policy/base/hash.h"
#include "policy/base/outbuf.h"
#include "policy/base/request.h"

#define PHONE_AUTH_TEXT_MAX                                                                        \
    512 /* octets of realm, nonce and opaque together; a longer challenge is refused */

enum phone_login { PHONE_LOGIN_DIGEST, PHONE_LOGIN_BASIC, PHONE_LOGIN_FORM, PHONE_LOGIN_NONE };

struct phone_challenge {
    enum phone_login scheme; /* DIGEST or BASIC */
    enum hash_alg algorithm;
    bool qop_auth; /* false: the RFC 2069 form */
    bool stale;
    bool algorithm_named; /* the phone named one, so the answer does too */
    bool has_opaque;
    uint32_t nc; /* of the last answer made; 0 before the first */
    uint16_t realm_len, nonce_len, opaque_len;
    char text[PHONE_AUTH_TEXT_MAX]; /* realm, nonce, opaque, one behind the other, unquoted */
    char cnonce[22];                /* of the last answer */
    bool has_ha1;                   /* an answer was made: ha1 is of its account */
    uint8_t ha1[HASH_MAX_LEN];      /* as good as the password: wiped with phone_challenge_wipe */
};

enum phone_auth_verdict {
    PHONE_AUTH_OK,
    PHONE_AUTH_NONE,        /* no WWW-Authenticate in a 401 */
    PHONE_AUTH_WEAKER,      /* only a weaker scheme than `wanted`: no password may be sent */
    PHONE_AUTH_UNSUPPORTED, /* auth-int only, unknown algorithm, form */
    PHONE_AUTH_MALFORMED,
};

/* Choose the strongest challenge among all WWW-Authenticate headers of a phone's 401 (C01-C04):
 * Digest SHA-512-256 or SHA-256 before MD5; Basic only where `wanted` is BASIC and no Digest is
 * offered. */
MUST_USE enum phone_auth_verdict phone_auth_choose(const struct header *headers, size_t count,
                                                   enum phone_login wanted, const struct hasher *h,
                                                   struct phone_challenge *challenge);

/* Write "Authorization: ...\r\n" for one request and count nc up (also where the request is then
 * never sent: C05). A challenge is answered for one account: H(A1) is computed once and kept.
 * `random` is 16 fresh random bytes for the cnonce. `uri` is the target as sent to the phone (C06).
 * False when the user name or password cannot be sent (control character, colon in a Basic or
 * Digest name, hash missing). */
MUST_USE bool phone_auth_answer(struct phone_challenge *challenge, struct hasher *h,
                                struct str user, struct str password, struct str method,
                                struct str uri, const uint8_t random[16], struct outbuf *out);

/* Check an Authentication-Info header against the last answer, which was for `uri` (C09, C10). True
 * when absent members leave nothing to check; false when rspauth is wrong. A nextnonce replaces the
 * nonce and restarts nc. */
MUST_USE bool phone_auth_info(struct phone_challenge *challenge, struct hasher *h, struct str uri,
                              struct str value);

/* Forget everything, the account's hash included. */
void phone_challenge_wipe(struct phone_challenge *challenge);

struct str phone_challenge_realm(const struct phone_challenge *challenge);
const char *phone_auth_verdict_str(enum phone_auth_verdict verdict);

#endif
