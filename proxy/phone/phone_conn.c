#include "proxy/phone/phone_conn.h"

#include <string.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/http/http_parse.h"
#include "proxy/phone/phone_conn_parts.h"

static struct phone_conn *of(struct stream *s) {
    return container_of(s, struct phone_conn, stream);
}

/* A challenge outlives its connection only when the phone said goodbye itself: then its nonces are
 * likely to live on (devices that close after every answer), and the person is spared a round trip.
 */
static void leave_challenges(struct phone_conn *c) {
    if (!c->polite) return;
    for (int kind = 0; kind < PHONE_ACCOUNTS; kind++) {
        struct phone_login_memory *login = &c->logins[kind];
        if (!login->known) continue;
        phone_spare_put(c->phone, (enum phone_account_kind)kind, &login->challenge,
                        worker_epoch_ms(c->worker));
    }
}

void phone_conn_drop(struct phone_conn *c) {
    if (c->state == PHONE_CONN_CLOSED) return;
    if (c->user == NULL) pc_idle_remove(c);
    /* In the middle of an answer only a reset stops the phone from talking. */
    bool quiet = c->state == PHONE_CONN_READY && c->stream.state == STREAM_OPEN;
    c->state = PHONE_CONN_CLOSED;
    c->user = NULL;
    timed_stop(&c->timed);
    leave_challenges(c);
    if (c->resolving) uv_cancel((uv_req_t *)&c->resolve);
    if (quiet)
        stream_finish(&c->stream);
    else
        stream_close(&c->stream);
}

void pc_fail(struct phone_conn *c, const char *reason) {
    const struct phone_conn_ops *ops = c->ops;
    void *user = c->user;
    /* With the user still set the idle list is left alone. */
    phone_conn_drop(c);
    if (user != NULL) ops->failed(user, reason);
}

void pc_free_when_alone(struct phone_conn *c) {
    if (!c->gone || c->resolving || c->posted) return;
    io_give(&c->worker->io, c->partial);
    for (int kind = 0; kind < PHONE_ACCOUNTS; kind++)
        phone_challenge_wipe(&c->logins[kind].challenge);
    c->worker->live--;
    atomic_fetch_sub(&c->worker->shared->phone_conns, 1);
    phone_release(c->phone);
    free(c);
}

static void on_closed(struct stream *s) {
    struct phone_conn *c = of(s);
    c->gone = true;
    pc_free_when_alone(c);
}

/* ---- answers ---- */

static void answer_done(struct phone_conn *c) {
    c->state = PHONE_CONN_READY;
    c->used = true;
    c->finished = false;
    c->ops->done(c->user);
}

/* Is this phone one that sends more than it is asked for? */
static bool is_surplus_phone(const struct phone_conn *c) {
    return worker_now(c->worker) < atomic_load(&c->phone->one_answer_until_ms);
}

/* More than was asked for: never paired with another request (H13). The answer before it is whole
 * by its own length, so nobody but the operator learns of it. On a connection that ends anyway it
 * does no harm. */
static void note_unasked(struct phone_conn *c) {
    if (c->reusable)
        log_event(LOG_WARNING, "phone.unasked_octets", "phone=" STR_FMT, STR_ARG(c->phone->id));
    if (c->reusable || is_surplus_phone(c))
        atomic_store(&c->phone->one_answer_until_ms, worker_now(c->worker) + PHONE_UNASKED_MS);
    c->reusable = false;
}

/* How many octets of `data` belong to the answer; they are given to the user. */
static size_t read_body(struct phone_conn *c, struct str data) {
    if (c->body == RESPONSE_CHUNKED) {
        struct str rest = data;
        struct str piece;
        chunked_read(&c->chunked, &rest, &piece);
        if (c->chunked.state == CHUNKED_BAD) {
            pc_fail(c, "phone_bad_chunk");
            return data.len;
        }
        if (piece.len > 0) c->ops->body(c->user, piece);
        return data.len - rest.len;
    }
    size_t take = data.len;
    if (c->body == RESPONSE_LENGTH && c->left < take) take = (size_t)c->left;
    c->left -= c->body == RESPONSE_LENGTH ? take : 0;
    c->ops->body(c->user, str_part(data, 0, take));
    return take;
}

static bool body_complete(const struct phone_conn *c) {
    switch (c->body) {
    case RESPONSE_NONE:
        return true;
    case RESPONSE_LENGTH:
        return c->left == 0;
    case RESPONSE_CHUNKED:
        return c->chunked.state == CHUNKED_DONE;
    case RESPONSE_UNTIL_CLOSE:
        return false;
    }
    return false;
}

static void on_body(struct phone_conn *c, struct str data) {
    while (data.len > 0 && c->state == PHONE_CONN_BODY && !body_complete(c)) {
        size_t taken = read_body(c, data);
        data = str_part(data, taken, data.len);
    }
    if (c->state != PHONE_CONN_BODY || !body_complete(c)) return;
    if (data.len > 0) note_unasked(c);
    c->finished = true;
}

