#include "tests/bench/load_conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static void conn_watch(struct conn *conn, uint32_t events) {
    if (events == conn->events) return;
    struct epoll_event event = {.events = events, .data.ptr = conn};
    int op = conn->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(conn->load->epoll, op, conn->wire.fd, &event) != 0) util_die("epoll_ctl failed");
    conn->events = events;
}

static void conn_open(struct conn *conn) {
    struct load *load = conn->load;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (const struct sockaddr *)&load->address, sizeof load->address) != 0 &&
        errno != EINPROGRESS)
        util_die("cannot connect: %s", strerror(errno));
    conn->wire = (struct wire){.fd = fd};
    conn->events = 0;
    conn->answered = false;
    conn->state = CONN_HANDSHAKE;
    if (load->plain) return;
    conn->wire.ssl = SSL_new(load->tls);
    if (conn->wire.ssl == NULL || SSL_set_fd(conn->wire.ssl, fd) != 1 ||
        SSL_ctrl(conn->wire.ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 (void *)(uintptr_t)load->host) != 1)
        util_die("no TLS");
    SSL_set_connect_state(conn->wire.ssl);
    SSL_set_app_data(conn->wire.ssl, conn);
    if (load->mode == MODE_RESUME && conn->session != NULL)
        SSL_set_session(conn->wire.ssl, conn->session);
}

/* Returning 1 keeps the reference. */
int conn_on_session(SSL *ssl, SSL_SESSION *session) {
    struct conn *conn = SSL_get_app_data(ssl);
    SSL_SESSION_free(conn->session);
    conn->session = session;
    return 1;
}

/* ---- One request after the other ---- */

static void conn_request(struct conn *conn) {
    ticket_next(&conn->ticket, &conn->load->account);
    conn->sent = conn->have = 0;
    conn->uploaded = 0;
    conn->state = CONN_SEND;
}

/* Begin the next request, or stay idle when there is none to begin. */
static void conn_next(struct conn *conn) {
    struct load *load = conn->load;
    conn->state = CONN_IDLE;
    load->busy--;
    if (load->phase != PHASE_RUN) return;
    if (util_now_ns() >= load->end_ns || load->stats.started >= load->requests_max) {
        load->phase = PHASE_DRAIN;
        return;
    }
    conn_start(conn);
}

void conn_start(struct conn *conn) {
    struct load *load = conn->load;
    load->busy++;
    if (load->phase == PHASE_RUN) load->stats.started++;
    conn->started_ns = util_now_ns();
    if (conn->wire.fd >= 0 && load->mode != MODE_KEEPALIVE && conn->ready) wire_close(&conn->wire);
    if (conn->wire.fd < 0)
        conn_open(conn);
    else
        conn_request(conn);
}

static void conn_error(struct conn *conn, const char *what) {
    struct load *load = conn->load;
    if (!conn->ready) util_die("before the measurement: %s (status %u)", what, conn->status);
    stats_error(&load->stats, what, conn->status);
    if (load->stats.errors >= ERRORS_MAX) load->phase = PHASE_DRAIN;
    wire_close(&conn->wire);
    conn_next(conn);
}

/* The whole answer is here and right. */
static void conn_good(struct conn *conn) {
    struct load *load = conn->load;
    load->last_answer_ns = util_now_ns();
    if (load->phase != PHASE_SETUP)
        stats_answer(&load->stats, load->last_answer_ns - conn->started_ns, conn->length);
    else if (!conn->ready)
        load->ready++;
    conn->ready = conn->answered = true;
    if (conn->close_after) {
        if (load->mode == MODE_KEEPALIVE) load->stats.reconnects++;
        wire_close(&conn->wire);
    }
    conn_next(conn);
}

/* A 401 is right once, to a connection that has no nonce yet, and later when it says stale. */
static void conn_unauthorized(struct conn *conn) {
    struct load *load = conn->load;
    if (!conn->challenged || (conn->ticket.nc > 0 && !conn->stale)) {
        conn_error(conn, "refused");
        return;
    }
    if (conn->stale && conn->ready) load->stats.stale++;
    if (conn->close_after) {
        wire_close(&conn->wire);
        conn_open(conn);
        return;
    }
    conn_request(conn);
}

