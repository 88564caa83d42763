#include "proxy/phone/phone_exchange.h"

#include <stdio.h>
#include <string.h>

#include "policy/base/bytes.h"
#include "proxy/base/log.h"
#include "proxy/phone/phone_move.h"

enum px_state {
    PX_NEW,
    PX_QUEUED,     /* waiting for a slot */
    PX_CONNECTING, /* slot taken */
    PX_WAIT_LOGIN, /* another exchange tries the password; connection at hand */
    PX_SENT,       /* an attempt is under way: its head has not come */
    PX_DISCARD,    /* reading the page of a 401 or a probe */
    PX_ANSWER,     /* giving the answer to the owner */
    PX_COOLING,    /* the phone's answer was cut by us: it needs a moment to notice */
    PX_OVER,
};

/* What an attempt sends. */
enum px_attempt {
    ATTEMPT_NAKED_PROBE, /* GET / without credentials: fetches a challenge */
    ATTEMPT_NAKED,       /* the request itself, without */
    ATTEMPT_PROBE,       /* GET / with credentials: shows that the nonce lives */
    ATTEMPT_REAL,        /* the request itself, with credentials (or to a phone that may be open) */
};

struct phone_exchange {
    struct grave grave;
    struct timed timed;
    struct phone_waiter waiter;
    struct worker *worker;
    struct phone *phone;
    struct phone_conn *conn; /* lent */
    const struct phone_events *events;
    void *owner; /* NULL: detached */
    struct phone_request request;
    struct phone_timeouts timeouts;
    struct io_buf *text; /* target and fields */
    enum px_state state;
    enum px_attempt attempt;
    bool has_slot;
    bool trial;       /* everybody waits for what comes of our login */
    bool retried;     /* the one retry with a fresh nonce was made */
    bool reconnected; /* the one retry on a dead connection was made */
    bool nonce_shown; /* a probe has shown that the nonce lives */
    uint64_t stream_left;
    size_t discarded;
    uint64_t started_ms, connect_ms, sent_ms;
    struct phone_times times;
};

static void attempt(struct phone_exchange *px);
static void connect_phone(struct phone_exchange *px, bool fresh_connection);

static struct phone_login_memory *memory(struct phone_exchange *px) {
    return &px->conn->logins[px->request.account];
}

static void set_deadline(struct phone_exchange *px, uint64_t after_ms) {
    px->timed.deadline_ms = worker_now(px->worker) + after_ms;
}

/* ---- the end ---- */

static void bury(struct grave *grave) {
    struct phone_exchange *px = container_of(grave, struct phone_exchange, grave);
    px->worker->live--;
    free(px);
}

static void release_conn(struct phone_exchange *px, bool keep) {
    struct phone_conn *c = px->conn;
    px->conn = NULL;
    if (c == NULL) return;
    if (keep)
        phone_conn_give(c);
    else
        phone_conn_drop(c);
}

/* Give everything back. */
static void let_go(struct phone_exchange *px) {
    px->state = PX_OVER;
    timed_stop(&px->timed);
    if (px->has_slot) phone_slot_give(px->phone);
    if (px->request.body != NULL) bytes_wipe(px->request.body, px->request.body_len);
    free(px->request.body);
    io_give(&px->worker->io, px->text);
    phone_release(px->phone);
    worker_bury(px->worker, &px->grave);
}

/* A phone that is still talking when we hang up must notice before it gets the next request: it
 * takes one at a time. */
static bool cuts_answer(const struct phone_exchange *px, bool keep_conn) {
    return px->conn != NULL && !keep_conn && px->has_slot && !px->worker->stopping &&
           (px->conn->state == PHONE_CONN_HEAD || px->conn->state == PHONE_CONN_BODY);
}

static void finish(struct phone_exchange *px, bool keep_conn) {
    if (px->state == PX_OVER || px->state == PX_COOLING) return;
    bool cuts = cuts_answer(px, keep_conn);
    release_conn(px, keep_conn);
    if (px->trial)
        phone_login_end(px->phone, px->request.account, LOGIN_NO_ANSWER,
                        worker_epoch_ms(px->worker));
    px->trial = false;
    if (cuts) {
        px->state = PX_COOLING;
        set_deadline(px, PHONE_COOL_OFF_MS);
    } else {
        let_go(px);
    }
}