/* A complete head: tell the user, then go on with the body. */
static void on_head(struct phone_conn *c, struct str head, struct str rest) {
    static const struct http_limits limits = {.header_bytes = PHONE_HEAD_BYTES,
                                              .headers = PHONE_HEADERS};
    struct header headers[PHONE_HEADERS];
    struct response_view view;
    struct http_refusal refusal;
    if (!http_strict_response(head, c->head_request, &limits, headers, &view, &refusal)) {
        pc_fail(c, refusal.reason);
        return;
    }
    if (!http_parse_agrees_response(head, c->head_request, &view)) {
        pc_fail(c, "phone_parsers_differ");
        return;
    }
    http_scan_init(&c->scan);
    if (view.status >= 200) {
        c->state = PHONE_CONN_BODY;
        c->body = view.body;
        c->left = view.content_length;
        /* A challenge may hold on its own connection only, and what follows is the same person's.
         */
        c->reusable = view.keep_alive && (view.status == 401 || !is_surplus_phone(c));
        c->polite = !c->reusable;
        chunked_init(&c->chunked);
        c->ops->head(c->user, &view);
        on_body(c, rest);
    } else if (++c->interim > PHONE_INTERIM_MAX) {
        pc_fail(c, "phone_too_many_interim");
    } else if (rest.len > 0) { /* an interim answer: the real one follows */
        c->stream.ops->on_data(&c->stream, rest);
    }
}

/* What the scanner found, which it names as it does for requests. */
static const char *head_reason(const struct http_refusal *refusal) {
    struct str reason = str_of(refusal->reason);
    if (str_equal(reason, STR("head_too_large"))) return "phone_head_too_large";
    if (str_equal(reason, STR("too_many_headers"))) return "phone_too_many_headers";
    return "phone_bad_head";
}

static void on_head_octets(struct phone_conn *c, struct str data) {
    static const struct http_limits limits = {.header_bytes = PHONE_HEAD_BYTES,
                                              .headers = PHONE_HEADERS};
    struct str text = data;
    size_t before = 0;
    struct io_buf *partial = c->partial;
    if (partial != NULL) {
        before = partial->len;
        size_t room = IO_BUF_SIZE - partial->len;
        memcpy(partial->data + partial->len, data.ptr, data.len < room ? data.len : room);
        partial->len += data.len < room ? data.len : room;
        text = (struct str){partial->data, partial->len};
    }
    size_t end = 0;
    struct http_refusal refusal;
    c->got_octets = true;
    switch (http_scan_response(&c->scan, text, &limits, &end, &refusal)) {
    case HTTP_HEAD_BAD:
        pc_fail(c, head_reason(&refusal));
        return;
    case HTTP_HEAD_MORE:
        if (partial != NULL) return;
        c->partial = io_take(c->stream.io);
        memcpy(c->partial->data, data.ptr, data.len < IO_BUF_SIZE ? data.len : IO_BUF_SIZE);
        c->partial->len = data.len < IO_BUF_SIZE ? data.len : IO_BUF_SIZE;
        return;
    case HTTP_HEAD_DONE:
        break;
    }
    c->partial = NULL;
    on_head(c, str_part(text, 0, end), str_part(data, end - before, data.len));
    io_give(&c->worker->io, partial);
}

static void on_data(struct stream *s, struct str data) {
    struct phone_conn *c = of(s);
    switch (c->state) {
    case PHONE_CONN_HEAD:
        on_head_octets(c, data);
        return;
    case PHONE_CONN_BODY:
        if (!c->finished)
            on_body(c, data);
        else
            note_unasked(c);
        return;
    case PHONE_CONN_READY:
        note_unasked(c);
        pc_fail(c, "phone_closed");
        return;
    case PHONE_CONN_CONNECTING:
    case PHONE_CONN_HANDSHAKE:
    case PHONE_CONN_CLOSED:
        return;
    }
}

static void on_batch(struct stream *s) {
    struct phone_conn *c = of(s);
    if (c->state == PHONE_CONN_BODY && c->finished)
        answer_done(c);
    else if (c->user != NULL && c->state >= PHONE_CONN_READY)
        c->ops->batch(c->user);
}

static void on_writable(struct stream *s) {
    struct phone_conn *c = of(s);
    if (c->user != NULL && c->state >= PHONE_CONN_READY) c->ops->writable(c->user);
}

/* ---- ends ---- */

static const char *handshake_reason(struct phone_conn *c) {
    const char *refusal = c->stream.ssl != NULL ? phone_tls_refusal(c->stream.ssl) : NULL;
    if (refusal == NULL) return "phone_tls_failed";
    pc_note_key(c, refusal);
    if (strcmp(refusal, "pin_mismatch") == 0) return "phone_pin_mismatch";
    if (strcmp(refusal, "name_mismatch") == 0) return "phone_name_mismatch";
    if (strcmp(refusal, "expired") == 0) return "phone_certificate_expired";
    if (strcmp(refusal, "weak_key") == 0) return "phone_certificate_weak";
    return "phone_certificate_untrusted";
}

