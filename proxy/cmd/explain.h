/* explain.h: the way of a request up to the decision, without a connection.
 *
 * The same guard, second parser, limits and decide() as in serve, in the same order; only that the
 * user is given and not proven. What serve decides later (is there room, does the phone answer) is
 * not asked here. */
#ifndef PROXY_CMD_EXPLAIN_H
#define PROXY_CMD_EXPLAIN_H

#include "policy/access/decide.h"
#include "policy/access/rules_trace.h"
#include "proxy/config/config.h"
#include "proxy/http/http_strict.h"

/* Who made the browser, or the program, ask: the fields that tell it. */
enum explain_sender {
    EXPLAIN_OWN_PAGE,   /* a browser, on a page that came from the gate under the same name */
    EXPLAIN_CROSS_SITE, /* a browser, following a link or a form of somebody else's page */
    EXPLAIN_SCRIPT,     /* a program: none of the fields that browsers send */
};

/* "@page", "@cross-site", "@script". */
MUST_USE bool explain_sender_from(struct str word, enum explain_sender *sender);

struct explain_request {
    struct str method, target; /* target as the phone sees it, with its query */
    struct str phone;          /* id; it need not exist */
    bool has_body;
    bool body_unread;              /* leave DECIDE_NEED_BODY as it is: nobody knows the body */
    bool restricted;               /* as if the phone were hardened no longer */
    bool by_path;                  /* even where the phone has a name of its own */
    struct str body, content_type; /* content_type may be empty: no such field */
    enum explain_sender sender;
    const struct header
        *fields; /* more of them; one of the same name as the sender's replaces it */
    size_t field_count;
    struct when when;               /* all zero: now */
    struct network_address address; /* of who asks; all zero: nobody knows */
};

/* The local time of this machine at this second. */
struct when explain_when(int64_t utc_s);

/* "192.0.2.1" or "2001:db8::1"; "2026-12-31T18:00:00+01:00" or "2026-12-31". False: it is none. */
MUST_USE bool explain_address_from(const char *text, struct network_address *address);
MUST_USE bool explain_when_from(struct str text, struct when *when);

enum explain_result {
    EXPLAIN_DECIDED, /* see `decision` */
    EXPLAIN_REFUSED, /* before decide(): see `refusal` */
    EXPLAIN_NO_HEAD, /* method or target hold line ends: not one request */
};

struct explain {
    struct arena head;   /* the head and its fields */
    struct arena judged; /* as large as serve's for one request */
    struct arena bodies; /* for parameters of its body */
    struct hasher *hasher;
    struct request_view view;
    struct http_refusal refusal;
    struct decision decision;
    struct decide_trace trace; /* what the rules were asked */
};

void explain_init(struct explain *e);
void explain_deinit(struct explain *e);

/* Judge one request; what the last one left in `e` is gone. A phone with a name of its own is asked
 * for by that name, any other by path on the portal. */
MUST_USE enum explain_result explain_judge(struct explain *e, const struct config *config,
                                           const struct user *user,
                                           const struct explain_request *request);

#endif