static unsigned status_of(const char *reason) {
    static const char *const gateway_timeout[] = {"phone_connect_timeout",
                                                  "phone_first_byte_timeout", "phone_stalled"};
    static const char *const unavailable[] = {"phone_queue_full", "phone_queue_timeout"};
    for (size_t i = 0; i < ARRAY_LEN(gateway_timeout); i++) {
        if (strcmp(reason, gateway_timeout[i]) == 0) return 504;
    }
    for (size_t i = 0; i < ARRAY_LEN(unavailable); i++) {
        if (strcmp(reason, unavailable[i]) == 0) return 503;
    }
    return 502;
}

/* The connection is not to be trusted any more. */
static void fail(struct phone_exchange *px, const char *reason) {
    void *owner = px->owner;
    const struct phone_events *events = px->events;
    px->owner = NULL;
    finish(px, false);
    if (owner != NULL) events->failed(owner, status_of(reason), reason);
}

/* ---- sending ---- */

static bool is_probe(enum px_attempt a) {
    return a == ATTEMPT_PROBE || a == ATTEMPT_NAKED_PROBE;
}

static bool is_naked(enum px_attempt a) {
    return a == ATTEMPT_NAKED || a == ATTEMPT_NAKED_PROBE;
}

static bool write_authorization(struct phone_exchange *px, struct str method, struct str target,
                                struct outbuf *out) {
    struct phone_login_memory *login = memory(px);
    if (is_naked(px->attempt) || login->open) return true;
    const struct phone_account *account = &px->phone->accounts[px->request.account];
    uint8_t random[16];
    worker_random(px->worker, random, sizeof(random));
    return phone_auth_answer(&login->challenge, px->worker->hasher, account->user,
                             account->password, method, target, random, out);
}

static bool write_head(struct phone_exchange *px, struct outbuf *out) {
    bool probe = is_probe(px->attempt);
    struct str method = probe ? STR("GET") : px->request.method;
    struct str target = probe ? STR("/") : px->request.target;
    outbuf_put(out, method);
    outbuf_char(out, ' ');
    outbuf_put(out, target);
    outbuf_put(out, STR(" HTTP/1.1\r\nHost: "));
    outbuf_put(out, px->phone->authority);
    outbuf_put(out, STR("\r\n"));
    if (px->request.keep_alive || probe) outbuf_put(out, STR("Connection: keep-alive\r\n"));
    if (!write_authorization(px, method, target, out)) return false;
    if (!probe) {
        outbuf_put(out, px->request.fields);
        if (px->request.has_length) {
            outbuf_put(out, STR("Content-Length: "));
            outbuf_u64(out,
                       px->request.stream_len > 0 ? px->request.stream_len : px->request.body_len);
            outbuf_put(out, STR("\r\n"));
        }
    }
    outbuf_put(out, STR("\r\n"));
    return !out->full;
}

static void send_attempt(struct phone_exchange *px, enum px_attempt what) {
    struct io_buf *buf = io_take(&px->worker->io);
    struct outbuf out;
    outbuf_init(&out, buf->data, sizeof(buf->data));
    px->attempt = what;
    if (!write_head(px, &out)) {
        io_give(&px->worker->io, buf);
        fail(px, out.full ? "phone_request_too_large" : "phone_credentials_unusable");
        return;
    }
    bool probe = is_probe(what);
    struct str body = probe ? STR_NONE : (struct str){px->request.body, px->request.body_len};
    px->state = PX_SENT;
    px->sent_ms = worker_now(px->worker);
    set_deadline(px, px->timeouts.first_byte_ms);
    struct str head = outbuf_str(&out);
    if (body.len > 0 && body.len <= sizeof(buf->data) - out.len) { /* one record, one segment */
        outbuf_put(&out, body);
        head = outbuf_str(&out);
        body = STR_NONE;
    }
    phone_conn_send(px->conn, head, body, !probe && px->request.head_request);
    bytes_wipe(buf->data, out.len < 1024 ? out.len : 1024);
    io_give(&px->worker->io, buf);
    if (px->state == PX_SENT && what == ATTEMPT_REAL && px->stream_left > 0 && px->owner != NULL)
        px->events->sendable(px->owner);
}

