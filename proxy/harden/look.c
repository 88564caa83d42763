#include "proxy/harden/look.h"

#include <string.h>

#include "policy/harden/challenge.h"

/* Way: CONNECTING -> ASKED -> ANSWER -> (COOLING ->) OVER. */
enum look_state { LOOK_CONNECTING, LOOK_ASKED, LOOK_ANSWER, LOOK_COOLING, LOOK_OVER };

struct look {
    struct grave grave;
    struct timed timed;
    struct worker *worker;
    struct phone *phone;     /* one reference */
    struct phone_conn *conn; /* NULL: gone */
    struct look_request request;
    struct look_answer answer;
    look_done *done;
    void *user;
    enum look_state state;
    bool stood; /* the connection, TLS included */
    size_t discarded;
};

static void bury(struct grave *grave) {
    struct look *l = container_of(grave, struct look, grave);
    l->worker->live--;
    free(l);
}

static void set_deadline(struct look *l, uint64_t after_ms) {
    l->timed.deadline_ms = worker_now(l->worker) + after_ms;
}

static void finish(struct look *l) {
    l->state = LOOK_OVER;
    timed_stop(&l->timed);
    phone_release(l->phone);
    worker_bury(l->worker, &l->grave);
    if (l->done != NULL) l->done(l->user, &l->answer);
}

/* A phone that still talks must notice that we hung up before it gets the next request. */
static void hang_up(struct look *l) {
    bool talks = l->state == LOOK_ASKED || l->state == LOOK_ANSWER;
    if (l->conn != NULL) phone_conn_drop(l->conn);
    l->conn = NULL;
    if (!talks) {
        finish(l);
        return;
    }
    l->state = LOOK_COOLING;
    set_deadline(l, PHONE_COOL_OFF_MS);
}

static void on_expired(struct timed *timed) {
    struct look *l = container_of(timed, struct look, timed);
    if (l->state == LOOK_COOLING) {
        finish(l);
        return;
    }
    if (l->state == LOOK_CONNECTING) l->answer.reason = "phone_connect_timeout";
    if (l->state == LOOK_ASKED) l->answer.reason = "phone_first_byte_timeout";
    hang_up(l); /* with an answer under way its head was what mattered */
}

/* ---- news ---- */

static void note_tls(struct look *l) {
    SSL *ssl = l->conn->stream.ssl;
    if (ssl == NULL) return;
    l->answer.has_pin = phone_tls_seen_pin(ssl, l->answer.pin);
    if (l->answer.has_pin) l->answer.tls_version = SSL_version(ssl);
    /* Hung up before a single octet: nobody there speaks TLS. */
    l->answer.accepted = BIO_number_read(SSL_get_rbio(ssl)) > 0;
}

static void ask(struct look *l) {
    char head[1024];
    struct outbuf out;
    outbuf_init(&out, head, sizeof(head));
    outbuf_put(&out, STR("GET / HTTP/1.1\r\nHost: "));
    outbuf_put(&out, l->phone->authority);
    /* Always: some phones hang up without a word where it is missing, which would look like a port
     * that serves nothing. */
    outbuf_put(&out, STR("\r\nConnection: keep-alive\r\n\r\n"));
    l->state = LOOK_ASKED;
    set_deadline(l, l->request.timeouts.first_byte_ms);
    phone_conn_send(l->conn, outbuf_str(&out), STR_NONE, false);
}

static void on_ready(void *user) {
    struct look *l = user;
    l->answer.accepted = true;
    l->stood = true;
    note_tls(l);
    if (l->request.ask)
        ask(l);
    else
        hang_up(l);
}

static void on_head(void *user, const struct response_view *res) {
    struct look *l = user;
    l->state = LOOK_ANSWER;
    set_deadline(l, LOOK_ANSWER_MS);
    l->answer.status = res->status;
    if (res->status == 401)
        l->answer.challenge = harden_challenge_of(res->headers, res->header_count);
    for (size_t i = 0; i < res->header_count; i++) {
        if (str_equal_icase(res->headers[i].name, STR("Location")) &&
            str_starts_with_icase(res->headers[i].value, STR("https://")))
            l->answer.to_https = true;
    }
}

static void on_body(void *user, struct str data) {
    struct look *l = user;
    l->discarded += data.len;
    if (l->discarded > PHONE_DISCARD_BYTES) hang_up(l);
}

static void on_done(void *user) {
    struct look *l = user;
    if (l->request.keep)
        phone_conn_give(l->conn);
    else
        phone_conn_drop(l->conn);
    l->conn = NULL;
    finish(l);
}

static void on_failed(void *user, const char *reason) {
    struct look *l = user;
    /* Its memory, and the TLS object, live until the handle is closed. */
    note_tls(l);
    if (l->conn->stream.ssl == NULL || l->stood) l->answer.accepted = l->stood;
    l->conn = NULL;
    if (l->answer.status == 0) l->answer.reason = reason;
    finish(l);
}

static void on_nothing(void *user) {
    (void)user;
}

static const struct phone_conn_ops ops = {
    .ready = on_ready,
    .head = on_head,
    .body = on_body,
    .done = on_done,
    .failed = on_failed,
    .batch = on_nothing,
    .writable = on_nothing,
};

struct look *look_start(struct worker *w, struct phone *phone, const struct look_request *request,
                        look_done *done, void *user) {
    struct look *l = calloc(1, sizeof(*l));
    ENSURE(l != NULL);
    l->grave.bury = bury;
    l->worker = w;
    l->phone = phone_hold(phone);
    l->request = *request;
    l->done = done;
    l->user = user;
    w->live++;
    timed_start(w, &l->timed, on_expired);
    set_deadline(l, request->timeouts.connect_ms);
    l->conn = phone_conn_open(w, phone, &ops, l);
    return l;
}

void look_cancel(struct look *l) {
    l->done = NULL;
    if (l->state == LOOK_OVER || l->state == LOOK_COOLING) return;
    if (l->conn != NULL) phone_conn_drop(l->conn);
    l->conn = NULL;
    finish(l);
}
