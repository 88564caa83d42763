#include "proxy/client/exchange.h"

#include <string.h>

#include "policy/access/urlpath.h"
#include "policy/base/bytes.h"
#include "proxy/client/admission.h"
#include "proxy/client/exchange_parts.h"
#include "proxy/client/respond.h"
#include "proxy/http/http_parse.h"
#include "proxy/record/record.h"

static void forward(struct exchange *x);

static const struct config_limits *limits_of(const struct exchange *x) {
    return &x->site->config->limits;
}

/* ---- beginning ---- */

/* Everything that can be refused before policy is asked. True when the request may go on. */
static bool check_head(struct exchange *x, struct str head) {
    const struct config_limits *l = limits_of(x);
    struct http_limits limits = {l->header_bytes, l->headers, l->target_bytes};
    struct http_refusal refusal;
    struct header *headers =
        arena_alloc(&x->conn->arena, (x->conn->scan.lines + 1) * sizeof(*headers));
    if (headers == NULL) {
        respond_status(x, 431, "head_too_large");
        return false;
    }
    if (!http_strict_request(head, &limits, headers, &x->view, &refusal)) {
        x->close_after = true;
        respond_status(x, refusal.status, refusal.reason);
        return false;
    }
    x->has_view = true;
    x->body_left = x->view.body == BODY_LENGTH ? x->view.content_length : 0;
    x->body_mode = x->view.body == BODY_NONE ? BODY_DONE : BODY_WAIT;
    if (!http_parse_agrees_request(head, &x->view)) {
        x->close_after = true;
        respond_status(x, 400, "parsers_differ");
        return false;
    }
    x->close_after = http_wants_close(&x->view);
    if (x->view.content_length > l->body_bytes) {
        respond_status(x, 413, "body_too_large");
        return false;
    }
    return true;
}

/* Reasons to serve nobody just now. */
static bool check_admission(struct exchange *x) {
    if (x->conn->admission != PEERS_OK) {
        x->close_after = true;
        respond_status(x, 503,
                       x->conn->admission == PEERS_FULL ? "connections_full"
                                                        : "address_connections_full");
        return false;
    }
    if (x->site->config->access_log.required && !access_log_healthy(x->worker->shared->log)) {
        respond_status(x, 503, "access_log_failed");
        return false;
    }
    return true;
}

/* Connections and failures are counted by the same addresses. */
static struct lockout_address lockout_address_of(const struct peer_key *key) {
    struct lockout_address address;
    _Static_assert(sizeof(address) == sizeof(*key), "IPv4, or the /64 of IPv6");
    memcpy(&address, key, sizeof(address));
    return address;
}

struct decide_ctx exchange_decide_ctx(struct exchange *x) {
    return (struct decide_ctx){
        .policy = &x->site->config->policy,
        .nonces = x->worker->shared->nonces,
        .hasher = x->worker->hasher,
        .arena = &x->conn->arena,
        .now_ms = worker_epoch_ms(x->worker),
        .when = worker_when(x->worker),
        .address = x->conn->address,
        .restricted = x->site->restricted,
        .guard = {.lockout = x->worker->shared->lockout,
                  .sessions = x->worker->shared->sessions,
                  .address = lockout_address_of(&x->conn->peer.key)},
    };
}

static void collect(struct exchange *x, uint64_t max) {
    x->body_mode = BODY_COLLECT;
    x->collect_max = (size_t)max;
    respond_continue(x);
}

void exchange_act(struct exchange *x) {
    switch (x->decision.verdict) {
    case DECIDE_FORWARD:
        forward(x);
        return;
    case DECIDE_NEED_BODY:
        collect(x, limits_of(x)->judged_body_bytes);
        return;
    case DECIDE_DENY:
    case DECIDE_CHALLENGE:
    case DECIDE_PORTAL:
    case DECIDE_SIGN_OUT:
    case DECIDE_REDIRECT:
    case DECIDE_OPTIONS:
        respond_decision(x);
        return;
    }
    respond_status(x, 403, "undecided");
}