/* Credentials are at hand: may they be sent, and is the nonce sure enough for what cannot be sent
 * twice? */
static void attempt_with_login(struct phone_exchange *px) {
    if (memory(px)->open) {
        send_attempt(px, ATTEMPT_REAL);
        return;
    }
    bool sure = px->request.stream_len == 0 || px->nonce_shown;
    uint64_t now = worker_epoch_ms(px->worker);
    if (px->trial) { /* the retry of our own trial: nobody else to wait for */
        send_attempt(px, sure ? ATTEMPT_REAL : ATTEMPT_PROBE);
        return;
    }
    switch (phone_login_begin(px->phone, px->request.account, &px->waiter, now)) {
    case LOGIN_STOPPED:
        fail(px, "phone_credentials_rejected");
        return;
    case LOGIN_WAIT:
        px->state = PX_WAIT_LOGIN;
        set_deadline(px, px->timeouts.queue_ms);
        return;
    case LOGIN_TRIAL:
        px->trial = true;
        break;
    case LOGIN_GO:
        break;
    }
    send_attempt(px, sure ? ATTEMPT_REAL : ATTEMPT_PROBE);
}

static void attempt(struct phone_exchange *px) {
    struct phone_login_memory *login = memory(px);
    if (!login->known && !login->open && !px->conn->used &&
        phone_spare_take(px->phone, px->request.account, &login->challenge,
                         worker_epoch_ms(px->worker))) {
        login->known = true;
        login->inherited = true;
    }
    if (login->known || login->open)
        attempt_with_login(px);
    else
        send_attempt(px, px->request.plain ? ATTEMPT_NAKED : ATTEMPT_NAKED_PROBE);
}

/* ---- answers ---- */

static bool phone_may_be_open(const struct phone *phone) {
    return !phone->login_required || phone->login == PHONE_LOGIN_NONE;
}

static const char *challenge_reason(enum phone_auth_verdict verdict) {
    switch (verdict) {
    case PHONE_AUTH_OK:
        return NULL;
    case PHONE_AUTH_WEAKER:
        return "phone_not_hardened";
    case PHONE_AUTH_NONE:
        return "phone_challenge_missing";
    case PHONE_AUTH_UNSUPPORTED:
        return "phone_challenge_unsupported";
    case PHONE_AUTH_MALFORMED:
        return "phone_challenge_malformed";
    }
    return "phone_challenge_malformed";
}

/* Is this rejection the nonce's fault? With stale=true the phone says so; a nonce inherited from
 * another connection may simply have died with it (R21). */
static bool may_retry(const struct phone_exchange *px, const struct phone_login_memory *login,
                      const struct phone_challenge *fresh) {
    return !px->retried && (fresh->stale || login->inherited);
}

static void rejected(struct phone_exchange *px) {
    bool opened = phone_login_end(px->phone, px->request.account, LOGIN_REJECTED,
                                  worker_epoch_ms(px->worker));
    px->trial = false;
    if (opened)
        log_event(LOG_ERROR, "phone.credentials_rejected", "phone=" STR_FMT " account=%s",
                  STR_ARG(px->phone->id),
                  px->request.account == ACCOUNT_ADMIN ? "admin_login" : "login");
    memory(px)->known = false;
    fail(px, "phone_credentials_rejected");
}

/* A 401: keep its challenge for the next attempt, or stop. */
static void on_challenge(struct phone_exchange *px, const struct response_view *res) {
    struct phone_login_memory *login = memory(px);
    struct phone_challenge fresh = {.nc = 0};
    enum phone_auth_verdict verdict = phone_auth_choose(
        res->headers, res->header_count, px->phone->login, px->worker->hasher, &fresh);
    bool naked = is_naked(px->attempt) || login->open;
    if (!naked && !(verdict == PHONE_AUTH_OK && may_retry(px, login, &fresh))) {
        /* Stale again and again is a fault of the phone's nonces, not of the password. */
        if (verdict == PHONE_AUTH_OK && fresh.stale)
            fail(px, "phone_always_stale");
        else
            rejected(px);
        return;
    }
    if (verdict != PHONE_AUTH_OK) {
        fail(px, challenge_reason(verdict));
        return;
    }
    if (px->phone->realm.len > 0 && !str_equal(px->phone->realm, phone_challenge_realm(&fresh))) {
        log_event(LOG_ERROR, "phone.realm_changed", "phone=" STR_FMT, STR_ARG(px->phone->id));
        fail(px, "phone_realm_changed");
        return;
    }
    bool sent_stream = px->attempt == ATTEMPT_REAL && px->request.stream_len > 0;
    px->retried = px->retried || !naked;
    *login = (struct phone_login_memory){.known = true, .challenge = fresh};
    if (sent_stream)
        fail(px, "phone_login_expired");
    else
        px->state = PX_DISCARD;
}

