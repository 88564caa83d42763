#include "proxy/client/conn.h"

#include <string.h>
#include <unistd.h>

#include "proxy/client/admission.h"
#include "proxy/client/conn_parts.h"
#include "proxy/client/exchange.h"
#include "proxy/client/first.h"
#include "proxy/client/plain.h"
#include "proxy/client/pull_answer.h"
#include "proxy/client/status.h"

static struct conn *of(struct stream *s) {
    return container_of(s, struct conn, stream);
}

static const struct config_limits *limits_of(const struct conn *c) {
    return &c->worker->site->config->limits;
}

static void set_deadline(struct conn *c, uint64_t after_ms) {
    timed_set(c->worker, &c->timed, worker_now(c->worker) + after_ms);
}

/* ---- memory ---- */

static void warm_up(struct conn *c) {
    if (c->in != NULL) return;
    c->in_cap = limits_of(c)->header_bytes + IO_BUF_SIZE;
    c->in = worker_take_head(c->worker, c->in_cap);
    c->in_from = c->in_len = c->head_end = 0;
    c->cold = false;
}

static void give_buffer(struct conn *c) {
    worker_give_head(c->worker, c->in, c->in_cap);
    c->in = NULL;
    c->in_cap = c->in_from = c->in_len = c->head_end = 0;
}

static void cool_down(struct conn *c) {
    give_buffer(c);
    arena_release(&c->arena);
    stream_cool(&c->stream);
    c->cold = true;
    c->worker->cooled++;
}

/* Put octets behind those that wait. A head being read stays where it is: the view points into it.
 */
static void append(struct conn *c, struct str data) {
    warm_up(c);
    if (data.len > c->in_cap - c->in_len) {
        size_t waiting = c->in_len - c->in_from;
        memmove(c->in + c->head_end, c->in + c->in_from, waiting);
        c->in_from = c->head_end;
        c->in_len = c->head_end + waiting;
    }
    ENSURE(data.len <= c->in_cap - c->in_len);
    memcpy(c->in + c->in_len, data.ptr, data.len);
    c->in_len += data.len;
}

/* ---- the end ---- */

/* Until now it counted: a connection whose last answer nobody takes is a connection, too. */
static void on_closed(struct stream *s) {
    struct conn *c = of(s);
    cool_down(c);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        c->worker->conns = c->next;
    if (c->next != NULL) c->next->prev = c->prev;
    admission_leave(c);
    io_give(&c->worker->io, c->first);
    c->worker->live--;
    free(c);
}

/* Out of the line for TLS at once: the line moves on before on_closed comes, and who is called up
 * must still be there. */
static void leave(struct conn *c) {
    c->state = CONN_CLOSED;
    timed_stop(&c->timed);
    admission_greeted(c);
}

void conn_close_politely(struct conn *c) {
    if (c->state == CONN_CLOSED) return;
    leave(c);
    stream_finish(&c->stream);
}

void conn_abort(struct conn *c, const char *reason) {
    if (c->state == CONN_CLOSED) return;
    struct exchange *x = c->x;
    c->x = NULL;
    leave(c);
    /* A body up to the end of the connection would seem whole to who ignores a missing
     * close_notify (H11). */
    bool begun = x != NULL && x->answer == ANSWER_HEAD;
    bool endless = begun && x->framing == FRAMING_CLOSE;
    if (x != NULL) exchange_abort(x, reason);
    /* What was to leave at the end of this round: a browser that has seen nothing of an answer
     * sends its request again by itself, and one that has does not. */
    if (begun) stream_flush(&c->stream);
    if (endless)
        stream_reset(&c->stream);
    else
        stream_close(&c->stream);
}

/* ---- requests, one after the other ---- */

static void go_idle(struct conn *c) {
    c->state = CONN_IDLE;
    c->idle_until_ms = worker_now(c->worker) + limits_of(c)->idle_ms;
    uint64_t wait = limits_of(c)->idle_ms < CONN_COLD_MS ? limits_of(c)->idle_ms : CONN_COLD_MS;
    set_deadline(c, c->cold ? limits_of(c)->idle_ms : wait);
}

/* The exchange is over: make room for what came behind it. */
static void next_request(struct conn *c) {
    size_t waiting = c->in_len - c->in_from;
    if (waiting > 0 && c->in_from > 0) memmove(c->in, c->in + c->in_from, waiting);
    c->in_from = c->head_end = 0;
    c->in_len = waiting;
    if (waiting == 0) give_buffer(c);
    /* Kept for the moment until it is cold, the block of each of a crowd that comes at once would
     * be a hole between what stays, too small for whole pages to go back. A busy one keeps it. */
    if (waiting == 0 && !c->stream.warm)
        arena_release(&c->arena);
    else
        arena_reset(&c->arena);
    http_scan_init(&c->scan);
    go_idle(c);
}

