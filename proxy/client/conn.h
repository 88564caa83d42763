/* conn.h: one connection of a person's browser.
 *
 * Reads what comes first (PROXY protocol, TLS or clear text), then one request after the other, in
 * order; bodies go to the exchange under way. Every wait has a deadline of its own, for the whole
 * message, not for each read. Memory is taken when a request comes and given back when the
 * connection has been quiet for a moment.
 *
 * Way: FIRST -> TLS -> IDLE -> HEAD -> BUSY -> IDLE ... -> CLOSED; a plain-HTTP connection begins
 * at IDLE. */
#ifndef PROXY_CLIENT_CONN_H
#define PROXY_CLIENT_CONN_H

#include "policy/base/arena.h"
#include "proxy/http/http_strict.h"
#include "proxy/net/stream.h"
#include "proxy/run/peers.h"
#include "proxy/run/site.h"
#include "proxy/run/worker.h"

/* A connection quiet for this long gives its buffers back. */
#define CONN_COLD_MS 1000
/* While a request is under way its progress is looked at this often. */
#define CONN_CHECK_MS 500
/* Whoever sends nothing more may still read (a half-closed connection); so long a phone's answer is
 * waited for without having written anything there. */
#define CONN_HALF_CLOSED_MS 5000
/* What one request may take from its arena: head, view, decision, rewritten target, parameters. */
#define CONN_ARENA_MAX (256 * 1024)

enum conn_kind {
    CONN_TLS,
    CONN_PLAIN,
    CONN_STATUS,
    CONN_PULL, /* TLS: phones fetch their settings */
};

enum conn_state {
    CONN_FIRST, /* the first octets decide: PROXY protocol, TLS, clear text */
    CONN_HANDSHAKE,
    CONN_IDLE,
    CONN_HEAD, /* a part of a head has come */
    CONN_BUSY, /* an exchange is under way */
    CONN_CLOSED,
};

struct exchange;

struct conn {
    struct stream stream;
    struct timed timed;
    struct worker *worker;
    struct conn *next, *prev; /* the worker's, from accept to on_closed */
    enum conn_kind kind;
    enum conn_state state;
    enum peers_verdict admission; /* not PEERS_OK: the first request gets 503 */
    bool expects_proxy;           /* from a balancer: a PROXY header must come first */
    bool proxy_done;
    bool is_status;  /* counts among the connections to the status listener */
    bool advancing;  /* inside conn_advance */
    bool cold;       /* buffers are given back */
    bool read_ended; /* nothing more comes; what has come is still answered */
    char ip[46];
    uint16_t port;
    uint16_t local_port;
    struct peer peer;               /* as it is counted; its address */
    struct guest guest;             /* while nobody has signed in over it */
    struct handshake handshake;     /* until TLS stands */
    struct network_address address; /* the person's, whole */
    uint64_t id;
    uint64_t accepted_ms;
    uint64_t idle_until_ms;
    uint64_t sent_seen; /* octets the reader had taken at the last check */
    uint64_t stuck_since_ms;
    uint64_t window_sent,
        window_since_ms;             /* the same at the beginning of the span being measured */
    uint64_t ended_ms, ended_queued; /* when read_ended came; queued_total then */
    struct io_buf *first;            /* octets of an incomplete PROXY header */
    char *in;                        /* head and what follows it; NULL while cold */
    size_t in_cap, in_from, in_len;
    size_t head_end; /* octets before this belong to the request under way */
    struct http_scan scan;
    struct arena arena;
    struct exchange *x; /* in the arena */
};

/* A listener has accepted the connected socket `fd`, which is ours from now on. */
void conn_accept(struct worker *w, int fd, enum conn_kind kind,
                 const struct sockaddr_storage *addr);

/* Go on with what has been read, as far as it goes. Safe from any callback. */
void conn_advance(struct conn *c);
/* Send what is queued, say goodbye, close. No exchange may be under way. */
void conn_close_politely(struct conn *c);
/* End now; the exchange under way is told `reason`. */
void conn_abort(struct conn *c, const char *reason);
/* The same, and what is still being sent after the end is dropped. */
void conn_end(struct conn *c, const char *reason);
/* The worker stops: idle connections go now, busy ones after their answer. */
void conn_stop(struct conn *c);

#endif
