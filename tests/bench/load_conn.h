#ifndef BENCH_LOAD_CONN_H
#define BENCH_LOAD_CONN_H
/* The connections of the load generator. Each one logs in by itself and has at most one request in
 * flight; every answer is checked: status, length and each byte of the body. */
#include "tests/bench/load_digest.h"
#include "tests/bench/stats.h"
#include "tests/bench/util.h"
#include "tests/bench/wire.h"

#include <netinet/in.h>

enum {
    BUFFER_SIZE = 16384, /* one TLS record */
    ERRORS_MAX = 100,    /* then the run is not worth going on with */
};

enum conn_state { CONN_HANDSHAKE, CONN_SEND, CONN_UPLOAD, CONN_HEAD, CONN_BODY, CONN_IDLE };
/* SETUP: each connection gets its first answer. RUN: the measurement. DRAIN: what is in flight is
 * finished. */
enum phase { PHASE_SETUP, PHASE_RUN, PHASE_DRAIN };
/* Connections kept, or a new one per request with a full or a resumed handshake. */
enum mode { MODE_KEEPALIVE, MODE_FULL, MODE_RESUME };

/* What belongs to the whole run. busy: connections with a request in flight. */
struct load {
    struct account account;
    struct sockaddr_in address;
    const char *host;
    bool plain;
    enum mode mode;
    enum phase phase;
    uint64_t body_bytes, requests_max, end_ns, last_answer_ns;
    size_t connections, ready, busy;
    int epoll;
    SSL_CTX *tls;
    unsigned char *pattern;
    struct stats stats;
    char cipher[80];
};

struct conn {
    struct load *load;
    enum conn_state state;
    bool ready;    /* had its first right answer */
    bool answered; /* on this TCP connection */
    bool close_after, stale, challenged;
    unsigned int status;
    uint32_t events;
    struct wire wire;
    SSL_SESSION *session; /* MODE_RESUME: the newest ticket */
    struct ticket ticket;
    size_t sent, have;
    uint64_t uploaded;
    uint64_t started_ns, length, body_at;
    char buf[BUFFER_SIZE];
};

/* Begin the next request on a connection that has none in flight. */
void conn_start(struct conn *conn);

/* Go on after epoll reported the connection. */
void conn_run(struct conn *conn);

/* The callback for SSL_CTX_sess_set_new_cb in MODE_RESUME. */
int conn_on_session(SSL *ssl, SSL_SESSION *session);

#endif
