#include "proxy/base/log.h"
#include "proxy/phone/phone_exchange_form.h"
#include "proxy/phone/phone_exchange_parts.h"
#include "proxy/record/event.h"

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

void px_log_rejected(const struct phone_exchange *px, const char *why) {
    const struct event_field more[] = {
        {"account", px->request.account == ACCOUNT_ADMIN ? STR("admin_login") : STR("login")},
        {"why", str_of(why)}};
    const struct event event = {.event = "phone_credentials_rejected",
                                .outcome = "failed",
                                .reason = "password_rejected",
                                .phone = px->phone->id,
                                .more = more,
                                .more_count = ARRAY_LEN(more)};
    event_write(px->worker->shared->log, &event);
    log_event(LOG_ERROR, "phone.credentials_rejected", "phone=" STR_FMT " account=%s why=%s",
              STR_ARG(px->phone->id),
              px->request.account == ACCOUNT_ADMIN ? "admin_login" : "login", why);
}

void px_tell_candidate(struct phone_exchange *px) {
    static const struct {
        const char *outcome, *reason;
    } news[] = {[CANDIDATE_NEXT] = {"failed", "password_rejected"},
                [CANDIDATE_TAKEN] = {"allowed", "candidate_taken"},
                [CANDIDATE_REFUSED] = {"denied", "candidate_rejected"},
                [CANDIDATE_LOST] = {"failed", "candidate_lost"}};
    enum phone_candidate state;
    if (!phone_candidate_news(px->phone, px->request.account, &state)) return;
    const bool admin = px->request.account == ACCOUNT_ADMIN;
    const struct event_field account = {"account", admin ? STR("admin_login") : STR("login")};
    const struct event event = {.event = "phone_candidate",
                                .outcome = news[state].outcome,
                                .reason = news[state].reason,
                                .phone = px->phone->id,
                                .more = &account,
                                .more_count = 1};
    event_write(px->worker->shared->log, &event);
    log_event(LOG_ERROR, "phone.candidate", "phone=" STR_FMT " account=" STR_FMT " why=%s",
              STR_ARG(px->phone->id), STR_ARG(account.value), news[state].reason);
}

static void stop_login(struct phone_exchange *px, const char *why) {
    bool opened = phone_login_end(px->phone, px->request.account, px->turn, LOGIN_REJECTED,
                                  worker_epoch_ms(px->worker));
    px->trial = false;
    if (opened) px_log_rejected(px, why);
    px_tell_candidate(px);
    px_memory(px)->known = false;
}

void px_rejected(struct phone_exchange *px, const char *why) {
    stop_login(px, why);
    px_fail(px, "phone_credentials_rejected");
}

/* Said of a password that has never worked, it may mean anything. */
static void on_always_stale(struct phone_exchange *px) {
    if (px->trial) {
        stop_login(px, "always_stale");
    } else {
        px->stale_again = true;
    }
    px_fail(px, "phone_always_stale");
}

/* A 401: keep its challenge for the next attempt, or stop. */
static void on_challenge(struct phone_exchange *px, const struct response_view *res) {
    struct phone_login_memory *login = px_memory(px);
    struct phone_challenge fresh = {.nc = 0};
    enum phone_auth_verdict verdict = phone_auth_choose(
        res->headers, res->header_count, px->phone->login, px->worker->hasher, &fresh);
    bool naked = px_is_naked(px->attempt) || login->open;
    if (!naked && !(verdict == PHONE_AUTH_OK && may_retry(px, login, &fresh))) {
        /* Stale again and again is a fault of the phone's nonces, not of the password. */
        if (verdict == PHONE_AUTH_OK && fresh.stale)
            on_always_stale(px);
        else
            px_rejected(px, "401");
        return;
    }
    if (verdict != PHONE_AUTH_OK) {
        px_fail(px, challenge_reason(verdict));
        return;
    }
    if (px->phone->realm.len > 0 && !str_equal(px->phone->realm, phone_challenge_realm(&fresh))) {
        log_event(LOG_ERROR, "phone.realm_changed", "phone=" STR_FMT, STR_ARG(px->phone->id));
        px_fail(px, "phone_realm_changed");
        return;
    }
    bool sent_stream = px->attempt == ATTEMPT_REAL && px->request.stream_len > 0;
    px->spare_refused = !naked && !fresh.stale;
    px->password_sent = false;
    px->retried = px->retried || !naked;
    *login = (struct phone_login_memory){.known = true, .challenge = fresh};
    if (sent_stream)
        px_fail(px, "phone_login_expired");
    else
        px->state = PX_DISCARD;
}

/* Where the phone proves itself it must have used our password: one that took another one's, or
 * any, is not the phone. */
static bool phone_proves_itself(struct phone_exchange *px, const struct response_view *res) {
    struct phone_login_memory *login = px_memory(px);
    struct str uri = px->attempt == ATTEMPT_PROBE ? STR("/") : px->request.target;
    for (size_t i = 0; i < res->header_count; i++) {
        if (!str_equal_icase(res->headers[i].name, STR("Authentication-Info"))) continue;
        if (!phone_auth_info(&login->challenge, px->worker->hasher, uri, res->headers[i].value))
            return false;
    }
    return true;
}