static void conn_answer(struct conn *conn) {
    if (conn->status == 401 && conn->load->account.algorithm != NULL)
        conn_unauthorized(conn);
    else if (conn->status != 200)
        conn_error(conn, "wrong status");
    else if (conn->load->account.algorithm != NULL && conn->ticket.nc == 0)
        conn_error(conn, "served without a login");
    else
        conn_good(conn);
}

/* ---- Answers ---- */

static bool parse_length(struct slice text, uint64_t *length) {
    if (text.len == 0 || text.len > 15) return false;
    *length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        *length = *length * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return true;
}

static void conn_challenge(struct conn *conn, struct slice value) {
    struct load *load = conn->load;
    struct slice stale;
    if (conn->status != 401 || conn->challenged || load->account.algorithm == NULL) return;
    bool first = conn->ticket.nc == 0;
    conn->stale = digest_param(value, "stale", &stale) && slice_is_nocase(stale, "true");
    if (!first && !conn->stale) return;
    conn->challenged = ticket_challenge(&conn->ticket, &load->account, value);
    if (!conn->challenged) conn->stale = false;
}

/* What is wrong with the head, or NULL. */
static const char *conn_parse_head(struct conn *conn, struct slice head) {
    if (head.len < 13 || memcmp(head.ptr, "HTTP/1.1 ", 9) != 0) return "no HTTP/1.1 answer";
    conn->status = 0;
    for (int i = 9; i < 12; i++)
        conn->status = conn->status * 10 + (unsigned int)(head.ptr[i] - '0');
    conn->close_after = conn->stale = conn->challenged = false;
    const char *line = memchr(head.ptr, '\n', head.len);
    struct slice rest = {line + 1, head.len - (size_t)(line + 1 - head.ptr)};
    struct slice name, value;
    bool measured = false;
    while (http_next_header(&rest, &name, &value)) {
        if (slice_is_nocase(name, "content-length"))
            measured = parse_length(value, &conn->length);
        else if (slice_is_nocase(name, "transfer-encoding"))
            return "transfer-encoding";
        else if (slice_is_nocase(name, "connection"))
            conn->close_after = slice_is_nocase(value, "close");
        else if (slice_is_nocase(name, "www-authenticate"))
            conn_challenge(conn, value);
    }
    if (!measured) return "no content-length";
    if (conn->status == 200 && conn->length != conn->load->body_bytes)
        return "wrong content-length";
    return NULL;
}

/* Compare body bytes with the pattern. Only a 200 has the pattern for a body. */
static bool conn_check_body(struct conn *conn, const char *bytes, size_t len) {
    if (len > conn->length - conn->body_at) return false;
    const unsigned char *expected = conn->load->pattern + (size_t)(conn->body_at % PATTERN_PERIOD);
    if (conn->status == 200 && memcmp(expected, bytes, len) != 0) return false;
    conn->body_at += len;
    return true;
}

static void conn_take_body(struct conn *conn, const char *bytes, size_t len) {
    if (!conn_check_body(conn, bytes, len)) {
        conn_error(conn, "wrong body");
        return;
    }
    if (conn->body_at == conn->length) conn_answer(conn);
}

static void conn_take_head(struct conn *conn) {
    const char *end = memmem(conn->buf, conn->have, "\r\n\r\n", 4);
    if (end == NULL) {
        if (conn->have == sizeof conn->buf) conn_error(conn, "head too long");
        return;
    }
    size_t len = (size_t)(end - conn->buf) + 4;
    const char *wrong = conn_parse_head(conn, (struct slice){conn->buf, len});
    if (wrong != NULL) {
        conn_error(conn, wrong);
        return;
    }
    conn->state = CONN_BODY;
    conn->body_at = 0;
    conn_take_body(conn, end + 4, conn->have - len);
}

/* ---- Moving bytes ---- */

