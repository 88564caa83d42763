/* authn.h: does this request prove a person (RFC 7616, server side)?
 *
 * Checks V01-V31 of tests/vectors/README.md. The order of the checks is a decision: shape, then
 * nonce signature, then the response, and only a response that verified makes expiry or replay a
 * recoverable `stale`. An unknown user costs the same work and gets the same answer as a wrong
 * password, and so does the right password of an account that is disabled or over. Nothing is
 * stored for a stranger. */
#ifndef POLICY_AUTH_AUTHN_H
#define POLICY_AUTH_AUTHN_H

#include "policy/auth/lockout.h"
#include "policy/auth/nonce.h"
#include "policy/auth/session.h"
#include "policy/auth/users.h"
#include "policy/base/hash.h"
#include "policy/base/outbuf.h"
#include "policy/base/request.h"

/* Octets of one Authorization field: it repeats the target (8 KiB by default) and holds little
 * else. */
#define AUTHN_HEADER_MAX 12288
#define AUTHN_CLAIMED_MAX                                                                          \
    64 /* octets of a claimed name that are kept; it may be a password typed into the wrong box */

struct digest_settings {
    struct str realm;                    /* printable ASCII without '"' and '\' */
    enum hash_alg algorithms[HASH_ALGS]; /* in order of preference */
    size_t algorithm_count;              /* at least 1 */
    uint64_t nonce_lifetime_ms;
    struct str opaque; /* sent with every challenge and wanted back (V15): constant for a realm, so
                          that it outlives a restart; empty: none is sent */
};

enum authn_verdict {
    AUTHN_OK,
    AUTHN_CHALLENGE, /* 401, no stale */
    AUTHN_STALE,     /* 401 with stale=true on every line: the response itself was right */
    AUTHN_LOCKED,    /* 429: too many wrong responses; this one was not looked at */
    AUTHN_BAD,       /* 400: the header breaks the grammar or names another target */
};

/* Stable names for records; never mixed: a replay is not a wrong password. */
#define AUTHN_REASONS(X)                                                                           \
    X(OK, "ok")                                                                                    \
    X(NO_CREDENTIALS, "no_credentials")                                                            \
    X(OTHER_SCHEME, "other_scheme")                                                                \
    X(MALFORMED, "authorization_malformed")                                                        \
    X(REPEATED, "authorization_repeated")                                                          \
    X(TOO_LONG, "authorization_too_long")                                                          \
    X(MISSING_FIELD, "authorization_missing_field")                                                \
    X(BAD_FIELD, "authorization_bad_field")                                                        \
    X(URI_MISMATCH, "uri_mismatch")                                                                \
    X(REALM_MISMATCH, "realm_mismatch")                                                            \
    X(OPAQUE_MISMATCH, "opaque_mismatch")                                                          \
    X(ALGORITHM_NOT_OFFERED, "algorithm_not_offered")                                              \
    X(QOP_NOT_OFFERED, "qop_not_offered")                                                          \
    X(NONCE_UNKNOWN, "nonce_unknown")                                                              \
    X(NONCE_EXPIRED, "nonce_expired")                                                              \
    X(NONCE_OTHER_INSTANCE, "nonce_other_instance")                                                \
    X(NONCE_EVICTED, "nonce_evicted")                                                              \
    X(NC_REPLAYED, "nc_replayed")                                                                  \
    X(ALGORITHM_SWITCHED_OFF, "algorithm_switched_off")                                            \
    X(USER_DISABLED, "user_disabled")                                                              \
    X(USER_EXPIRED, "user_expired")                                                                \
    X(UNKNOWN_USER, "unknown_user")                                                                \
    X(WRONG_RESPONSE, "wrong_response")                                                            \
    X(LOCKED, "locked")                                                                            \
    X(SIGNED_OUT, "signed_out")     /* a right response on a nonce from before */                  \
    X(SESSION_OVER, "session_over") /* likewise, by age or idleness */

enum authn_reason {
#define X(name, text) AUTHN_REASON_##name,
    AUTHN_REASONS(X)
#undef X
};

/* What Authentication-Info is made of: slices of the header. */
struct authn_proof {
    struct str uri; /* empty: nothing is written */
    struct str nonce, nc, cnonce;
    /* When it was accepted. A next nonce is of this moment, however late the answer: who signs out
     * meanwhile is signed out with it. */
    uint64_t at_ms;
};

struct authn_result {
    enum authn_verdict verdict;
    enum authn_reason reason;
    const struct user *user; /* proven; NULL unless AUTHN_OK or AUTHN_STALE */
    struct str claimed;      /* the user's own name where there is such a user, else a slice of the
                                header; cut at AUTHN_CLAIMED_MAX; empty where none was given */
    bool claimed_is_known;  /* a user of this name exists: only then may the record hold it in clear
                             */
    bool counts_as_failure; /* a wrong response on a nonce we signed, or the right one of an account
                               that is over: the lockout counts it */
    enum hash_alg algorithm;  /* of the answer, once known */
    struct authn_proof proof; /* with AUTHN_OK */
    uint64_t retry_after_s;   /* with AUTHN_LOCKED */
};

struct authn_settings {
    struct lockout_settings lockout;
    struct session_settings session;
};

/* The tables that remember people over requests. NULL: no such thing is judged. */
struct authn_guard {
    struct lockout *lockout;
    struct sessions *sessions;
    const struct authn_settings *settings; /* with either of them */
    struct lockout_address address;        /* where the request comes from */
};

struct authn_ctx {
    const struct users *users;
    const struct digest_settings *digest;
    struct nonce_table *nonces;
    struct hasher *hasher;
    uint64_t now_ms;
    struct authn_guard guard;
};

/* Judge the request's Authorization. Keeps no memory. */
void authn_check(const struct authn_ctx *ctx, const struct request_view *req,
                 struct authn_result *result);

/* Write one complete header line per algorithm, each "WWW-Authenticate: Digest ...\r\n", all on one
 * fresh nonce. */
void authn_write_challenge(const struct authn_ctx *ctx, bool stale,
                           const uint8_t random[NONCE_RANDOM_LEN], struct outbuf *out);

#define AUTHN_INFO_MAX 512 /* octets that authn_write_info writes at most */
/* In the last of so many parts of its life a nonce is followed by the next one (V19). */
#define AUTHN_NEXTNONCE_PART 5

/* Write "Authentication-Info: ...\r\n" for a result of AUTHN_OK: we know the hash of the password,
 * too (RFC 7616 3.5). Two hashes, no memory. Writes nothing where the answer had backslashes in
 * uri, nonce, nc or cnonce, which no client puts there. */
void authn_write_info(const struct authn_ctx *ctx, const struct authn_result *result,
                      const uint8_t random[NONCE_RANDOM_LEN], struct outbuf *out);

/* OK, USER_DISABLED or USER_EXPIRED: may this account sign in at that time? */
enum authn_reason authn_account(const struct user *user, uint64_t now_ms);

const char *authn_reason_str(enum authn_reason reason);

#endif