/* Any answer but 401 to a request that carried credentials shows that they were taken. */
static bool login_accepted(struct phone_exchange *px, const struct response_view *res) {
    struct phone_login_memory *login = memory(px);
    if (login->open) return true;
    phone_login_end(px->phone, px->request.account, LOGIN_ACCEPTED, worker_epoch_ms(px->worker));
    px->trial = false;
    login->inherited = false;
    for (size_t i = 0; i < res->header_count; i++) {
        if (!str_equal_icase(res->headers[i].name, STR("Authentication-Info"))) continue;
        if (phone_auth_info(&login->challenge, res->headers[i].value)) continue;
        log_event(LOG_ERROR, "phone.rspauth_wrong", "phone=" STR_FMT, STR_ARG(px->phone->id));
        fail(px, "phone_rspauth_wrong");
        return false;
    }
    return true;
}

static void give_head(struct phone_exchange *px, const struct response_view *res) {
    px->state = PX_ANSWER;
    set_deadline(px, px->timeouts.stall_ms);
    if (px->owner != NULL) px->events->head(px->owner, res);
}

/* An answer to a request without credentials that was no 401: the phone is open. */
static void on_open_phone(struct phone_exchange *px, const struct response_view *res) {
    if (!phone_may_be_open(px->phone)) {
        log_event(LOG_ERROR, "phone.not_hardened", "phone=" STR_FMT " status=%u",
                  STR_ARG(px->phone->id), res->status);
        fail(px, "phone_not_hardened");
        return;
    }
    memory(px)->open = true;
    if (px->attempt == ATTEMPT_NAKED)
        give_head(px, res);
    else
        px->state = PX_DISCARD;
}

static void on_head(void *user, const struct response_view *res) {
    struct phone_exchange *px = user;
    px->times.first_byte_ms = (int64_t)(worker_now(px->worker) - px->sent_ms);
    px->discarded = 0;
    set_deadline(px, px->timeouts.stall_ms);
    if (res->status == 401) {
        on_challenge(px, res);
        return;
    }
    if (is_naked(px->attempt)) {
        on_open_phone(px, res);
        return;
    }
    if (!login_accepted(px, res)) return;
    if (px->attempt == ATTEMPT_PROBE) {
        px->nonce_shown = true;
        px->state = PX_DISCARD;
    } else {
        give_head(px, res);
    }
}

static void on_body(void *user, struct str data) {
    struct phone_exchange *px = user;
    uint64_t stall = px->owner != NULL ? px->timeouts.stall_ms : PHONE_ORPHAN_MS;
    set_deadline(px, stall);
    if (px->state == PX_ANSWER && px->owner != NULL) {
        px->events->body(px->owner, data);
        return;
    }
    px->discarded += data.len;
    if (px->discarded > PHONE_DISCARD_BYTES) fail(px, "phone_page_too_large");
}

/* The page of a 401 or probe is read: the next attempt, on this connection or a new one that takes
 * the challenge over. */
static void next_attempt(struct phone_exchange *px) {
    struct phone_conn *old = px->conn;
    if (old->reusable) {
        attempt(px);
        return;
    }
    struct phone_login_memory login = *memory(px);
    old->logins[px->request.account].known = false; /* it goes with us, not into the spare place */
    release_conn(px, false);
    connect_phone(px, true);
    if (px->state == PX_CONNECTING) *memory(px) = login;
}

