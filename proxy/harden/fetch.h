/* fetch.h: one request of our own to a phone, and its whole answer.
 *
 * Goes the way that people's requests go (phone_exchange): through the phone's queue, over a
 * connection that has proven itself by pin or CA, with the phone's login, its breaker and the one
 * retry on a stale nonce. So one wrong password is the most that a phone ever sees of it. A phone
 * without a login, or with other accounts than the configuration names, is asked through a phone of
 * one's own: phone_new from a changed copy of its config_phone. */
#ifndef PROXY_HARDEN_FETCH_H
#define PROXY_HARDEN_FETCH_H

#include "proxy/phone/phone_exchange.h"

/* Whose turn it is in the phone's queue: nobody's who is signed in. */
#define FETCH_PERSON UINT64_C(1)

/* From an answer's head to its last octet. */
#define FETCH_ANSWER_MS 60000

struct fetch_request {
    struct str method; /* "GET", "POST" */
    struct str target; /* path and query */
    struct str fields; /* "Name: value\r\n"... beside Host and the login; may be empty */
    struct str body;   /* copied, wiped afterwards; POST is sent with a length always */
    bool changes;      /* may change something at the phone */
    bool background;   /* nobody waits for it: people come first */
    enum phone_account_kind account;
    size_t answer_max;             /* octets of the answer's body; more is "answer_too_long" */
    const struct profile *profile; /* whose quirks are minded; NULL: none */
};

struct fetch_answer {
    unsigned status;       /* 0: no answer began */
    const char *reason;    /* NULL: the phone answered, whatever the status. Else why it did not:
                              phone_exchange's names ("phone_refused", "phone_pin_mismatch",
                              "phone_credentials_rejected", ...), "answer_too_long" */
    bool answered_nothing; /* it took the request and hung up without a word, as phones do that
                              restart */
    struct str body, location, content_type, server;
};

/* The slices are valid during the call; everything is wiped afterwards. Called exactly once, never
 * from inside fetch_start; the fetch is gone then. */
typedef void fetch_done(void *user, const struct fetch_answer *answer);

struct fetch;

/* Takes a reference on the phone; copies the request. */
struct fetch *fetch_start(struct worker *w, struct phone *phone,
                          const struct fetch_request *request,
                          const struct phone_timeouts *timeouts, fetch_done *done, void *user);
/* `done` does not come any more. A request that is on its way is read to its end for nobody. */
void fetch_cancel(struct fetch *f);

/* The time-outs that the configuration gives to people's requests. */
struct phone_timeouts fetch_timeouts(const struct config_limits *limits);

#endif
