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

#include <stdatomic.h>

#include "policy/access/changes.h"
#include "policy/access/grants.h"
#include "policy/access/origin.h"
#include "policy/access/policy.h"
#include "policy/access/rules.h"
#include "policy/auth/authn.h"
#include "policy/base/arena.h"
#include "policy/base/request.h"

enum decide_verdict {
    DECIDE_DENY,      /* the zero value: answer `status` with `reason` */
    DECIDE_CHALLENGE, /* 401; stale where authn.verdict is AUTHN_STALE; write it with
                         authn_write_challenge */
    DECIDE_NEED_BODY, /* a rule must see the body: collect it (at most policy.judged_body_bytes) and
                         call decide_body, or decide_body_too_long */
    DECIDE_FORWARD,   /* send `target` to `phone` with the account for `admin_account` */
    DECIDE_PORTAL,    /* `page` of the portal */
    DECIDE_SIGN_OUT,  /* end this person's session, then say so */
    DECIDE_REDIRECT,  /* `status` (307 or 308) to `location` */
    DECIDE_OPTIONS,   /* answer OPTIONS ourselves: 204 with Allow */
};

/* Stable names for records, and the status a person sees. An unknown phone and one without a grant
 * share a reason: nothing that is shown may tell them apart. What authentication refuses has the
 * names of AUTHN_REASONS, with 401 or 400. */
#define DECIDE_REASONS(X)                                                                          \
    X(UNDECIDED, 403, "undecided") /* the start value: never left in a decision */                 \
    X(OK, 0, "ok")                                                                                 \
    X(BODY_NEEDED, 0, "body_needed")                                                               \
    X(PORTAL, 200, "portal")                                                                       \
    X(SIGN_OUT, 200, "sign_out")                                                                   \
    X(OPTIONS, 204, "options")                                                                     \
    X(REDIRECT_SLASH, 308, "redirect_slash")     /* /phone/ID to /phone/ID/ */                     \
    X(REDIRECT_REFERER, 307, "redirect_referer") /* a phone's page asked for "/x" */               \
    X(TARGET_BAD_OCTET, 400, "target_bad_octet") /* control, blank, non-ASCII or '#' in a query */ \
    X(PATH_NO_SLASH, 400, "path_no_slash")                                                         \
    X(PATH_BAD_ESCAPE, 400, "path_bad_escape")                                                     \
    X(PATH_AMBIGUOUS, 400, "path_ambiguous")                                                       \
    X(PARAMETER_BAD_ESCAPE, 400, "parameter_bad_escape")                                           \
    X(PARAMETER_AMBIGUOUS, 400, "parameter_ambiguous")                                             \
    X(RULE_DENIED, 403, "rule_denied")         /* `rule` says which */                             \
    X(BODY_NOT_JUDGED, 403, "body_not_judged") /* `rule` would refuse some bodies, and nobody can  \
                                                  say what this one holds */                       \
    X(NO_RULE, 403, "no_rule")                                                                     \
    X(PHONE_RESTRICTED, 403, "phone_restricted") /* it is hardened no longer: only admins */       \
    X(OTHER_SITE, 403, "other_site") /* another site's page asked; `origin` says more */           \
    X(SCRIPTS_NOT_ALLOWED, 403, "scripts_not_allowed") /* a change, and nothing says whose */      \
    X(NOT_FOUND, 404, "not_found")                     /* nothing of the portal's */               \
    X(UNKNOWN_PHONE, 404, "unknown_phone") /* by path: no such phone, or no grant on it */         \
    X(METHOD_NOT_ALLOWED, 405, "method_not_allowed") /* Allow: GET, HEAD */                        \
    X(UNKNOWN_HOST, 421, "unknown_host")             /* no such name, or no grant on its phone */  \
    X(NO_MEMORY, 431, "no_memory")                   /* the request's arena is used up */

enum decide_reason {
#define X(name, status, text) DECIDE_REASON_##name,
    DECIDE_REASONS(X)
#undef X
};

enum portal_page {
    PORTAL_PHONES,   /* "/": the list of phones this person may open */
    PORTAL_WHOAMI,   /* "/whoami" */
    PORTAL_SIGN_OUT, /* "/signout": the form */
};