void exchange_begin(struct conn *c, struct str head, const struct http_refusal *refusal) {
    struct exchange *x = arena_alloc(&c->arena, sizeof(*x));
    ENSURE(x != NULL); /* the arena was just reset */
    *x = (struct exchange){
        .conn = c,
        .worker = c->worker,
        .site = site_hold(c->worker->site),
        .id = atomic_fetch_add(&c->worker->shared->next_id, 1),
        .started_ms = worker_now(c->worker),
        .head_len = head.len,
        .head_request = http_is_head_request(head),
        .times = {-1, -1, -1},
        .outcome = "denied",
        .reason = "undecided",
    };
    x->body_since_ms = x->body_progress_ms = x->started_ms;
    chunked_init(&x->chunked);
    c->x = x;
    if (refusal != NULL) {
        x->close_after = true;
        x->body_mode = BODY_DRAIN;
        respond_status(x, refusal->status, refusal->reason);
        return;
    }
    if (!check_head(x, head) || !check_admission(x)) return;
    struct decide_ctx ctx = exchange_decide_ctx(x);
    x->has_decision = true;
    decide(&ctx, &x->view, &x->decision);
    if (x->decision.user != NULL) admission_prove(c);
    exchange_act(x);
}

/* ---- the phone's news ---- */

static void on_phone_head(void *owner, const struct response_view *res) {
    struct exchange *x = owner;
    if (exchange_asset_head(x, res)) return;
    respond_phone_head(x, res);
    if (x->answer == ANSWER_HEAD) return;
    /* A head that does not fit after rewriting: nothing was written yet. */
    phone_exchange_detach(x->px);
    x->px = NULL;
    respond_status(x, 502, "phone_head_too_large");
    conn_advance(x->conn);
}

static void on_phone_body(void *owner, struct str data) {
    struct exchange *x = owner;
    exchange_asset_body(x, data);
    respond_phone_body(x, data);
    if (stream_is_full(&x->conn->stream)) phone_exchange_pause(x->px);
}

/* A short page is one buffer and one record; while it is not complete, a phone that breaks off can
 * still become a page of ours instead of half of its own. */
static void on_phone_batch(void *owner) {
    struct exchange *x = owner;
    if (x->in_one) return;
    respond_flush(x);
    struct conn *c = x->conn;
    stream_flush_soon(&c->stream);
    if (c->x == x && x->px != NULL && stream_is_full(&c->stream)) phone_exchange_pause(x->px);
}

static void on_phone_sendable(void *owner) {
    struct exchange *x = owner;
    if (x->body_mode == BODY_WAIT) {
        x->body_mode = BODY_STREAM;
        respond_continue(x);
    }
    struct conn *c = x->conn;
    if (x->body_mode == BODY_STREAM) conn_advance(c);
    if (c->x == x) exchange_flush_body(x);
}

void exchange_note_phone(struct exchange *x) {
    x->times = phone_exchange_times(x->px);
    x->px = NULL;
}

static void on_phone_done(void *owner) {
    struct exchange *x = owner;
    exchange_note_phone(x);
    if (!exchange_asset_done(x)) respond_phone_done(x);
    if (x->body_mode != BODY_DONE) x->body_mode = BODY_DRAIN;
    conn_advance(x->conn);
}

static void on_phone_failed(void *owner, unsigned status, const char *reason) {
    struct exchange *x = owner;
    exchange_note_phone(x);
    if (x->answer == ANSWER_NONE || respond_take_back(x)) {
        respond_status(x, status, reason);
        conn_advance(x->conn);
        return;
    }
    /* A part has gone out: the person's connection must break visibly (H11). */
    x->outcome = "failed";
    x->reason = reason;
    conn_abort(x->conn, reason);
}

static bool on_phone_turn(void *owner) {
    return exchange_asset_came(owner);
}

static const struct phone_events phone_events = {
    .head = on_phone_head,
    .body = on_phone_body,
    .batch = on_phone_batch,
    .sendable = on_phone_sendable,
    .done = on_phone_done,
    .failed = on_phone_failed,
    .unneeded = on_phone_turn,
};

/* ---- asking the phone ---- */