static enum wire_result conn_handshake(struct conn *conn) {
    struct load *load = conn->load;
    enum wire_result result = wire_handshake(&conn->wire);
    if (result != WIRE_OK) return result;
    if (conn->wire.ssl != NULL) {
        bool resumed = SSL_session_reused(conn->wire.ssl) != 0;
        if (load->phase != PHASE_SETUP) stats_handshake(&load->stats, resumed);
        snprintf(load->cipher, sizeof load->cipher, "%s %s", SSL_get_version(conn->wire.ssl),
                 SSL_get_cipher_name(conn->wire.ssl));
    }
    conn_request(conn);
    return WIRE_OK;
}

static enum wire_result conn_send(struct conn *conn) {
    size_t done = 0;
    enum wire_result result = wire_write(&conn->wire, conn->ticket.request + conn->sent,
                                         conn->ticket.request_len - conn->sent, &done);
    if (result != WIRE_OK) return result;
    conn->sent += done;
    if (conn->sent < conn->ticket.request_len) return WIRE_OK;
    conn->state = conn->ticket.body > 0 ? CONN_UPLOAD : CONN_HEAD;
    return conn->ticket.body > 0 ? WIRE_OK : WIRE_WANT_READ; /* no answer can be there yet */
}

static enum wire_result conn_upload(struct conn *conn) {
    size_t done = 0;
    uint64_t left = conn->ticket.body - conn->uploaded;
    const unsigned char *from = conn->load->pattern + (size_t)(conn->uploaded % PATTERN_PERIOD);
    size_t len = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
    enum wire_result result = wire_write(&conn->wire, (const char *)from, len, &done);
    if (result != WIRE_OK) return result;
    conn->uploaded += done;
    if (conn->uploaded < conn->ticket.body) return WIRE_OK;
    conn->state = CONN_HEAD;
    return WIRE_WANT_READ;
}

static enum wire_result conn_read(struct conn *conn) {
    size_t done = 0;
    size_t at = conn->state == CONN_HEAD ? conn->have : 0;
    enum wire_result result = wire_read(&conn->wire, conn->buf + at, sizeof conn->buf - at, &done);
    if (result != WIRE_OK) return result;
    if (conn->state == CONN_HEAD) {
        conn->have += done;
        conn_take_head(conn);
    } else {
        conn_take_body(conn, conn->buf, done);
    }
    return WIRE_OK;
}

/* The server ended the connection: between two requests it may, and the request goes again on a new
 * one. */
static void conn_lost(struct conn *conn) {
    bool between = conn->answered && conn->have == 0 && conn->load->mode == MODE_KEEPALIVE &&
                   conn->state != CONN_BODY;
    bool idle = conn->state == CONN_IDLE;
    if (!between && !idle) {
        conn_error(conn, "connection lost");
        return;
    }
    conn->load->stats.reconnects++;
    wire_close(&conn->wire);
    if (!idle) conn_open(conn);
}

static enum wire_result conn_step(struct conn *conn) {
    switch (conn->state) {
    case CONN_HANDSHAKE:
        return conn_handshake(conn);
    case CONN_SEND:
        return conn_send(conn);
    case CONN_UPLOAD:
        return conn_upload(conn);
    case CONN_HEAD:
    case CONN_BODY:
        return conn_read(conn);
    case CONN_IDLE:
        break;
    }
    size_t done = 0; /* idle: only the end of the connection or a TLS ticket is to be expected */
    enum wire_result result = wire_read(&conn->wire, conn->buf, sizeof conn->buf, &done);
    return result == WIRE_OK ? WIRE_FAILED : result;
}

void conn_run(struct conn *conn) {
    while (conn->wire.fd >= 0) {
        enum wire_result result = conn_step(conn);
        if (result == WIRE_CLOSED || result == WIRE_FAILED) {
            conn_lost(conn);
            continue;
        }
        if (result == WIRE_OK && conn->state != CONN_IDLE) continue;
        if (conn->wire.fd >= 0) conn_watch(conn, result == WIRE_WANT_WRITE ? EPOLLOUT : EPOLLIN);
        return;
    }
}
