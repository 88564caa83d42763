/* decide.h: the whole security decision.
 *
 * One function answers: who is it, which phone, which path, may they. The code that moves bytes
 * adds no judgement of its own, and after decide() nobody looks at the raw target again: what is
 * judged (decision.target) is what is sent. Undecided means deny. Authentication comes before
 * routing, so a stranger gets the same 401 for every name. A known user without any grant on a
 * phone gets what a phone that does not exist gives: 404 by path, 421 by host; with a grant but
 * without the right: 403, never 401. */
#ifndef POLICY_ACCESS_DECIDE_H
#define POLICY_ACCESS_DECIDE_H

#include "policy/access/policy.h"
#include "policy/auth/authn.h"
#include "policy/base/arena.h"
#include "policy/base/request.h"

enum decide_verdict {
    DECIDE_DENY,      /* the zero value: answer `status` with `reason` */
    DECIDE_CHALLENGE, /* 401; `stale` says which kind; write it with authn_write_challenge */
    DECIDE_NEED_BODY, /* a rule must see the body: collect it (at most policy.judged_body_bytes),
                         call decide_body */
    DECIDE_FORWARD,   /* send `target` to `phone` with the account for `admin_account` */
    DECIDE_PORTAL,    /* the list of phones this person may open */
    DECIDE_REDIRECT,  /* `status` (307 or 308) to `location` */
    DECIDE_OPTIONS,   /* answer OPTIONS ourselves: 204 with Allow */
};

enum route_kind { ROUTE_NONE, ROUTE_HOST, ROUTE_PATH, ROUTE_PORTAL };

struct decision {
    enum decide_verdict verdict;
    unsigned status;    /* of a refusal or redirect; 0 with FORWARD and NEED_BODY */
    const char *reason; /* stable name for the record: "ok", "uri_mismatch", "rule_denied",
                           "no_rule", ... */
    struct str detail;  /* a rule's own words to the person; may be empty */
    struct authn_result authn;
    const struct user *user; /* proven and not stale; NULL otherwise */
    struct str role;         /* from the grant that counts; empty without one */
    const struct grant *grant;
    const struct policy_phone *phone; /* only once the user is known to have a grant on it */
    enum route_kind route;
    struct str
        prefix; /* "/phone/ID" with ROUTE_PATH, as it must stand in front of rewritten links */
    struct urlpath_slices {
        struct str decoded;
        struct str encoded;
    } path;            /* canonical, prefix removed */
    struct str target; /* path.encoded and, where there is one, '?' and the raw query: what the
                          phone is sent */
    struct str location;
    const struct rule *rule; /* the rule that decided; NULL where none did */
    bool has_parameters;     /* in query or, once seen, body */
    bool admin_account;      /* log in with admin_login where the phone has one */
};

struct decide_ctx {
    const struct policy *policy;
    struct nonce_table *nonces;
    struct hasher *hasher;
    struct arena *arena; /* of the request; where it is exhausted the answer is a deny, 431 */
    uint64_t now_ms;
    /* explain: judge as if this user had signed in; authentication is skipped. NULL in serve. */
    const struct user *assume_user;
};

/* Judge a request whose body has not been read. Every member of *d is set. */
void decide(const struct decide_ctx *ctx, const struct request_view *req, struct decision *d);

/* Judge again with the whole body; only after DECIDE_NEED_BODY, with the same ctx->policy, request
 * and decision. Authentication and routing stand; the verdict becomes FORWARD or DENY. */
void decide_body(const struct decide_ctx *ctx, const struct request_view *req, struct str body,
                 struct decision *d);

/* The grant that counts for this user on this phone; NULL without one. For the portal's list. */
const struct grant *decide_grant(const struct policy *policy, const struct user *user,
                                 const struct policy_phone *phone);

const char *decide_verdict_str(enum decide_verdict verdict);

#endif