static bool sends_keep_alive(const struct exchange *x) {
    const struct profile *profile = x->decision.phone->profile;
    if (!profile->keep_alive_header) return false;
    for (size_t i = 0; i < profile->no_keep_alive_count; i++) {
        if (urlpath_matches(profile->no_keep_alive_header[i], x->decision.path.decoded,
                            profile->case_insensitive_paths))
            return false;
    }
    return true;
}

/* Phones act on GET, too. */
static bool may_change(const struct exchange *x) {
    bool reads = x->view.method == METHOD_GET || x->view.method == METHOD_HEAD;
    if (!reads || x->view.body != BODY_NONE) return true;
    return x->view.query.ptr != NULL &&
           (x->decision.rule == NULL || rule_can_change(x->decision.rule));
}

static void describe_site(struct exchange *x, const struct config_phone *phone) {
    size_t room = x->view.authority.len + 8;
    char *origin = arena_alloc(&x->conn->arena, room);
    struct outbuf out;
    outbuf_init(&out, origin, origin != NULL ? room : 0);
    outbuf_put(&out, STR("https://"));
    outbuf_put(&out, x->view.authority);
    x->hdr_site = (struct hdr_site){
        .route = x->decision.route,
        .prefix = x->decision.prefix,
        .client_scheme_authority = outbuf_str(&out),
        .phone_authority = phone->authority,
        .phone_scheme = phone->tls ? STR("https") : STR("http"),
        .own_cookies = x->decision.phone->profile->login == PHONE_LOGIN_FORM,
    };
}

static struct phone_request describe_request(struct exchange *x, struct str fields, bool streams) {
    enum method method = x->view.method;
    bool bodiless = x->view.body == BODY_NONE;
    bool admin = x->decision.admin_account && x->decision.phone->has_admin_login;
    return (struct phone_request){
        .method = method_name(method),
        .head_request = method == METHOD_HEAD,
        .plain = (method == METHOD_GET || method == METHOD_HEAD) && x->view.query.ptr == NULL &&
                 bodiless,
        .changes = may_change(x),
        .keep_alive = sends_keep_alive(x),
        .target = x->decision.target,
        .fields = fields,
        .body = x->collected,
        .body_len = x->collected_len,
        .has_length =
            !bodiless || method == METHOD_POST || method == METHOD_PUT || method == METHOD_PATCH,
        .stream_len = streams ? x->view.content_length : 0,
        .account = admin ? ACCOUNT_ADMIN : ACCOUNT_LOGIN,
        .person = (uint64_t)(uintptr_t)x->decision.user,
    };
}

static void ask_phone(struct exchange *x, bool streams) {
    size_t index = x->decision.phone->index;
    const struct config_limits *l = limits_of(x);
    struct phone_timeouts timeouts = {l->phone_connect_ms, l->phone_first_byte_ms,
                                      l->phone_stall_ms, l->queue_ms};
    describe_site(x, &x->site->config->phones[index]);
    struct io_buf *buf = io_take(&x->worker->io);
    struct outbuf fields;
    outbuf_init(&fields, buf->data, sizeof(buf->data));
    struct request_view view = exchange_asset_view(x);
    hdrfilter_request(&view, &x->hdr_site, &fields);
    struct phone_request request = describe_request(x, outbuf_str(&fields), streams);
    x->asked_phone = true;
    if (!fields.full) {
        x->collected = NULL; /* the phone exchange owns it now */
        x->px = phone_exchange_new(x->worker, x->site->phones[index], &request, &timeouts,
                                   &phone_events, x);
    }
    io_give(&x->worker->io, buf);
    if (x->px == NULL) {
        respond_status(x, 431, "head_too_large_for_phone");
        return;
    }
    phone_exchange_start(x->px);
}

/* Allowed. Short bodies are collected and sent in one write with the head; chunked ones are
 * collected, because phones take no chunks; long ones with a length stream. */
