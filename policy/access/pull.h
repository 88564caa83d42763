/* pull.h: may this phone have that file?
 *
 * Phones fetch their settings from a listener of their own. A phone proves itself by its
 * certificate, whose name is its MAC, or by Digest: its MAC is the user's name, the password its
 * own, and the table of these users has no person in it. It gets one file: its own. The path names
 * the file by the MAC and is compared, never used: no octet of it reaches the file system.
 *
 * Undecided means no. A stranger gets the same 401 for every path; a phone the same 404 for files
 * of other phones and of none. */
#ifndef POLICY_ACCESS_PULL_H
#define POLICY_ACCESS_PULL_H

#include "policy/auth/authn.h"
#include "policy/base/mac.h"
#include "policy/base/request.h"

/* Digits and letters of what stands in front of the MAC in "snomD785-000413A1B2C3.htm". */
#define PULL_TYPE_MAX 24

enum pull_verdict {
    PULL_DENY,      /* the zero value: answer `status` with `reason` */
    PULL_CHALLENGE, /* 401, by authn_write_challenge; stale where authn.verdict is AUTHN_STALE */
    PULL_SERVE,     /* the file of phones[index] */
};

/* Stable names for records, with their status. What authentication refuses has the names of
 * AUTHN_REASONS, with 400, 401 or 429. */
#define PULL_REASONS(X)                                                                            \
    X(UNDECIDED, 403, "undecided")                                                                 \
    X(CERTIFICATE, 200, "by_certificate")                                                          \
    X(PASSWORD, 200, "by_password")                                                                \
    X(NOT_FOUND, 404, "not_found")     /* no path that names a file */                             \
    X(OTHER_PHONE, 404, "other_phone") /* the file of another phone, or of none */                 \
    X(METHOD, 405, "method_not_allowed")                                                           \
    X(BODY, 400, "body_not_allowed")

enum pull_reason {
#define X(name, status, text) PULL_REASON_##name,
    PULL_REASONS(X)
#undef X
};

struct pull_ctx {
    struct authn_ctx authn; /* users: by MAC, of this purpose only */
    const struct str *macs; /* of the phones, by index; empty: it has none */
    size_t count;
    struct str certificate; /* the MAC that TLS proved by a certificate; empty: none */
};

struct pull_decision {
    enum pull_verdict verdict;
    unsigned status;
    const char *reason;
    struct authn_result authn; /* where no certificate was proven */
    size_t index;              /* of the phone that proved itself; ctx->count: none did */
};

/* Judge. Every member of *d is set. */
void pull_decide(const struct pull_ctx *ctx, const struct request_view *req,
                 struct pull_decision *d);

/* The MAC in "/000413A1B2C3", "/000413a1b2c3.xml", "/snomD785-000413A1B2C3.htm": 12 hex digits in
 * either case, in upper case afterwards. False for every other path, however it is escaped. */
MUST_USE bool pull_path_mac(struct str path, char mac[MAC_HEX]);

#endif