enum route_kind { ROUTE_NONE, ROUTE_HOST, ROUTE_PATH, ROUTE_PORTAL };

struct decision {
    enum decide_verdict verdict;
    unsigned status;    /* 0 with FORWARD and NEED_BODY */
    const char *reason; /* for the record: of DECIDE_REASONS or AUTHN_REASONS */
    struct str detail;  /* to the person, a refusing rule's own words for one; may be empty */
    struct authn_result authn;
    const struct user *user;          /* proven and not stale; NULL otherwise */
    struct str role;                  /* from the grant that counts; empty without one */
    const struct grant *grant;        /* judged once, before any body is read */
    const struct policy_phone *phone; /* only once the user is known to have a grant on it */
    const struct policy_phone
        *asked_phone; /* the phone that was asked for, grant or not: for the record ONLY, a person
                         without a grant may not learn that it exists */
    struct origin origin; /* who made the client ask; ORIGIN_UNCHECKED where nothing was asked of a
                             phone that this person may reach */
    enum route_kind route;
    enum portal_page page; /* with DECIDE_PORTAL */
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
    struct changes changes;  /* with FORWARD: what it may change at the phone */
    struct str exception;    /* with FORWARD: the class of the rule that would have refused, had the
                                grant not lifted it; empty: none, or the body was not looked at */
    bool has_parameters;     /* in query or, once seen, body */
    bool admin_account;      /* log in with admin_login where the phone has one */
    /* The first grant that names the person and the phone and is not in force now, whether another
     * one counts or not: for the record ONLY. */
    struct grant_missed missed;
};

/* What the rules were asked, for explain; valid as long as the request's arena. */
struct decide_trace {
    bool asked; /* false: it was decided before any rule */
    struct params params;
    struct rules_question question; /* its params are the ones above */
};

struct decide_ctx {
    const struct policy *policy;
    struct nonce_table *nonces;
    struct hasher *hasher;
    struct arena *arena;  /* of the request; where it is exhausted the answer is a deny, 431 */
    struct arena *bodies; /* for the parameters of a body (DECIDE_BODY_ARENA); NULL: `arena`. Needed
                             no longer than decide_body runs, and the trace is used */
    uint64_t now_ms;
    /* What grants with limits are judged by. All zero: unknown, and none of them is in force. */
    struct when when;               /* wall clock and local offset; now_ms is another clock */
    struct network_address address; /* the person's, whole */
    /* By policy_phone.index: true lets only the role admin in. Others may change it at any time; it
     * is read once for a request. NULL: no phone is restricted. */
    const atomic_bool *restricted;
    struct authn_guard guard; /* its settings are the policy's */
    /* explain: judge as if this user had signed in; authentication is skipped. NULL in serve. */
    const struct user *assume_user;
    struct decide_trace *trace; /* NULL in serve: filled in, changes nothing */
};

/* Enough to list the parameters of any form of `len` octets that a page sends. */
#define DECIDE_BODY_ARENA(len) ((size_t)256 * 1024 + 8 * (len))

/* Judge a request whose body has not been read. Every member of *d is set. */
void decide(const struct decide_ctx *ctx, const struct request_view *req, struct decision *d);

/* Judge again with the whole body; only after DECIDE_NEED_BODY, with the same ctx->policy, request
 * and decision. Authentication and routing stand; the verdict becomes FORWARD or DENY. */
void decide_body(const struct decide_ctx *ctx, const struct request_view *req, struct str body,
                 struct decision *d);

/* The same where a chunked body turned out longer than policy.judged_body_bytes: nobody knows what
 * it holds, so lists in allow rules do not match and lists in deny rules do. */
void decide_body_too_long(const struct decide_ctx *ctx, const struct request_view *req,
                          struct decision *d);

/* The grant that counts for this user on this phone, here and now; NULL without one. For the
 * portal's list. `missed` may be NULL. */
const struct grant *decide_grant(const struct decide_ctx *ctx, const struct user *user,
                                 const struct policy_phone *phone, struct grant_missed *missed);

const char *decide_verdict_str(enum decide_verdict verdict);
const char *decide_reason_str(enum decide_reason reason);
unsigned decide_reason_status(enum decide_reason reason);

#endif
