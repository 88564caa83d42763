#include "proxy/harden/fetch.h"

#include <string.h>

#include "policy/access/urlpath.h"
#include "policy/base/bytes.h"

/* Octets kept of Location, Content-Type and Server together. */
enum { FIELDS_MAX = 4096, FIRST_ROOM = 4096 };

struct fetch {
    struct timed timed;     /* from the answer's head on */
    struct message message; /* brings a failure that came before fetch_start returned */
    struct grave grave;
    struct worker *worker;
    struct phone_exchange *exchange; /* NULL: over */
    fetch_done *done;
    void *user;
    size_t answer_max;
    struct fetch_answer answer;
    char *body; /* owned */
    size_t room;
    struct outbuf fields;
    bool starting, posted, over;
    char fields_text[FIELDS_MAX];
};

/* ---- the end ---- */

static void bury(struct grave *grave) {
    struct fetch *f = container_of(grave, struct fetch, grave);
    f->worker->live--;
    bytes_wipe(f->fields_text, sizeof(f->fields_text));
    free(f);
}

static void wipe_body(struct fetch *f) {
    if (f->body != NULL) bytes_wipe(f->body, f->room);
    free(f->body);
    f->body = NULL;
}

static void finish(struct fetch *f) {
    f->over = true;
    f->exchange = NULL;
    f->answer.body.ptr = f->body;
    if (f->answer.reason != NULL) f->answer.body = STR_NONE;
    fetch_done *done = f->done;
    if (done != NULL) done(f->user, &f->answer);
    wipe_body(f);
    timed_stop(&f->timed);
    worker_bury(f->worker, &f->grave);
}

static void deliver(struct message *message) {
    struct fetch *f = container_of(message, struct fetch, message);
    f->posted = false;
    finish(f);
}

static void end(struct fetch *f) {
    f->exchange = NULL;
    if (!f->starting) {
        finish(f);
        return;
    }
    f->posted = true;
    f->message.deliver = deliver;
    mailbox_post(&f->worker->mailbox, &f->message);
}

/* ---- news ---- */

static struct str keep_field(struct fetch *f, struct str value) {
    size_t from = f->fields.len;
    if (value.len > f->fields.cap - from) return STR_NONE;
    outbuf_put(&f->fields, value);
    return (struct str){f->fields.ptr + from, value.len};
}

static void on_head(void *owner, const struct response_view *res) {
    struct fetch *f = owner;
    f->answer.status = res->status;
    f->timed.deadline_ms = worker_now(f->worker) + FETCH_ANSWER_MS;
    for (size_t i = 0; i < res->header_count; i++) {
        const struct header *h = &res->headers[i];
        if (str_equal_icase(h->name, STR("Location")))
            f->answer.location = keep_field(f, h->value);
        else if (str_equal_icase(h->name, STR("Content-Type")))
            f->answer.content_type = keep_field(f, h->value);
        else if (str_equal_icase(h->name, STR("Server")))
            f->answer.server = keep_field(f, h->value);
    }
}

/* Not realloc: what was outgrown may hold secrets and is wiped. */
static void grow(struct fetch *f, size_t needed) {
    size_t room = f->room > 0 ? f->room : FIRST_ROOM;
    while (room < needed) room *= 2;
    char *body = malloc(room);
    ENSURE(body != NULL);
    if (f->body != NULL) memcpy(body, f->body, f->answer.body.len);
    wipe_body(f);
    f->body = body;
    f->room = room;
}

/* The rest is read away for nobody, within bounds, so that the phone stays usable. */
static void give_up(struct fetch *f, const char *reason) {
    f->answer.reason = reason;
    phone_exchange_detach(f->exchange);
    end(f);
}

/* Each octet in time, but no end: what the exchange's own time-outs do not see. */
static void on_expired(struct timed *timed) {
    struct fetch *f = container_of(timed, struct fetch, timed);
    if (f->exchange != NULL) give_up(f, "phone_stalled");
}

