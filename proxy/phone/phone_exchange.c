#include "proxy/phone/phone_exchange.h"

#include <string.h>

#include "policy/base/bytes.h"
#include "proxy/phone/phone_exchange_form.h"
#include "proxy/phone/phone_exchange_parts.h"
#include "proxy/phone/phone_move.h"

struct phone_login_memory *px_memory(struct phone_exchange *px) {
    return &px->conn->logins[px->request.account];
}

void px_begin_trial(struct phone_exchange *px) {
    px->trial = true;
    (void)phone_password(px->phone, px->request.account, &px->turn);
}

void px_set_deadline(struct phone_exchange *px, uint64_t after_ms) {
    px->timed.deadline_ms = px_form_deadline(px, worker_now(px->worker) + after_ms);
}

/* ---- the end ---- */

static void bury(struct grave *grave) {
    struct phone_exchange *px = container_of(grave, struct phone_exchange, grave);
    px->worker->live--;
    free(px);
}

void px_release_conn(struct phone_exchange *px, bool keep) {
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
    if (px->request.changes) phone_note_change(px->phone);
    if (px->has_slot) phone_slot_give(px->phone, &px->waiter);
    if (px->request.body != NULL) bytes_wipe(px->request.body, px->request.body_len);
    free(px->request.body);
    px_form_free(px);
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

/* What is known of a password that was on its way when all ended; one without an answer is counted.
 */
static enum login_outcome count_unanswered(const struct phone_exchange *px) {
    bool counts = (px->trial || px->stale_again) && !px->worker->stopping;
    if (counts && px->form != NULL) return px_form_outcome(px);
    if (!counts || !px->password_sent) return LOGIN_NO_ANSWER;
    return phone_session_unanswered(px->phone, px->request.account, PHONE_LOGIN_UNANSWERED_MAX)
               ? LOGIN_SILENT
               : LOGIN_NO_ANSWER;
}

static void end_login(struct phone_exchange *px) {
    enum login_outcome outcome = count_unanswered(px);
    if (!px->trial && outcome == LOGIN_NO_ANSWER) return;
    bool opened = phone_login_end(px->phone, px->request.account, px->turn, outcome,
                                  worker_epoch_ms(px->worker));
    px->trial = px->stale_again = false;
    if (opened) px_log_rejected(px, "no_answer");
    px_tell_candidate(px);
}

void px_finish(struct phone_exchange *px, bool keep_conn) {
    if (px->state == PX_OVER || px->state == PX_COOLING) return;
    bool cuts = cuts_answer(px, keep_conn);
    px_release_conn(px, keep_conn);
    end_login(px);
    if (cuts) {
        px->state = PX_COOLING;
        px_set_deadline(px, PHONE_COOL_OFF_MS);
    } else {
        let_go(px);
    }
}

static unsigned status_of(const char *reason) {
    static const char *const gateway_timeout[] = {"phone_connect_timeout",
                                                  "phone_first_byte_timeout", "phone_stalled"};
    static const char *const unavailable[] = {"phone_queue_full", "phone_queue_timeout",
                                              "no_descriptors", "phone_busy", "phone_locked"};
    for (size_t i = 0; i < ARRAY_LEN(gateway_timeout); i++) {
        if (strcmp(reason, gateway_timeout[i]) == 0) return 504;
    }
    for (size_t i = 0; i < ARRAY_LEN(unavailable); i++) {
        if (strcmp(reason, unavailable[i]) == 0) return 503;
    }
    return 502;
}

/* The connection is not to be trusted any more. */
void px_fail(struct phone_exchange *px, const char *reason) {
    void *owner = px->owner;
    const struct phone_events *events = px->events;
    px->owner = NULL;
    if (px->has_slot) phone_note_change(px->phone); /* what it was is not sure any more */
    px_finish(px, false);
    if (owner != NULL) events->failed(owner, status_of(reason), reason);
}

/* ---- connections ---- */

/* A kept connection may have died under our hands; what changes nothing is sent once more on a new
 * one. */
static bool may_reconnect(const struct phone_exchange *px, const char *reason) {
    bool harmless = px->attempt == ATTEMPT_PROBE || px->attempt == ATTEMPT_NAKED_PROBE ||
                    (px->request.plain && px->attempt != ATTEMPT_STEP) ||
                    px_form_step_is_harmless(px);
    bool died = strcmp(reason, "phone_closed") == 0 || strcmp(reason, "phone_reset") == 0;
    return px->state == PX_SENT && died && harmless && !px->reconnected && px->owner != NULL;
}

static void on_failed(void *user, const char *reason) {
    struct phone_exchange *px = user;
    struct phone_conn *c = px->conn;
    px->conn = NULL;
    if (c->used && may_reconnect(px, reason) &&
        (px->form != NULL || count_unanswered(px) == LOGIN_NO_ANSWER)) {
        struct phone_login_memory login = c->logins[px->request.account];
        login.inherited = true;
        px->reconnected = true;
        px->password_sent = false;
        px_connect(px, true);
        bool useless = phone_spare_is_useless(px->phone, px->request.account);
        if (px->state == PX_CONNECTING && login.known && !useless) *px_memory(px) = login;
        return;
    }
    /* Our place among those who wait for the login is still taken, or the call is on its way: go on
     * with another connection when it comes. */
    if (px->state == PX_WAIT_LOGIN) return;
    px_fail(px, reason);
}

static void on_ready(void *user) {
    struct phone_exchange *px = user;
    px->times.connect_ms = (int64_t)(worker_now(px->worker) - px->connect_ms);
    px_attempt(px);
}

static const struct phone_conn_ops conn_ops = {
    .ready = on_ready,
    .head = px_on_head,
    .body = px_on_body,
    .done = px_on_done,
    .failed = on_failed,
    .batch = px_on_batch,
    .writable = px_on_writable,
};

void px_connect(struct phone_exchange *px, bool fresh_connection) {
    px->connect_ms = worker_now(px->worker);
    px->conn = fresh_connection ? NULL : phone_conn_take(px->worker, px->phone, &conn_ops, px);
    if (px->conn != NULL) {
        px_attempt(px);
        return;
    }
    px->state = PX_CONNECTING;
    px_set_deadline(px, px->timeouts.connect_ms);
    if (!fresh_connection) px->conn = phone_move_begin(px->worker, px->phone, &conn_ops, px);
    if (px->conn == NULL) px->conn = phone_conn_open(px->worker, px->phone, &conn_ops, px);
}

/* Somebody else's answer came while we waited, and serves our owner, too. */
static bool is_unneeded(struct phone_exchange *px) {
    void *owner = px->owner;
    if (px->events->unneeded == NULL || !px->events->unneeded(owner)) return false;
    px->has_slot = true;
    px->times.queue_ms = (int64_t)(worker_now(px->worker) - px->started_ms);
    px->owner = NULL;
    px_finish(px, false);
    px->events->done(owner);
    return true;
}

static void got_slot(struct phone_exchange *px) {
    px->has_slot = true;
    px->times.queue_ms = (int64_t)(worker_now(px->worker) - px->started_ms);
    if (px->request.changes) phone_note_change(px->phone);
    if (phone_login_stopped(px->phone, px->request.account, worker_epoch_ms(px->worker)))
        px_fail(px, "phone_credentials_rejected");
    else
        px_connect(px, false);
}

/* Our turn came: the slot is ours, or the other's login has an outcome. */
static void on_called(struct phone_waiter *waiter) {
    struct phone_exchange *px = container_of(waiter, struct phone_exchange, waiter);
    if (px->state == PX_QUEUED) {
        if (px->owner != NULL) {
            if (!is_unneeded(px)) got_slot(px);
            return;
        }
        px->has_slot = true;
        px_finish(px, false);
    } else if (px->state == PX_WAIT_LOGIN) {
        if (px->owner == NULL)
            px_finish(px, true);
        else if (px->conn == NULL)
            px_connect(px, false);
        else
            px_attempt(px);
    }
}

static void on_expired(struct timed *timed) {
    struct phone_exchange *px = container_of(timed, struct phone_exchange, timed);
    switch (px->state) {
    case PX_QUEUED:
        if (phone_slot_leave(px->phone, &px->waiter)) px_fail(px, "phone_queue_timeout");
        return;
    case PX_WAIT_LOGIN:
        if (phone_login_leave(px->phone, px->request.account, &px->waiter))
            px_fail(px, "phone_queue_timeout");
        return;
    case PX_CONNECTING:
        px_fail(px, "phone_connect_timeout");
        return;
    case PX_SENT:
        px_fail(px, px->conn->got_octets ? "phone_stalled" : "phone_first_byte_timeout");
        return;
    case PX_DISCARD:
    case PX_LOGIN_PAGE:
    case PX_HOLD:
    case PX_ANSWER:
        px_fail(px, "phone_stalled");
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
        if (request->body != NULL) bytes_wipe(request->body, request->body_len);
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
    px->waiter.background = request->background;
    px->times = (struct phone_times){-1, -1, -1};
    px_form_init(px);
    px->started_ms = worker_now(w);
    timed_start(w, &px->timed, on_expired);
    w->live++;
    return px;
}

/* An account without a password: nothing is sent, not even an empty one. */
static bool lacks_password(const struct phone_exchange *px) {
    return px->phone->accounts[px->request.account].user.len > 0 &&
           phone_password(px->phone, px->request.account, NULL).len == 0;
}

void phone_exchange_start(struct phone_exchange *px) {
    if (lacks_password(px)) {
        px_fail(px, "phone_credentials_missing");
        return;
    }
    if (phone_login_stopped(px->phone, px->request.account, worker_epoch_ms(px->worker))) {
        px_fail(px, "phone_credentials_rejected");
        return;
    }
    px->state = PX_QUEUED;
    switch (phone_slot_take(px->phone, &px->waiter)) {
    case SLOT_GRANTED:
        got_slot(px);
        return;
    case SLOT_QUEUED:
        px_set_deadline(px, px->timeouts.queue_ms);
        return;
    case SLOT_FULL:
        px_fail(px, "phone_queue_full");
        return;
    }
}

void phone_exchange_send_body(struct phone_exchange *px, struct str data) {
    ENSURE(px->stream_left >= data.len);
    px->stream_left -= data.len;
    phone_conn_send_more(px->conn, data);
    px_set_deadline(px, px->timeouts.first_byte_ms);
}

void phone_exchange_flush_body(struct phone_exchange *px) {
    if (px->conn != NULL) phone_conn_flush(px->conn);
}

bool phone_exchange_body_is_full(const struct phone_exchange *px) {
    return px->conn != NULL && phone_conn_is_full(px->conn);
}

void phone_exchange_pause(struct phone_exchange *px) {
    if (px->state != PX_ANSWER) return;
    if (px->conn != NULL) phone_conn_pause(px->conn);
    px->timed.deadline_ms =
        0; /* the owner has a deadline of its own while it is the one we wait for */
}

void phone_exchange_resume(struct phone_exchange *px) {
    if (px->state != PX_ANSWER) return; /* whatever we wait for then has its own deadline */
    px_set_deadline(px, px->timeouts.stall_ms);
    if (px->conn != NULL) phone_conn_resume(px->conn);
}

bool phone_exchange_is_asked(const struct phone_exchange *px) {
    return px->state != PX_NEW && px->state != PX_QUEUED && px->state != PX_WAIT_LOGIN;
}

void phone_exchange_detach(struct phone_exchange *px) {
    px->owner = NULL;
    /* Others wait for what comes of this login, and a password that is on its way is worth an
     * answer: it goes on, within its own limits. */
    if (px->form != NULL && px->trial && !px->worker->stopping) return;
    switch (px->state) {
    case PX_QUEUED:
        if (phone_slot_leave(px->phone, &px->waiter)) px_finish(px, false);
        return;
    case PX_WAIT_LOGIN:
        if (phone_login_leave(px->phone, px->request.account, &px->waiter)) px_finish(px, true);
        return;
    case PX_SENT:
    case PX_DISCARD:
    case PX_LOGIN_PAGE:
    case PX_HOLD:
    case PX_ANSWER:
        /* With a trial under way not an octet of the body has been sent. */
        if ((px->stream_left > 0 && !px->trial) || px->worker->stopping) {
            px_finish(px, false);
            return;
        }
        px_set_deadline(px, PHONE_ORPHAN_MS);
        phone_conn_resume(px->conn);
        return;
    case PX_NEW:
    case PX_CONNECTING:
        px_finish(px, false);
        return;
    case PX_COOLING:
    case PX_OVER:
        return;
    }
}

struct phone_times phone_exchange_times(const struct phone_exchange *px) {
    return px->times;
}