static void on_done(void *user) {
    struct phone_exchange *px = user;
    if (px->state == PX_DISCARD && px->owner != NULL) {
        next_attempt(px);
        return;
    }
    void *owner = px->owner;
    const struct phone_events *events = px->events;
    px->owner = NULL;
    finish(px, px->stream_left == 0);
    if (owner != NULL) events->done(owner);
}

static void on_batch(void *user) {
    struct phone_exchange *px = user;
    if (px->state == PX_ANSWER && px->owner != NULL) px->events->batch(px->owner);
}

static void on_writable(void *user) {
    struct phone_exchange *px = user;
    if (px->stream_left > 0 && px->owner != NULL) px->events->sendable(px->owner);
}

/* ---- connections ---- */

/* A kept connection may have died under our hands; what changes nothing is sent once more on a new
 * one. */
static bool may_reconnect(const struct phone_exchange *px, const char *reason) {
    bool harmless = is_probe(px->attempt) || px->request.plain;
    bool died = strcmp(reason, "phone_closed") == 0 || strcmp(reason, "phone_reset") == 0;
    return px->state == PX_SENT && died && harmless && !px->reconnected && px->owner != NULL;
}

static void on_failed(void *user, const char *reason) {
    struct phone_exchange *px = user;
    struct phone_conn *c = px->conn;
    px->conn = NULL;
    if (c->used && may_reconnect(px, reason)) {
        struct phone_login_memory login = c->logins[px->request.account];
        login.inherited = true;
        px->reconnected = true;
        connect_phone(px, true);
        if (px->state == PX_CONNECTING && login.known) *memory(px) = login;
        return;
    }
    fail(px, reason);
}

static void on_ready(void *user) {
    struct phone_exchange *px = user;
    px->times.connect_ms = (int64_t)(worker_now(px->worker) - px->connect_ms);
    attempt(px);
}

static const struct phone_conn_ops conn_ops = {
    .ready = on_ready,
    .head = on_head,
    .body = on_body,
    .done = on_done,
    .failed = on_failed,
    .batch = on_batch,
    .writable = on_writable,
};

static void connect_phone(struct phone_exchange *px, bool fresh_connection) {
    px->connect_ms = worker_now(px->worker);
    px->conn = fresh_connection ? NULL : phone_conn_take(px->worker, px->phone, &conn_ops, px);
    if (px->conn != NULL) {
        attempt(px);
        return;
    }
    px->state = PX_CONNECTING;
    set_deadline(px, px->timeouts.connect_ms);
    if (!fresh_connection) px->conn = phone_move_begin(px->worker, px->phone, &conn_ops, px);
    if (px->conn == NULL) px->conn = phone_conn_open(px->worker, px->phone, &conn_ops, px);
}

static void got_slot(struct phone_exchange *px) {
    px->has_slot = true;
    px->times.queue_ms = (int64_t)(worker_now(px->worker) - px->started_ms);
    if (phone_login_stopped(px->phone, px->request.account, worker_epoch_ms(px->worker)))
        fail(px, "phone_credentials_rejected");
    else
        connect_phone(px, false);
}

/* Our turn came: the slot is ours, or the other's login has an outcome. */
static void on_called(struct phone_waiter *waiter) {
    struct phone_exchange *px = container_of(waiter, struct phone_exchange, waiter);
    if (px->state == PX_QUEUED) {
        if (px->owner != NULL) {
            got_slot(px);
            return;
        }
        px->has_slot = true;
        finish(px, false);
    } else if (px->state == PX_WAIT_LOGIN) {
        if (px->owner != NULL)
            attempt(px);
        else
            finish(px, true);
    }
}

static void on_expired(struct timed *timed) {
    struct phone_exchange *px = container_of(timed, struct phone_exchange, timed);
    switch (px->state) {
    case PX_QUEUED:
        if (phone_slot_leave(px->phone, &px->waiter)) fail(px, "phone_queue_timeout");
        return;
    case PX_WAIT_LOGIN:
        if (phone_login_leave(px->phone, px->request.account, &px->waiter))
            fail(px, "phone_queue_timeout");
        return;
    case PX_CONNECTING:
        fail(px, "phone_connect_timeout");
        return;
    case PX_SENT:
        fail(px, "phone_first_byte_timeout");
        return;
    case PX_DISCARD:
    case PX_ANSWER:
        fail(px, "phone_stalled");
        return;
    case PX_COOLING:
        let_go(px);
        return;
    case PX_NEW:
    case PX_OVER:
        return;
    }
}