/* Nothing of an answer has come. */
static const char *silent_reason(enum stream_end why) {
    if (why == STREAM_END_TLS) return "phone_tls_failed";
    return why == STREAM_END_RESET ? "phone_reset" : "phone_closed";
}

static void on_end(struct stream *s, enum stream_end why) {
    struct phone_conn *c = of(s);
    switch (c->state) {
    case PHONE_CONN_CONNECTING:
        pc_fail(c, "phone_unreachable");
        return;
    case PHONE_CONN_HANDSHAKE:
        pc_fail(c, handshake_reason(c));
        return;
    case PHONE_CONN_READY:
        pc_fail(c, "phone_closed");
        return;
    case PHONE_CONN_HEAD:
        if (c->got_octets)
            pc_fail(c, "phone_incomplete_head");
        else
            pc_fail(c, silent_reason(why));
        return;
    case PHONE_CONN_BODY: {
        /* Without a length only close_notify tells the end from a cut (H14). */
        bool clean = why == STREAM_END_NOTIFY || (s->ssl == NULL && why == STREAM_END_EOF);
        c->reusable = false;
        if (c->finished || (c->body == RESPONSE_UNTIL_CLOSE && clean))
            answer_done(c);
        else
            pc_fail(c, "phone_incomplete");
        return;
    }
    case PHONE_CONN_CLOSED:
        return;
    }
}

/* ---- beginning ---- */

void pc_open(struct phone_conn *c) {
    c->state = PHONE_CONN_READY;
    c->ops->ready(c->user);
}

static void on_open(struct stream *s) {
    struct phone_conn *c = of(s);
    pc_note_key(c, NULL);
    pc_open(c);
}

static const struct stream_ops stream_ops = {
    .on_open = on_open,
    .on_data = on_data,
    .on_batch = on_batch,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_closed = on_closed,
};

static void on_idle(struct timed *timed) {
    struct phone_conn *c = container_of(timed, struct phone_conn, timed);
    if (c->user != NULL) return;
    if (worker_now(c->worker) >= c->idle_until_ms) {
        phone_conn_drop(c);
        return;
    }
    stream_cool(&c->stream);
    timed->deadline_ms = c->idle_until_ms;
}

struct phone_conn *phone_conn_new(struct worker *w, struct phone *phone,
                                  const struct phone_conn_ops *ops, void *user) {
    struct phone_conn *c = calloc(1, sizeof(*c));
    ENSURE(c != NULL);
    c->worker = w;
    c->phone = phone_hold(phone);
    c->ops = ops;
    c->user = user;
    c->parcel_fd = -1;
    http_scan_init(&c->scan);
    int rc = stream_init(&c->stream, &w->io, &stream_ops);
    ENSURE(rc == 0);
    timed_start(w, &c->timed, on_idle);
    w->live++;
    atomic_fetch_add(&w->shared->phone_conns, 1);
    return c;
}

void phone_conn_adopt(struct phone_conn *c, int fd, SSL *ssl) {
    if (uv_tcp_open(&c->stream.tcp, fd) != 0) {
        close(fd);
        SSL_free(ssl);
        pc_fail(c, "phone_closed");
        return;
    }
    c->used = true;
    c->reusable = true;
    stream_adopt(&c->stream, ssl);
    stream_read(&c->stream);
    pc_open(c);
}

void phone_conn_forget(struct phone_conn *c) {
    c->state = PHONE_CONN_CLOSED;
    c->user = NULL;
    timed_stop(&c->timed);
    stream_close(&c->stream);
}

void phone_conn_unpin(struct phone_conn *c) {
    pc_free_when_alone(c);
}

/* ---- sending ---- */

void phone_conn_send(struct phone_conn *c, struct str head, struct str body, bool head_request) {
    ENSURE(c->state == PHONE_CONN_READY);
    c->state = PHONE_CONN_HEAD;
    c->head_request = head_request;
    c->got_octets = false;
    c->sent_body = body.len > 0;
    c->interim = 0;
    http_scan_init(&c->scan);
    stream_write(&c->stream, head);
    if (body.len > 0) stream_write(&c->stream, body);
    stream_flush_soon(&c->stream);
}

void phone_conn_send_more(struct phone_conn *c, struct str data) {
    c->sent_body = true;
    if (data.len > 0) stream_write(&c->stream, data);
}

void phone_conn_flush(struct phone_conn *c) {
    stream_flush_soon(&c->stream);
}

bool phone_conn_is_full(const struct phone_conn *c) {
    return stream_is_full(&c->stream);
}

void phone_conn_pause(struct phone_conn *c) {
    stream_pause(&c->stream);
}

void phone_conn_resume(struct phone_conn *c) {
    stream_resume(&c->stream);
}