static void forward(struct exchange *x) {
    switch (x->view.body) {
    case BODY_NONE:
        if (!exchange_asset_answer(x)) ask_phone(x, false);
        return;
    case BODY_CHUNKED:
        if (x->body_mode == BODY_DONE)
            ask_phone(x, false);
        else
            collect(x, limits_of(x)->body_bytes);
        return;
    case BODY_LENGTH:
        if (x->body_mode == BODY_DONE)
            ask_phone(x, false);
        else if (x->view.content_length <= limits_of(x)->judged_body_bytes)
            collect(x, limits_of(x)->judged_body_bytes);
        else
            ask_phone(x, true);
        return;
    }
}

/* ---- the end ---- */

bool exchange_is_over(const struct exchange *x) {
    if (x->answer != ANSWER_DONE) return false;
    return x->body_mode == BODY_DONE || x->close_after;
}

bool exchange_input_ended(struct exchange *x) {
    if (x->answer == ANSWER_DONE) { /* what does not come is the rest of a body nobody wants */
        x->close_after = true;
        return true;
    }
    if (x->body_mode != BODY_DONE) return false;
    /* A browser that hangs up mostly waits for nothing any more: a phone that takes one request at
     * a time is not asked for it, but what it was asked already is passed on. */
    return x->px != NULL ? phone_exchange_is_asked(x->px) : x->answer == ANSWER_HEAD;
}

bool exchange_closes(const struct exchange *x) {
    return x->close_after;
}

static void count(struct shared *shared, const char *outcome) {
    if (strcmp(outcome, "allowed") == 0)
        atomic_fetch_add(&shared->allowed, 1);
    else if (strcmp(outcome, "denied") == 0)
        atomic_fetch_add(&shared->denied, 1);
    else
        atomic_fetch_add(&shared->failed, 1);
}

static void write_record(struct exchange *x) {
    const struct conn *c = x->conn;
    bool tls = c->stream.ssl != NULL;
    struct record record = {
        .event = "request",
        .outcome = x->outcome,
        .reason = x->reason,
        .src_ip = str_of(c->ip),
        .src_port = c->port,
        .conn_id = c->id,
        .request_id = x->id,
        .tls_version = tls ? SSL_get_version(c->stream.ssl) : NULL,
        .tls_cipher = tls ? SSL_get_cipher_name(c->stream.ssl) : NULL,
        .view = x->has_view ? &x->view : NULL,
        .decision = x->has_decision ? &x->decision : NULL,
        .policy_version = x->site->config->digest_of_file,
        .claim_key = x->worker->shared->claim_key,
        .hasher = x->worker->hasher,
        .status = x->status,
        .phone_status = x->phone_status,
        .bytes_in = x->head_len + x->body_seen,
        .bytes_out = x->bytes_out,
        .total_ms = (int64_t)(worker_now(x->worker) - x->started_ms),
        .queue_ms = x->times.queue_ms,
        .connect_ms = x->times.connect_ms,
        .first_byte_ms = x->times.first_byte_ms,
        .cache = asset_result_name(x->asset.result),
    };
    if (x->asked_phone) {
        const struct config_phone *phone = &x->site->config->phones[x->decision.phone->index];
        bool admin = x->decision.admin_account && x->decision.phone->has_admin_login;
        record.phone_addr = phone->authority;
        record.phone_account = admin ? phone->admin_login.user : phone->login.user;
    }
    record_write(x->worker->shared->log, &record);
}

void exchange_end(struct exchange *x) {
    write_record(x);
    count(x->worker->shared, x->outcome);
    if (x->px != NULL) phone_exchange_detach(x->px);
    x->px = NULL;
    exchange_asset_end(x);
    if (x->collected != NULL) bytes_wipe(x->collected, x->collected_len);
    free(x->collected);
    x->worker->collecting -= x->collected_cap;
    io_give(&x->worker->io, x->plain);
    site_release(x->site);
}

void exchange_abort(struct exchange *x, const char *reason) {
    if (x->px != NULL) x->times = phone_exchange_times(x->px);
    if (x->answer != ANSWER_DONE && strcmp(x->outcome, "failed") != 0) {
        x->outcome = "failed";
        x->reason = reason;
    }
    exchange_end(x);
}
