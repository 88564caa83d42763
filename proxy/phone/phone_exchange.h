/* phone_exchange.h: one request to a phone, from the queue to the end of its answer.
 *
 * Waits for a slot, finds or opens a connection, logs in (the first request on a connection goes
 * without credentials, so that an open phone is noticed and no password reaches a weaker scheme;
 * then preemptively; one retry on a stale nonce; a rejected password stops the account), sends,
 * streams the answer back. A request that may change something is never sent without credentials
 * and never sent twice, unless the first got a 401.
 *
 * The owner may go at any time (phone_exchange_detach): the phone's answer is then read to its end,
 * within bounds, so that the connection stays usable, and the slot is freed. */
#ifndef PROXY_PHONE_PHONE_EXCHANGE_H
#define PROXY_PHONE_PHONE_EXCHANGE_H

#include "proxy/phone/phone_conn.h"

/* What is read for nobody after the person has gone, before the connection is closed instead. */
#define PHONE_ORPHAN_BYTES (256 * 1024)
#define PHONE_ORPHAN_MS    10000
/* A 401's or a probe's own page is read up to here to keep the connection. */
#define PHONE_DISCARD_BYTES (256 * 1024)

/* After we cut a phone's answer, how long the slot is kept. */
#define PHONE_COOL_OFF_MS 100

struct phone_request {
    struct str method;
    bool head_request;
    bool plain; /* GET or HEAD without query and body: may be sent without credentials, and twice */
    bool changes;      /* may change something at the phone: copies of its answers are worth nothing
                          from when it is sent until it is over */
    bool keep_alive;   /* send "Connection: keep-alive" */
    bool background;   /* the gate's own: whoever is a person goes first */
    struct str target; /* copied */
    struct str fields; /* "Name: value\r\n"..., copied */
    char *body;        /* collected body, malloc'd: ownership goes over; NULL: none */
    size_t body_len;
    bool has_length;     /* Content-Length is written (0 included) */
    uint64_t stream_len; /* octets that phone_exchange_send_body will bring; 0: none */
    enum phone_account_kind account;
    uint64_t person;
};

struct phone_timeouts {
    uint64_t connect_ms, first_byte_ms, stall_ms, queue_ms;
};

struct phone_events {
    void (*head)(void *owner, const struct response_view *res);
    void (*body)(void *owner, struct str data);
    void (*batch)(void *owner);    /* a place to flush */
    void (*sendable)(void *owner); /* the streamed body may go (on) */
    void (*done)(void *owner);     /* the exchange is over: forget it */
    void (*failed)(void *owner, unsigned status, const char *reason); /* likewise */
    /* Its turn has come after a wait. True: the owner needs the phone no more; `done` follows. May
     * be NULL. */
    bool (*unneeded)(void *owner);
};

struct phone_times {
    int64_t queue_ms, connect_ms, first_byte_ms; /* -1: not reached */
};

struct phone_exchange;

/* Takes a reference on the phone and request->body; copies the rest. NULL when the request is
 * larger than any phone would take (IO_BUF_SIZE): answer 431; the body is freed. */
struct phone_exchange *phone_exchange_new(struct worker *w, struct phone *phone,
                                          const struct phone_request *request,
                                          const struct phone_timeouts *timeouts,
                                          const struct phone_events *events, void *owner);
/* Begin. `failed` may be called from inside. */
void phone_exchange_start(struct phone_exchange *px);
void phone_exchange_send_body(struct phone_exchange *px, struct str data);
void phone_exchange_flush_body(struct phone_exchange *px);
bool phone_exchange_body_is_full(const struct phone_exchange *px);
void phone_exchange_pause(struct phone_exchange *px);
void phone_exchange_resume(struct phone_exchange *px);
/* No more waiting in a line: what was asked for is on its way to the phone, or the connection is.
 */
bool phone_exchange_is_asked(const struct phone_exchange *px);
/* The owner goes; no event comes any more. */
void phone_exchange_detach(struct phone_exchange *px);
struct phone_times phone_exchange_times(const struct phone_exchange *px);

#endif