static void on_body(void *owner, struct str data) {
    struct fetch *f = owner;
    size_t len = f->answer.body.len;
    if (data.len > f->answer_max - len) {
        give_up(f, "answer_too_long");
        return;
    }
    if (len + data.len > f->room) grow(f, len + data.len);
    memcpy(f->body + len, data.ptr, data.len);
    f->answer.body.len += data.len;
}

static void on_batch(void *owner) {
    (void)owner;
}

static void on_sendable(void *owner) {
    (void)owner;
}

static void on_done(void *owner) {
    end(owner);
}

static void on_failed(void *owner, unsigned status, const char *reason) {
    struct fetch *f = owner;
    (void)status;
    f->answer.answered_nothing = f->answer.status == 0 && (strcmp(reason, "phone_closed") == 0 ||
                                                           strcmp(reason, "phone_reset") == 0);
    f->answer.reason = reason;
    end(f);
}

static const struct phone_events events = {
    .head = on_head,
    .body = on_body,
    .batch = on_batch,
    .sendable = on_sendable,
    .done = on_done,
    .failed = on_failed,
};

/* ---- the beginning ---- */

static bool keeps_alive(const struct profile *profile, struct str path) {
    if (profile == NULL || !profile->keep_alive_header) return false;
    for (size_t i = 0; i < profile->no_keep_alive_count; i++) {
        if (urlpath_matches(profile->no_keep_alive_header[i], path,
                            profile->case_insensitive_paths))
            return false;
    }
    return true;
}

static struct phone_request request_of(const struct fetch_request *r) {
    bool reads = str_equal(r->method, STR("GET")) || str_equal(r->method, STR("HEAD"));
    size_t mark = str_find(r->target, '?', 0);
    struct phone_request request = {
        .method = r->method,
        .head_request = str_equal(r->method, STR("HEAD")),
        .plain = reads && mark == r->target.len && r->body.len == 0,
        .changes = r->changes,
        .background = r->background,
        .keep_alive = keeps_alive(r->profile, str_part(r->target, 0, mark)),
        .target = r->target,
        .fields = r->fields,
        .body_len = r->body.len,
        .has_length = !reads || r->body.len > 0,
        .account = r->account,
        .person = FETCH_PERSON,
    };
    if (r->body.len == 0) return request;
    request.body = malloc(r->body.len);
    ENSURE(request.body != NULL);
    memcpy(request.body, r->body.ptr, r->body.len);
    return request;
}

struct fetch *fetch_start(struct worker *w, struct phone *phone,
                          const struct fetch_request *request,
                          const struct phone_timeouts *timeouts, fetch_done *done, void *user) {
    struct fetch *f = calloc(1, sizeof(*f));
    ENSURE(f != NULL);
    f->grave.bury = bury;
    f->worker = w;
    f->done = done;
    f->user = user;
    f->answer_max = request->answer_max;
    outbuf_init(&f->fields, f->fields_text, sizeof(f->fields_text));
    timed_start(w, &f->timed, on_expired);
    w->live++;
    f->starting = true;
    struct phone_request sent = request_of(request);
    f->exchange = phone_exchange_new(w, phone, &sent, timeouts, &events, f);
    if (f->exchange != NULL)
        phone_exchange_start(f->exchange);
    else
        on_failed(f, 0, "phone_request_too_large");
    f->starting = false;
    return f;
}

void fetch_cancel(struct fetch *f) {
    f->done = NULL;
    if (f->over || f->posted) return; /* it ends by itself */
    if (f->exchange != NULL) phone_exchange_detach(f->exchange);
    finish(f);
}

struct phone_timeouts fetch_timeouts(const struct config_limits *limits) {
    return (struct phone_timeouts){limits->phone_connect_ms, limits->phone_first_byte_ms,
                                   limits->phone_stall_ms, limits->queue_ms};
}