static void end_exchange(struct conn *c) {
    bool last = exchange_closes(c->x) || c->worker->stopping;
    exchange_end(c->x);
    c->x = NULL;
    if (last)
        conn_close_politely(c);
    else
        next_request(c);
}

static void begin_exchange(struct conn *c, size_t end, const struct http_refusal *refusal) {
    c->state = CONN_BUSY;
    handshakes_note_request(&c->worker->handshakes, c->peer.proved, worker_now(c->worker));
    c->head_end = end;
    c->in_from = end;
    c->stuck_since_ms = c->window_since_ms = worker_now(c->worker);
    c->window_sent = c->stream.queued_total - stream_unsent(&c->stream);
    set_deadline(c, CONN_CHECK_MS);
    struct str head = {c->in, end};
    if (c->kind != CONN_TLS) {
        if (c->kind == CONN_PLAIN)
            plain_answer(c, head, refusal);
        else if (c->kind == CONN_PULL)
            pull_answer(c, head, refusal);
        else
            status_answer(c, head, refusal);
        conn_close_politely(c);
        return;
    }
    exchange_begin(c, head, refusal);
}

/* True when a request was begun. */
static bool read_head(struct conn *c) {
    if (c->in_len == 0) {
        if (c->read_ended) conn_close_politely(c);
        return false;
    }
    struct config_limits const *l = limits_of(c);
    /* A reload may raise the limit while a head arrives: what the buffer was made for stands. */
    size_t room = c->in_cap - IO_BUF_SIZE;
    struct http_limits limits = {l->header_bytes < room ? l->header_bytes : room, l->headers,
                                 l->target_bytes};
    struct http_refusal refusal;
    size_t end = 0;
    switch (http_scan_request(&c->scan, (struct str){c->in, c->in_len}, &limits, &end, &refusal)) {
    case HTTP_HEAD_MORE:
        if (c->read_ended) {
            conn_close_politely(c);
            return false;
        }
        if (c->state == CONN_IDLE) set_deadline(c, l->header_ms);
        if (c->state == CONN_IDLE) stream_cool(&c->stream); /* it may take its time */
        c->state = CONN_HEAD;
        return false;
    case HTTP_HEAD_BAD:
        begin_exchange(c, c->in_len, &refusal);
        return true;
    case HTTP_HEAD_DONE:
        begin_exchange(c, end, NULL);
        return true;
    }
    return false;
}

static void give_body(struct conn *c) {
    while (c->x != NULL && c->in_from < c->in_len) {
        struct str waiting = {c->in + c->in_from, c->in_len - c->in_from};
        size_t used = exchange_take_body(c->x, waiting);
        if (used == 0) return;
        c->in_from += used;
    }
}

/* Somebody who asks and does not read gets no further answers until there is room for them. */
static bool has_room(struct conn *c) {
    if (stream_is_full(&c->stream)) stream_flush(&c->stream);
    return !stream_is_full(&c->stream);
}

/* What cannot be used now holds the reading back; so does the next request until this one is
 * answered. */
static void hold_back(struct conn *c) {
    if (c->x != NULL ? c->in_from < c->in_len : stream_is_full(&c->stream))
        stream_pause(&c->stream);
    else
        stream_resume(&c->stream);
}

void conn_advance(struct conn *c) {
    if (c->advancing) return;
    c->advancing = true;
    bool more = true;
    while (more && c->state != CONN_CLOSED) {
        if (c->x == NULL) {
            more = has_room(c) && (c->state == CONN_IDLE || c->state == CONN_HEAD) && read_head(c);
            continue;
        }
        give_body(c);
        more = c->state != CONN_CLOSED && c->x != NULL && exchange_is_over(c->x);
        if (more) end_exchange(c);
    }
    c->advancing = false;
    if (c->state == CONN_CLOSED) return;
    stream_flush_soon(&c->stream);
    if (c->state != CONN_CLOSED) hold_back(c);
}

/* ---- news from the stream ---- */

static void on_data(struct stream *s, struct str data) {
    struct conn *c = of(s);
    if (c->state == CONN_FIRST) {
        first_octets(c, data);
        return;
    }
    /* A body that streams is not copied here. */
    while (c->x != NULL && c->in_from == c->in_len && data.len > 0) {
        size_t used = exchange_take_body(c->x, data);
        if (used == 0) break;
        data = str_part(data, used, data.len);
    }
    /* In clear a read may bring more than a TLS record does. */
    do {
        struct str piece = str_part(data, 0, data.len < IO_BUF_SIZE ? data.len : IO_BUF_SIZE);
        if (c->state == CONN_CLOSED) return;
        if (piece.len > 0) append(c, piece);
        conn_advance(c);
        data = str_part(data, piece.len, data.len);
    } while (data.len > 0);
}

static void on_batch(struct stream *s) {
    struct conn *c = of(s);
    if (c->x != NULL) exchange_flush_body(c->x);
}

