/* held_check.h: one look at one phone, from the main thread to a worker and back.
 *
 * The main thread makes it and posts it; the worker probes the phone in the background, judges what
 * it saw, and posts the same object back, cancelled or not: it never gets lost. A phone that a
 * reload has taken out of the configuration, or changed, is not looked at any further. */
#ifndef PROXY_HARDEN_HELD_CHECK_H
#define PROXY_HARDEN_HELD_CHECK_H

#include "policy/harden/drift.h"
#include "proxy/harden/probe.h"
#include "proxy/run/site.h"

/* Octets of what is said about one step. */
#define HELD_SEEN_MAX 256
/* People come first, but not for ever: then the phone is looked at the next time. */
#define HELD_QUEUE_MS 120000

struct held;

struct held_check {
    struct message message; /* to the worker, then back */
    struct mailbox *home;
    void (*back)(struct held_check *check); /* at home; owns it */
    struct held *held;                      /* home's own */
    void *user;
    struct worker *worker;
    struct site *site; /* a reference */
    size_t index;      /* of the phone */
    struct held_check *next, *prev;
    struct probe *probe; /* under way */
    /* What came of it. */
    bool cancelled;
    const char *trouble; /* a stable name; NULL: all was seen */
    struct drift_view view;
    char failing[HARDEN_STEPS][HELD_SEEN_MAX]; /* "http_scheme: off; ...", NUL behind it */
};

/* Send it on its way. `worker`, `site`, `index`, `home`, `back` and `user` are set. */
void held_check_post(struct held_check *check);

/* On the worker: it has another site now, or it stops. Cancels what is not wanted any more. */
void held_checks_leave(struct worker *w);

#endif
