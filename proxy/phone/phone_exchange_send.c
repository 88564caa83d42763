#include <string.h>

#include "policy/base/bytes.h"
#include "proxy/http/http_write.h"
#include "proxy/phone/phone_exchange_form.h"
#include "proxy/phone/phone_exchange_parts.h"

static bool is_probe(enum px_attempt a) {
    return a == ATTEMPT_PROBE || a == ATTEMPT_NAKED_PROBE;
}

bool px_is_naked(enum px_attempt a) {
    return a == ATTEMPT_NAKED || a == ATTEMPT_NAKED_PROBE;
}

static bool write_authorization(struct phone_exchange *px, struct str method, struct str target,
                                struct outbuf *out) {
    struct phone_login_memory *login = px_memory(px);
    if (px->form != NULL) {
        px_form_put_cookies(px, out);
        return true;
    }
    if (px_is_naked(px->attempt) || login->open) return true;
    /* Basic in clear text (B01): the configuration refuses it, and so do we. */
    if (login->challenge.scheme == PHONE_LOGIN_BASIC && px->phone->tls == NULL) return false;
    const struct phone_account *account = &px->phone->accounts[px->request.account];
    struct str password = phone_password(px->phone, px->request.account, &px->turn);
    /* What was summed up of the one before would be sent, and count against this one. */
    if (login->turn != px->turn) login->challenge.has_ha1 = false;
    login->turn = px->turn;
    uint8_t random[16];
    worker_random(px->worker, random, sizeof(random));
    return phone_auth_answer(&login->challenge, px->worker->hasher, account->user, password, method,
                             target, random, out);
}

/* NULL, or why it cannot be sent. */
static const char *write_head(struct phone_exchange *px, struct outbuf *out) {
    bool probe = is_probe(px->attempt);
    struct str method = probe ? STR("GET") : px->request.method;
    struct str target = probe ? px_form_probe(px) : px->request.target;
    if (!http_write_request(out, method, target, px->phone->authority,
                            px->request.keep_alive || probe))
        return "phone_request_unsafe";
    if (!write_authorization(px, method, target, out))
        return out->full ? "phone_request_too_large" : "phone_credentials_unusable";
    if (!probe) {
        outbuf_put(out, px->request.fields);
        if (px->request.has_length)
            http_write_length(out, px->request.stream_len > 0 ? px->request.stream_len
                                                              : px->request.body_len);
    }
    http_write_end(out);
    return out->full ? "phone_request_too_large" : NULL;
}

void px_send_attempt(struct phone_exchange *px, enum px_attempt what) {
    struct io_buf *buf = io_take(&px->worker->io);
    struct outbuf out;
    outbuf_init(&out, buf->data, sizeof(buf->data));
    px->attempt = what;
    const char *refusal = write_head(px, &out);
    if (refusal != NULL) {
        io_give(&px->worker->io, buf);
        px_fail(px, refusal);
        return;
    }
    bool probe = is_probe(what);
    struct str body = probe ? STR_NONE : (struct str){px->request.body, px->request.body_len};
    px->state = PX_SENT;
    px->sent_ms = worker_now(px->worker);
    px_set_deadline(px, px->timeouts.first_byte_ms);
    /* One record, one segment, at least for where the body begins: some phones wait for ever when
     * it comes apart from the head (Aastra 6739i). */
    size_t secret_len = out.len; /* the login stands in the head, behind a target of any length */
    struct str begin = str_part(body, 0, sizeof(buf->data) - out.len);
    outbuf_put(&out, begin);
    body = str_part(body, begin.len, body.len);
    struct str head = outbuf_str(&out);
    px->password_sent = px->form == NULL && !px_is_naked(what) && !px_memory(px)->open;
    phone_conn_send(px->conn, head, body, !probe && px->request.head_request);
    bytes_wipe(buf->data, px->form != NULL ? out.len : secret_len);
    io_give(&px->worker->io, buf);
    if (px->state == PX_SENT && what == ATTEMPT_REAL && px->stream_left > 0 && px->owner != NULL)
        px->events->sendable(px->owner);
}

/* Credentials are at hand: may they be sent, and is the nonce sure enough for what cannot be sent
 * twice? */
static void attempt_with_login(struct phone_exchange *px) {
    if (px_memory(px)->open) {
        px_send_attempt(px, ATTEMPT_REAL);
        return;
    }
    bool sure = px->request.stream_len == 0 || px->nonce_shown;
    uint64_t now = worker_epoch_ms(px->worker);
    if (px->trial) { /* the retry of our own trial: nobody else to wait for */
        px_send_attempt(px, sure ? ATTEMPT_REAL : ATTEMPT_PROBE);
        return;
    }
    switch (phone_login_begin(px->phone, px->request.account, &px->waiter, now)) {
    case LOGIN_STOPPED:
        px_fail(px, "phone_credentials_rejected");
        return;
    case LOGIN_WAIT:
        px->state = PX_WAIT_LOGIN;
        px_set_deadline(px, px->timeouts.queue_ms);
        return;
    case LOGIN_TRIAL:
        px_begin_trial(px);
        break;
    case LOGIN_GO:
        break;
    }
    px_send_attempt(px, sure ? ATTEMPT_REAL : ATTEMPT_PROBE);
}

void px_attempt(struct phone_exchange *px) {
    struct phone_login_memory *login = px_memory(px);
    if (px->form != NULL) {
        px_form_attempt(px);
        return;
    }
    if (!login->known && !login->open && !px->conn->used &&
        phone_spare_take(px->phone, px->request.account, &login->challenge,
                         worker_epoch_ms(px->worker))) {
        login->known = true;
        login->inherited = true;
    }
    if (login->known || login->open)
        attempt_with_login(px);
    else
        px_send_attempt(px, px->request.plain ? ATTEMPT_NAKED : ATTEMPT_NAKED_PROBE);
}
