#include "proxy/phone/phone_exchange_form.h"

#include <stdlib.h>
#include <string.h>

#include "policy/base/bytes.h"
#include "proxy/base/log.h"

#define PAGE_FIRST 4096

/* ---- what is kept ---- */

void px_form_init(struct phone_exchange *px) {
    if (px->phone->login != PHONE_LOGIN_FORM) return;
    px->form = calloc(1, sizeof(*px->form));
    ENSURE(px->form != NULL);
}

/* What is held of a page may hold a token: wiped like everything else here. */
static void drop_page(struct phone_exchange *px) {
    struct px_form *f = px->form;
    if (f->page != NULL) bytes_wipe(f->page, f->page_cap);
    free(f->page);
    f->page = NULL;
    f->page_len = f->page_cap = 0;
    io_give(&px->worker->io, f->head);
    f->head = NULL;
}

void px_form_free(struct phone_exchange *px) {
    if (px->form == NULL) return;
    drop_page(px);
    bytes_wipe(px->form, sizeof(*px->form));
    free(px->form);
    px->form = NULL;
}

/* False beyond `max`: nothing is added then. */
static bool keep_page(struct px_form *f, struct str data, size_t max) {
    if (data.len > max - f->page_len) return false;
    if (f->page_len + data.len > f->page_cap) {
        size_t cap = f->page_cap == 0 ? PAGE_FIRST : f->page_cap;
        while (cap < f->page_len + data.len) cap *= 2;
        char *bigger = malloc(cap);
        ENSURE(bigger != NULL);
        if (f->page_len > 0) memcpy(bigger, f->page, f->page_len);
        if (f->page != NULL) bytes_wipe(f->page, f->page_cap);
        free(f->page);
        f->page = bigger;
        f->page_cap = cap;
    }
    if (data.len > 0) memcpy(f->page + f->page_len, data.ptr, data.len);
    f->page_len += data.len;
    return true;
}

static struct str page_text(const struct px_form *f) {
    return (struct str){f->page, f->page_len};
}

/* The head as it was, in memory of our own. */
static void keep_head(struct phone_exchange *px, const struct response_view *res) {
    struct px_form *f = px->form;
    struct outbuf out;
    f->head = io_take(&px->worker->io);
    outbuf_init(&out, f->head->data, sizeof(f->head->data));
    for (size_t i = 0; i < res->header_count; i++) {
        struct str name = res->headers[i].name, value = res->headers[i].value;
        f->headers[i].name = (struct str){out.ptr + out.len, name.len};
        outbuf_put(&out, name);
        f->headers[i].value = (struct str){out.ptr + out.len, value.len};
        outbuf_put(&out, value);
    }
    ENSURE(!out.full); /* a whole head is no longer than this */
    f->view = *res;
    f->view.headers = f->headers;
}
_Static_assert(PHONE_HEAD_BYTES <= IO_BUF_SIZE, "a head fits one buffer");

/* ---- small questions ---- */

uint64_t px_form_deadline(const struct phone_exchange *px, uint64_t deadline_ms) {
    const struct px_form *f = px->form;
    if (f == NULL || f->deadline_ms == 0 || f->deadline_ms > deadline_ms) return deadline_ms;
    return f->deadline_ms;
}

enum login_outcome px_form_outcome(const struct phone_exchange *px) {
    const struct px_form *f = px->form;
    if (f == NULL || !f->password_sent || px->worker->stopping) return LOGIN_NO_ANSWER;
    return phone_session_unanswered(px->phone, px->request.account, PHONE_FORM_UNANSWERED_MAX)
               ? LOGIN_REJECTED
               : LOGIN_NO_ANSWER;
}

static const struct phone_form_step *current_step(const struct phone_exchange *px) {
    return &px->phone->form->steps[px->form->step];
}

bool px_form_step_is_harmless(const struct phone_exchange *px) {
    if (px->form == NULL || px->form->stage != FORM_STEPS) return false;
    return px->attempt == ATTEMPT_STEP && !current_step(px)->sends_password;
}