/* ---- for the owner ---- */

struct phone_exchange *phone_exchange_new(struct worker *w, struct phone *phone,
                                          const struct phone_request *request,
                                          const struct phone_timeouts *timeouts,
                                          const struct phone_events *events, void *owner) {
    if (request->target.len + request->fields.len >
        IO_BUF_SIZE - 2048) { /* room for our own fields */
        free(request->body);
        return NULL;
    }
    struct phone_exchange *px = calloc(1, sizeof(*px));
    ENSURE(px != NULL);
    px->grave.bury = bury;
    px->worker = w;
    px->phone = phone_hold(phone);
    px->events = events;
    px->owner = owner;
    px->request = *request;
    px->timeouts = *timeouts;
    px->stream_left = request->stream_len;
    px->text = io_take(&w->io);
    struct outbuf out;
    outbuf_init(&out, px->text->data, IO_BUF_SIZE);
    outbuf_put(&out, request->target);
    outbuf_put(&out, request->fields);
    px->request.target = (struct str){out.ptr, request->target.len};
    px->request.fields = (struct str){out.ptr + request->target.len, request->fields.len};
    px->waiter.worker = w;
    px->waiter.called = on_called;
    px->waiter.person = request->person;
    px->times = (struct phone_times){-1, -1, -1};
    px->started_ms = worker_now(w);
    timed_start(w, &px->timed, on_expired);
    w->live++;
    return px;
}

void phone_exchange_start(struct phone_exchange *px) {
    if (phone_login_stopped(px->phone, px->request.account, worker_epoch_ms(px->worker))) {
        fail(px, "phone_credentials_rejected");
        return;
    }
    px->state = PX_QUEUED;
    switch (phone_slot_take(px->phone, &px->waiter)) {
    case SLOT_GRANTED:
        got_slot(px);
        return;
    case SLOT_QUEUED:
        set_deadline(px, px->timeouts.queue_ms);
        return;
    case SLOT_FULL:
        fail(px, "phone_queue_full");
        return;
    }
}

void phone_exchange_send_body(struct phone_exchange *px, struct str data) {
    ENSURE(px->stream_left >= data.len);
    px->stream_left -= data.len;
    phone_conn_send_more(px->conn, data);
    set_deadline(px, px->timeouts.first_byte_ms);
}

void phone_exchange_flush_body(struct phone_exchange *px) {
    if (px->conn != NULL) phone_conn_flush(px->conn);
}

bool phone_exchange_body_is_full(const struct phone_exchange *px) {
    return px->conn != NULL && phone_conn_is_full(px->conn);
}

void phone_exchange_pause(struct phone_exchange *px) {
    if (px->conn != NULL) phone_conn_pause(px->conn);
    px->timed.deadline_ms =
        0; /* the owner has a deadline of its own while it is the one we wait for */
}

void phone_exchange_resume(struct phone_exchange *px) {
    set_deadline(px, px->timeouts.stall_ms);
    if (px->conn != NULL) phone_conn_resume(px->conn);
}

void phone_exchange_detach(struct phone_exchange *px) {
    px->owner = NULL;
    switch (px->state) {
    case PX_QUEUED:
        if (phone_slot_leave(px->phone, &px->waiter)) finish(px, false);
        return;
    case PX_WAIT_LOGIN:
        if (phone_login_leave(px->phone, px->request.account, &px->waiter)) finish(px, true);
        return;
    case PX_SENT:
    case PX_DISCARD:
    case PX_ANSWER:
        if (px->stream_left > 0 || px->worker->stopping) {
            finish(px, false);
            return;
        }
        set_deadline(px, PHONE_ORPHAN_MS);
        phone_conn_resume(px->conn);
        return;
    case PX_NEW:
    case PX_CONNECTING:
        finish(px, false);
        return;
    case PX_COOLING:
    case PX_OVER:
        return;
    }
}

struct phone_times phone_exchange_times(const struct phone_exchange *px) {
    return px->times;
}