/* Any answer but 401 to a request that carried credentials shows that they were taken. */
static bool login_accepted(struct phone_exchange *px, const struct response_view *res) {
    struct phone_login_memory *login = px_memory(px);
    if (login->open) return true;
    px->password_sent = false;
    if (!phone_proves_itself(px, res)) {
        log_event(LOG_ERROR, "phone.rspauth_wrong", "phone=" STR_FMT, STR_ARG(px->phone->id));
        px_fail(px, "phone_rspauth_wrong");
        return false;
    }
    phone_login_end(px->phone, px->request.account, px->turn, LOGIN_ACCEPTED,
                    worker_epoch_ms(px->worker));
    px_tell_candidate(px);
    px->trial = false;
    login->inherited = false;
    if (px->spare_refused) phone_spare_refused(px->phone, px->request.account);
    return true;
}

void px_give_head(struct phone_exchange *px, const struct response_view *res) {
    px->state = PX_ANSWER;
    if (px->owner != NULL) px->events->head(px->owner, res);
}

/* Refusals to everybody, of a phone that may ask for a login again when it is over: nothing is said
 * about how it is protected. NULL: another answer. */
static const char *refusal_of(unsigned status) {
    if (status == 403 || status == 423 || status == 429) return "phone_locked";
    if (status == 503) return "phone_busy";
    return status >= 500 ? "phone_error" : NULL;
}

/* An answer to a request without credentials that was no 401: the phone is open. */
static void on_open_phone(struct phone_exchange *px, const struct response_view *res) {
    const char *refusal = refusal_of(res->status);
    if (!phone_may_be_open(px->phone) && refusal != NULL) {
        px_fail(px, refusal);
        return;
    }
    if (!phone_may_be_open(px->phone)) {
        log_event(LOG_ERROR, "phone.not_hardened", "phone=" STR_FMT " status=%u",
                  STR_ARG(px->phone->id), res->status);
        px_fail(px, "phone_not_hardened");
        return;
    }
    px_memory(px)->open = true;
    if (px->attempt == ATTEMPT_NAKED)
        px_give_head(px, res);
    else
        px->state = PX_DISCARD;
}

void px_on_head(void *user, const struct response_view *res) {
    struct phone_exchange *px = user;
    px->times.first_byte_ms = (int64_t)(worker_now(px->worker) - px->sent_ms);
    px->discarded = 0;
    if (px->owner != NULL) px_set_deadline(px, px->timeouts.stall_ms);
    if (res->status == 407) { /* no proxy: whatever it means, it is nothing for a browser */
        px_fail(px, "phone_proxy_challenge");
        return;
    }
    if (px->form != NULL) {
        px_form_on_head(px, res);
        return;
    }
    if (res->status == 401) {
        on_challenge(px, res);
        return;
    }
    if (px_is_naked(px->attempt)) {
        on_open_phone(px, res);
        return;
    }
    if (!login_accepted(px, res)) return;
    if (px->attempt == ATTEMPT_PROBE) {
        px->nonce_shown = true;
        px->state = PX_DISCARD;
    } else {
        px_give_head(px, res);
    }
}

void px_on_body(void *user, struct str data) {
    struct phone_exchange *px = user;
    /* For nobody, all of it has PHONE_ORPHAN_MS, however busily it drips; of what is only read away
     * the owner sees nothing, so all of that has the time of one wait. */
    if (px->owner != NULL && px->state != PX_DISCARD) px_set_deadline(px, px->timeouts.stall_ms);
    if (px->state == PX_ANSWER && px->owner != NULL) {
        px->events->body(px->owner, data);
        return;
    }
    if (px->state == PX_LOGIN_PAGE || px->state == PX_HOLD) {
        px_form_on_body(px, data);
        return;
    }
    px->discarded += data.len;
    if (px->discarded > PHONE_DISCARD_BYTES) px_fail(px, "phone_page_too_large");
}

void px_next_attempt(struct phone_exchange *px) {
    struct phone_conn *old = px->conn;
    if (old->reusable) {
        px_attempt(px);
        return;
    }
    struct phone_login_memory login = *px_memory(px);
    old->logins[px->request.account].known = false; /* it goes with us, not into the spare place */
    px_release_conn(px, false);
    px_connect(px, true);
    if (px->state == PX_CONNECTING) *px_memory(px) = login;
}

void px_on_done(void *user) {
    struct phone_exchange *px = user;
    if ((px->state == PX_LOGIN_PAGE || px->state == PX_HOLD) && !px_form_on_done(px)) return;
    if (px->state == PX_DISCARD && px->owner != NULL) {
        px_next_attempt(px);
        return;
    }
    void *owner = px->owner;
    const struct phone_events *events = px->events;
    px->owner = NULL;
    px_finish(px, px->stream_left == 0);
    if (owner != NULL) events->done(owner);
}

void px_on_batch(void *user) {
    struct phone_exchange *px = user;
    if (px->state == PX_ANSWER && px->owner != NULL) px->events->batch(px->owner);
}

void px_on_writable(void *user) {
    struct phone_exchange *px = user;
    if (px->stream_left > 0 && px->owner != NULL) px->events->sendable(px->owner);
}