struct str px_form_probe(const struct phone_exchange *px) {
    return px->form != NULL ? px->phone->form->probe : STR("/");
}

static const struct phone_form_jar *jar_of(const struct px_form *f) {
    return f->stage == FORM_USE ? &f->session.jar : &f->run.jar;
}

void px_form_put_cookies(const struct phone_exchange *px, struct outbuf *out) {
    const struct phone_form_jar *jar = jar_of(px->form);
    if (jar->count == 0) return;
    outbuf_put(out, STR("Cookie: "));
    outbuf_put(out, phone_form_jar_text(jar));
    outbuf_put(out, STR("\r\n"));
}

static struct phone_form_account account_of(struct phone_exchange *px) {
    const struct phone_account *account = &px->phone->accounts[px->request.account];
    return (struct phone_form_account){px->worker->hasher, account->user,
                                       phone_password(px->phone, px->request.account, &px->turn)};
}

/* ---- sending ---- */

static void put_origin(const struct phone_exchange *px, struct outbuf *out) {
    outbuf_put(out, px->phone->tls != NULL ? STR("https://") : STR("http://"));
    outbuf_put(out, px->phone->authority);
}

/* As a browser would on the phone's own page: some phones refuse a form without (Grandstream). */
static void write_step(const struct phone_exchange *px, const struct phone_form_step *step,
                       struct str body, struct outbuf *out) {
    outbuf_put(out, step->post ? STR("POST ") : STR("GET "));
    outbuf_put(out, step->path);
    outbuf_put(out, STR(" HTTP/1.1\r\nHost: "));
    outbuf_put(out, px->phone->authority);
    outbuf_put(out, STR("\r\nConnection: keep-alive\r\nAccept: */*\r\n"));
    px_form_put_cookies(px, out);
    if (step->post) {
        outbuf_put(out, STR("Origin: "));
        put_origin(px, out);
        outbuf_put(out, STR("\r\nReferer: "));
        put_origin(px, out);
        outbuf_put(out, STR("/\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                            "Content-Length: "));
        outbuf_u64(out, body.len);
        outbuf_put(out, STR("\r\n"));
    }
    outbuf_put(out, STR("\r\n"));
    outbuf_put(out, body);
}

static void send_step(struct phone_exchange *px) {
    struct px_form *f = px->form;
    const struct phone_form_step *step = current_step(px);
    /* On a connection that was idle a password could be lost in the phone's close. */
    if (f->step == 0 && step->sends_password && px->conn->used) {
        px_release_conn(px, false);
        px_connect(px, true);
        return;
    }
    struct phone_form_account account = account_of(px);
    struct io_buf *buf = io_take(&px->worker->io);
    char text[PHONE_FORM_BODY_BYTES];
    struct outbuf body, out;
    outbuf_init(&body, text, sizeof(text));
    outbuf_init(&out, buf->data, sizeof(buf->data));
    px->attempt = ATTEMPT_STEP;
    bool good = phone_form_body(step, &account, &f->run, &body);
    write_step(px, step, outbuf_str(&body), &out);
    if (good && !out.full) {
        f->password_sent = f->password_sent || step->sends_password;
        px->state = PX_SENT;
        px->sent_ms = worker_now(px->worker);
        px_set_deadline(px, px->timeouts.first_byte_ms);
        phone_conn_send(px->conn, outbuf_str(&out), STR_NONE, false);
    }
    bytes_wipe(text, sizeof(text));
    bytes_wipe(buf->data, out.len);
    io_give(&px->worker->io, buf);
    if (!good || out.full) px_fail(px, "phone_credentials_unusable");
}

static void begin_login(struct phone_exchange *px) {
    struct px_form *f = px->form;
    px_begin_trial(px);
    f->stage = FORM_STEPS;
    f->step = 0;
    f->deadline_ms = worker_now(px->worker) + PHONE_FORM_LOGIN_MS;
    bytes_wipe(&f->run, sizeof(f->run));
    send_step(px);
}

/* What changes nothing goes at once, and once more if need be. Anything else goes only while the
 * session is known to live. */
static void send_with_session(struct phone_exchange *px) {
    const struct px_form *f = px->form;
    bool fresh = worker_epoch_ms(px->worker) - f->session.seen_ms < PHONE_SESSION_FRESH_MS;
    bool sure = px->request.plain || fresh || px->nonce_shown;
    px_send_attempt(px, sure ? ATTEMPT_REAL : ATTEMPT_PROBE);
}

static void find_session(struct phone_exchange *px) {
    struct px_form *f = px->form;
    switch (phone_session_begin(px->phone, px->request.account, &px->waiter,
                                worker_epoch_ms(px->worker), &f->session)) {
    case LOGIN_STOPPED:
        px_fail(px, "phone_credentials_rejected");
        return;
    case LOGIN_WAIT:
        px->state = PX_WAIT_LOGIN;
        px_set_deadline(px, px->timeouts.queue_ms);
        return;
    case LOGIN_TRIAL:
        begin_login(px);
        return;
    case LOGIN_GO:
        f->stage = FORM_USE;
        send_with_session(px);
        return;
    }
}

void px_form_attempt(struct phone_exchange *px) {
    switch (px->form->stage) {
    case FORM_NONE:
        find_session(px);
        return;
    case FORM_STEPS:
        send_step(px);
        return;
    case FORM_PROVE: /* not by the request itself: there are pages that want no login */
        px_send_attempt(px, ATTEMPT_PROBE);
        return;
    case FORM_USE:
        send_with_session(px);
        return;
    }
}

/* ---- the answers to the steps ---- */

/* A password that was sent and not clearly taken counts as rejected, whatever the phone meant: the
 * next attempt could be the one that locks it. Before that, the phone is only strange. */
static void step_failed(struct phone_exchange *px, const char *why) {
    if (px->form->password_sent) {
        px_rejected(px, why);
        return;
    }
    log_event(LOG_ERROR, "phone.login_not_understood", "phone=" STR_FMT " why=%s",
              STR_ARG(px->phone->id), why);
    px_fail(px, "phone_login_not_understood");
}

static void on_step_head(struct phone_exchange *px, const struct response_view *res) {
    struct px_form *f = px->form;
    enum phone_form_verdict verdict = phone_form_head(
        px->phone->form, current_step(px), res->status, res->headers, res->header_count, &f->run);
    if (verdict == PHONE_FORM_OK)
        px->state = PX_LOGIN_PAGE;
    else
        step_failed(px, phone_form_verdict_str(verdict));
}

static void on_step_done(struct phone_exchange *px) {
    struct px_form *f = px->form;
    struct phone_form_account account = account_of(px);
    enum phone_form_verdict verdict =
        phone_form_page(px->phone->form, current_step(px), &account, page_text(f), &f->run);
    drop_page(px);
    if (verdict != PHONE_FORM_OK) {
        step_failed(px, phone_form_verdict_str(verdict));
        return;
    }
    f->step++;
    if (f->step == px->phone->form->step_count) f->stage = FORM_PROVE;
    px_next_attempt(px);
}

/* ---- the answers to requests ---- */

/* Nobody is logged in, says the phone. True: this exchange asks again once the answer is read. */
static bool on_logged_out(struct phone_exchange *px) {
    struct px_form *f = px->form;
    if (f->stage == FORM_PROVE) {
        px_rejected(px, "login_form");
        return false;
    }
    phone_session_lost(px->phone, px->request.account, f->session.id);
    bytes_wipe(&f->session, sizeof(f->session));
    f->stage = FORM_NONE;
    px->nonce_shown = false;
    if (px->attempt == ATTEMPT_REAL && !px->request.plain) {
        px_fail(px, "phone_session_lost");
        return false;
    }
    if (px->retried) {
        px_fail(px, "phone_login_form");
        return false;
    }
    px->retried = true;
    return true;
}

/* The session lives. */
static void on_known(struct phone_exchange *px, const struct response_view *res) {
    struct px_form *f = px->form;
    uint64_t now = worker_epoch_ms(px->worker);
    if (f->stage == FORM_PROVE) {
        (void)phone_form_cookies(px->phone->form, res->headers, res->header_count, &f->run.jar);
        f->session.jar = f->run.jar;
        phone_session_put(px->phone, px->request.account, px->turn, &f->session, now);
        px_tell_candidate(px);
        bytes_wipe(&f->run, sizeof(f->run));
        f->stage = FORM_USE;
        f->deadline_ms = 0;
        f->password_sent = false;
        px->trial = false;
    } else {
        phone_session_seen(px->phone, px->request.account, f->session.id, res->headers,
                           res->header_count, now);
        f->session.seen_ms = now;
    }
    if (px->attempt == ATTEMPT_PROBE) {
        px->nonce_shown = true;
        px->state = PX_DISCARD;
    } else {
        px_give_head(px, res);
    }
}

void px_form_on_head(struct phone_exchange *px, const struct response_view *res) {
    const struct phone_form *form = px->phone->form;
    if (px->attempt == ATTEMPT_STEP) {
        on_step_head(px, res);
        return;
    }
    if (phone_form_head_is_out(form, res->status, res->headers, res->header_count)) {
        if (on_logged_out(px)) px->state = PX_DISCARD;
        return;
    }
    if (!phone_form_reads_text(form, res->headers, res->header_count)) {
        on_known(px, res);
        return;
    }
    keep_head(px, res);
    px->state = PX_HOLD;
}

/* The held beginning is no login page: on with it. */
static void release_held(struct phone_exchange *px) {
    struct px_form *f = px->form;
    struct str text = page_text(f);
    char *page = f->page; /* ours, whatever the owner does meanwhile */
    size_t cap = f->page_cap;
    f->page = NULL;
    f->page_len = f->page_cap = 0;
    on_known(px, &f->view);
    if (px->state == PX_ANSWER && px->owner != NULL && text.len > 0)
        px->events->body(px->owner, text);
    if (page != NULL) bytes_wipe(page, cap);
    free(page);
    if (px->form != NULL) drop_page(px);
}

static void hold_more(struct phone_exchange *px, struct str data) {
    struct px_form *f = px->form;
    size_t room = PHONE_FORM_LOOK_BYTES - f->page_len;
    struct str first = str_part(data, 0, room);
    struct str rest = str_part(data, first.len, data.len);
    if (!keep_page(f, first, PHONE_FORM_LOOK_BYTES) || f->page_len < PHONE_FORM_LOOK_BYTES) return;
    if (phone_form_text_is_out(px->phone->form, page_text(f))) {
        drop_page(px);
        if (on_logged_out(px)) px->state = PX_DISCARD;
        return;
    }
    release_held(px);
    if (rest.len > 0 && px->state == PX_ANSWER && px->owner != NULL)
        px->events->body(px->owner, rest);
}

void px_form_on_body(struct phone_exchange *px, struct str data) {
    if (px->state == PX_HOLD)
        hold_more(px, data);
    else if (!keep_page(px->form, data, PHONE_FORM_PAGE_BYTES))
        step_failed(px, "page_too_large");
}

bool px_form_on_done(struct phone_exchange *px) {
    if (px->state == PX_LOGIN_PAGE) {
        on_step_done(px);
        return false;
    }
    if (!phone_form_text_is_out(px->phone->form, page_text(px->form))) {
        release_held(px);
        return px->state == PX_ANSWER || px->state == PX_DISCARD;
    }
    drop_page(px);
    if (!on_logged_out(px)) return false;
    px->state = PX_DISCARD;
    return true;
}
