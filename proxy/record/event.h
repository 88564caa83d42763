/* event.h: a record of something else than a request: a command that looked at a phone, changed it,
 * or showed a secret; drift that was found.
 *
 * Goes into the access log among the records of requests, with the same "ts", "event", "outcome"
 * and "reason". Never holds a secret's value: whoever writes one names settings only. */
#ifndef PROXY_RECORD_EVENT_H
#define PROXY_RECORD_EVENT_H

#include "proxy/record/access_log.h"

/* Octets of one value that are kept. */
#define EVENT_TEXT_MAX 512

struct event_field {
    const char *name;
    struct str value; /* empty: the field is left out */
};

struct event {
    const char *event;              /* "phone_audited", "secret_shown", ... */
    const char *outcome;            /* "allowed", "denied", "failed" */
    const char *reason;             /* NULL: none */
    struct str phone;               /* its id; empty: it is about none */
    bool by_operator;               /* a command: name the machine's account that runs it */
    const struct event_field *more; /* in order, behind the others */
    size_t more_count;
};

void event_write(struct access_log *log, const struct event *event);

#endif