static void on_open(struct stream *s) {
    struct conn *c = of(s);
    admission_greeted(c);
    go_idle(c);
    /* The first request has the head's time, not the idle time: a stranger may not sit here for
     * free. */
    set_deadline(c, limits_of(c)->header_ms);
    c->idle_until_ms = c->timed.deadline_ms;
}

static void on_writable(struct stream *s) {
    struct conn *c = of(s);
    if (c->x != NULL)
        exchange_writable(c->x);
    else
        conn_advance(c);
}

static void on_end(struct stream *s, enum stream_end why) {
    struct conn *c = of(s);
    if (c->state == CONN_CLOSED) return;
    if (c->state == CONN_FIRST || c->state == CONN_HANDSHAKE) {
        first_failed(c, why == STREAM_END_TLS ? "handshake_failed" : "handshake_cut");
        return;
    }
    bool lost = why == STREAM_END_RESET || why == STREAM_END_TLS;
    if (lost || (c->x != NULL && !exchange_input_ended(c->x))) {
        conn_abort(c, "client_gone");
        return;
    }
    /* Half-closed, or closed: that shows when something is written. */
    c->read_ended = true;
    c->ended_ms = worker_now(c->worker);
    c->ended_queued = c->stream.queued_total;
    if (c->x != NULL && c->in_from == c->in_len) c->x->close_after = true;
    conn_advance(c);
}

static const struct stream_ops stream_ops = {
    .on_open = on_open,
    .on_data = on_data,
    .on_batch = on_batch,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_closed = on_closed,
};

/* ---- deadlines ---- */

static void note_slow(struct conn *c, enum slow_what what) {
    atomic_fetch_add(&c->worker->shared->defence.slow[what], 1);
}

static void check_busy(struct conn *c) {
    set_deadline(c, CONN_CHECK_MS);
    if (conn_reader_is_stuck(c)) {
        note_slow(c, SLOW_ANSWER);
        conn_abort(c, "client_stalled");
        return;
    }
    if (conn_reader_left(c)) {
        conn_abort(c, "client_gone");
        return;
    }
    stream_cool_if_quiet(&c->stream);
    exchange_check(c->x);
    conn_advance(c);
}

static void on_expired(struct timed *timed) {
    struct conn *c = container_of(timed, struct conn, timed);
    switch (c->state) {
    case CONN_FIRST:
    case CONN_HANDSHAKE:
        note_slow(c, SLOW_HANDSHAKE);
        first_failed(c, "handshake_timeout");
        return;
    case CONN_IDLE:
        if (worker_now(c->worker) >= c->idle_until_ms) {
            conn_close_politely(c);
            return;
        }
        if (c->in_len == 0) cool_down(c); /* else it waits for room for its answer */
        timed_set(c->worker, &c->timed, c->idle_until_ms);
        return;
    case CONN_HEAD: {
        note_slow(c, SLOW_HEAD);
        struct http_refusal late = {408, "header_timeout"};
        begin_exchange(c, c->in_len, &late);
        conn_advance(c);
        return;
    }
    case CONN_BUSY:
        check_busy(c);
        return;
    case CONN_CLOSED:
        return;
    }
}

/* ---- the beginning ---- */

static void enlist(struct conn *c) {
    struct worker *w = c->worker;
    c->next = w->conns;
    c->prev = NULL;
    if (w->conns != NULL) w->conns->prev = c;
    w->conns = c;
}

void conn_accept(struct worker *w, int fd, enum conn_kind kind,
                 const struct sockaddr_storage *addr) {
    struct conn *c = calloc(1, sizeof(*c));
    ENSURE(c != NULL);
    c->worker = w;
    c->kind = kind;
    c->id = atomic_fetch_add(&w->shared->next_id, 1);
    c->accepted_ms = worker_now(w);
    arena_init(&c->arena, CONN_ARENA_MAX);
    http_scan_init(&c->scan);
    w->live++;
    int rc = stream_init(&c->stream, &w->io, &stream_ops);
    ENSURE(rc == 0);
    timed_start(w, &c->timed, on_expired);
    c->timed.patient = true;
    enlist(c);
    c->cold = true;
    set_deadline(c, kind == CONN_TLS || kind == CONN_PULL ? limits_of(c)->handshake_ms
                                                          : limits_of(c)->header_ms);
    if (uv_tcp_open(&c->stream.tcp, fd) != 0) {
        close(fd);
        leave(c);
        stream_close(&c->stream);
        return;
    }
    uv_tcp_nodelay(&c->stream.tcp, 1);
    first_begin(c, addr);
}

void conn_end(struct conn *c, const char *reason) {
    conn_abort(c, reason);
    stream_close(&c->stream);
}

void conn_stop(struct conn *c) {
    if (c->state == CONN_IDLE)
        conn_close_politely(c);
    else if (c->state != CONN_BUSY)
        conn_abort(c, "stopping");
}
