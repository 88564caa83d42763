/* phone_conn.h: one connection to a phone, one request at a time.
 *
 * Opens, proves the phone's certificate, sends what it is given, reads the answer strictly and
 * tells its user. Knows nothing of logins but keeps the challenge that belongs to it: nonces are
 * counted per connection (C05).
 *
 * Way: CONNECTING -> HANDSHAKE -> READY -> HEAD -> BODY -> READY ... -> CLOSED. While READY it is
 * either lent to a user or in the phone's list of idle ones. */
#ifndef PROXY_PHONE_PHONE_CONN_H
#define PROXY_PHONE_PHONE_CONN_H

#include "proxy/http/http_chunked.h"
#include "proxy/http/http_response.h"
#include "proxy/net/stream.h"
#include "proxy/phone/phone.h"

/* What we read of a phone's head before it is refused. */
#define PHONE_HEAD_BYTES 16384
#define PHONE_HEADERS    100
/* Interim answers (1xx) in front of one answer. */
#define PHONE_INTERIM_MAX 8

struct phone_conn_ops {
    void (*ready)(void *user);
    void (*head)(void *user, const struct response_view *res); /* valid during the call */
    void (*body)(void *user, struct str data);
    void (*done)(void *user); /* the answer is complete */
    void (*failed)(void *user,
                   const char *reason); /* the connection closes itself; do not touch it again */
    void (*batch)(void *user);          /* all octets of one read were given */
    void (*writable)(void *user);
};

enum phone_conn_state {
    PHONE_CONN_CONNECTING,
    PHONE_CONN_HANDSHAKE,
    PHONE_CONN_READY,
    PHONE_CONN_HEAD,
    PHONE_CONN_BODY,
    PHONE_CONN_CLOSED,
};

struct phone_login_memory {
    bool known;     /* a challenge is at hand */
    bool inherited; /* it came from another connection */
    bool open; /* this connection was seen to ask for no login (allowed by the phone's entry) */
    struct phone_challenge challenge;
    unsigned turn; /* of the password that was used with it: phone_password */
};

struct phone_conn {
    struct stream stream;
    struct timed timed;
    struct message message;
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    bool resolving; /* its callback is still to come */
    bool posted;    /* the message is still to come; under the phone's lock once idle */
    bool gone;      /* the handles are closed: the last callback frees */
    struct worker *worker;
    struct phone *phone; /* one reference */
    struct phone_conn *idle_next;
    const struct phone_conn_ops *ops;
    void *user; /* whoever it is lent to; NULL: nobody */
    enum phone_conn_state state;
    bool used;       /* has carried an answer before: a failure may be the phone's idle close */
    bool reusable;   /* after the answer under way */
    bool finished;   /* the answer is complete; told at the end of the read, so that surplus octets
                        are seen first */
    bool got_octets; /* of the answer under way */
    bool sent_body;  /* the request under way has one */
    bool polite; /* its nonces may outlive it: the phone announced the close, or we close a sound
                    connection */
    uint64_t idle_since_ms, idle_until_ms;
    struct phone_login_memory logins[PHONE_ACCOUNTS];
    struct phone_conn *moves_to; /* being given to another worker: see phone_move.h */
    int parcel_fd;               /* and what arrives there; -1: none */
    SSL *parcel_ssl;
    bool head_request;
    unsigned interim; /* answers 1xx seen */
    struct http_scan scan;
    struct io_buf *partial; /* octets of a head that is not complete */
    enum response_body body;
    struct chunked chunked;
    uint64_t left;
};

/* Begin to connect; `ready` or `failed` comes later, never from inside. */
struct phone_conn *phone_conn_open(struct worker *w, struct phone *phone,
                                   const struct phone_conn_ops *ops, void *user);

/* An idle connection of this worker that is still alive; NULL without one. */
struct phone_conn *phone_conn_take(struct worker *w, struct phone *phone,
                                   const struct phone_conn_ops *ops, void *user);

/* Send a request (head and the body's first octets, in one write) and expect an answer. */
void phone_conn_send(struct phone_conn *c, struct str head, struct str body, bool head_request);
/* More of a streamed body; then flush. */
void phone_conn_send_more(struct phone_conn *c, struct str data);
void phone_conn_flush(struct phone_conn *c);
bool phone_conn_is_full(const struct phone_conn *c);
void phone_conn_pause(struct phone_conn *c);
void phone_conn_resume(struct phone_conn *c);

/* ---- for phone_move.c ---- */

/* A connection that is not connected yet. */
struct phone_conn *phone_conn_new(struct worker *w, struct phone *phone,
                                  const struct phone_conn_ops *ops, void *user);
/* Connect, or, when it was dropped meanwhile, free. */
void phone_conn_begin(struct phone_conn *c);
/* Take over a connected descriptor and its TLS object (NULL: clear). */
void phone_conn_adopt(struct phone_conn *c, int fd, SSL *ssl);
/* Close the handle without a word to the phone. */
void phone_conn_forget(struct phone_conn *c);
/* `posted` was reset: free it if nothing else holds it. */
void phone_conn_unpin(struct phone_conn *c);

/* After `done`: into the idle list, or closed when it cannot be used again. */
void phone_conn_give(struct phone_conn *c);
/* The worker stops: close its idle connections to this phone. */
void phone_conn_close_idle(struct worker *w, struct phone *phone);
/* Any time: closed at once. */
void phone_conn_drop(struct phone_conn *c);

#endif
