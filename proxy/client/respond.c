#include "proxy/client/respond.h"

#include <string.h>

#include "policy/access/route.h"
#include "proxy/client/page.h"
#include "proxy/client/respond_parts.h"

#define ALLOW STR("Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n")

/* ---- collecting octets ---- */

void respond_flush(struct exchange *x) {
    if (x->plain != NULL && x->plain->len > 0) {
        stream_write(&x->conn->stream, (struct str){x->plain->data, x->plain->len});
        x->plain->len = 0;
    }
    io_give(&x->worker->io, x->plain);
    x->plain = NULL;
}

/* Small pieces share one TLS record; large ones go as they are. */
static void put(struct exchange *x, struct str data) {
    x->bytes_out += data.len;
    if (x->plain != NULL && x->plain->len + data.len > IO_BUF_SIZE) respond_flush(x);
    if (data.len > IO_BUF_SIZE) {
        stream_write(&x->conn->stream, data);
        return;
    }
    if (x->plain == NULL) x->plain = io_take(&x->worker->io);
    memcpy(x->plain->data + x->plain->len, data.ptr, data.len);
    x->plain->len += data.len;
}

/* ---- heads ---- */

static bool is_local_name(struct str host) {
    bool literal = host.len == 0 || host.ptr[0] == '[' || ascii_is_digit(host.ptr[host.len - 1]);
    return literal || str_equal_icase(host, STR("localhost")) ||
           (host.len > 10 && str_equal_icase(str_part(host, host.len - 10, 10), STR(".localhost")));
}

/* What the client calls us: by its Host or, where its head could not be read, in its handshake. */
static struct str asked_host(const struct exchange *x) {
    if (x->has_view) return route_host(x->view.authority);
    const SSL *ssl = x->conn->stream.ssl;
    return str_of(ssl != NULL ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL);
}

static struct authn_ctx authn_of(struct exchange *x) {
    const struct policy *policy = &x->site->config->policy;
    return (struct authn_ctx){
        .users = policy->users,
        .digest = &policy->digest,
        .nonces = x->worker->shared->nonces,
        .hasher = x->worker->hasher,
        .now_ms = worker_epoch_ms(x->worker),
    };
}

/* Behind a proven request, whatever became of it: the gate proves itself (RFC 7616 3.5). */
static void put_info(struct exchange *x, struct outbuf *out) {
    if (!x->has_decision || x->decision.authn.verdict != AUTHN_OK) return;
    struct authn_ctx ctx = authn_of(x);
    uint8_t random[NONCE_RANDOM_LEN];
    worker_random(x->worker, random, sizeof(random));
    authn_write_info(&ctx, &x->decision.authn, random, out);
}

/* On every answer: nobody else may frame or sniff it, other sites get no Referer, and the name
 * stays HTTPS (not for localhost names and addresses, where other programs live, too). */
static void put_common(struct exchange *x, struct outbuf *out, bool has_date) {
    if (!has_date) {
        outbuf_put(out, STR("Date: "));
        outbuf_put(out, worker_date(x->worker));
        outbuf_put(out, STR("\r\n"));
    }
    outbuf_put(out, STR("X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"));
    if (!is_local_name(asked_host(x)))
        outbuf_put(out, STR("Strict-Transport-Security: max-age=31536000\r\n"));
    put_info(x, out);
    if (x->close_after)
        outbuf_put(out, STR("Connection: close\r\n"));
    else if (x->has_view && x->view.minor == 0)
        outbuf_put(out, STR("Connection: keep-alive\r\n"));
}

/* ---- our own pages ---- */

/* Decide what becomes of the rest of the body before the head says whether the connection stays
 * (RFC 9112 9.3). */
static void settle_body(struct exchange *x) {
    if (x->body_mode == BODY_DONE) return;
    bool unasked = x->view.expect_continue && !x->continue_sent;
    bool long_body = x->view.body == BODY_LENGTH && x->body_left > EXCHANGE_DRAIN_BYTES;
    x->body_mode = BODY_DRAIN;
    if (!x->has_view || unasked || long_body) x->close_after = true;
}

void respond_own(struct exchange *x, const struct own_answer *own) {
    char memory[4096];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    settle_body(x);
    http_write_status(&out, own->status, page_phrase(own->status));
    put_common(x, &out, false);
    outbuf_put(&out, STR("Cache-Control: no-store\r\nContent-Security-Policy: default-src 'none'; "
                         "style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'\r\n"));
    outbuf_put(&out, own->fields);
    if (own->status != 204) {
        outbuf_put(&out, STR("Content-Type: text/html; charset=utf-8\r\nContent-Length: "));
        outbuf_u64(&out, own->page.len);
        outbuf_put(&out, STR("\r\n"));
    }
    outbuf_put(&out, STR("\r\n"));
    ENSURE(!out.full); /* challenges, Location, Retry-After and AUTHN_INFO_MAX are less */
    x->status = own->status;
    put(x, outbuf_str(&out));
    if (!x->head_request && own->page.len > 0) put(x, own->page);
    respond_flush(x);
    x->answer = ANSWER_DONE;
}

static const char *outcome_of(unsigned status) {
    return status >= 500 ? "failed" : status >= 400 ? "denied" : "allowed";
}

static void put_challenge(struct exchange *x, struct outbuf *fields) {
    struct authn_ctx ctx = authn_of(x);
    uint8_t random[NONCE_RANDOM_LEN];
    worker_random(x->worker, random, sizeof(random));
    authn_write_challenge(&ctx, x->decision.authn.verdict == AUTHN_STALE, random, fields);
}

static void put_retry_after(const struct exchange *x, struct outbuf *fields) {
    outbuf_put(fields, STR("Retry-After: "));
    outbuf_u64(fields, x->decision.authn.retry_after_s);
    outbuf_put(fields, STR("\r\n"));
}

void respond_status(struct exchange *x, unsigned status, const char *reason) {
    char page_memory[PAGE_MAX];
    char field_memory[2048];
    struct outbuf page;
    struct outbuf fields;
    outbuf_init(&page, page_memory, sizeof(page_memory));
    outbuf_init(&fields, field_memory, sizeof(field_memory));
    x->reason = reason;
    x->outcome = outcome_of(status);
    if (status == 401) put_challenge(x, &fields);
    if (status == 405)
        outbuf_put(&fields,
                   x->decision.route == ROUTE_PORTAL ? STR("Allow: GET, HEAD\r\n") : ALLOW);
    if (status == 503) outbuf_put(&fields, STR("Retry-After: 5\r\n"));
    if (status == 429) put_retry_after(x, &fields);
    if (status == 408 || status == 413) x->close_after = true;
    struct str detail = x->has_decision ? x->decision.detail : STR_NONE;
    page_status(&page, status, reason, detail, x->id);
    respond_own(x, &(struct own_answer){status, outbuf_str(&fields), outbuf_str(&page)});
}

static void respond_redirect(struct exchange *x) {
    char page_memory[PAGE_MAX];
    struct outbuf page;
    struct outbuf fields;
    size_t room = x->decision.location.len + 32;
    char *field_memory = arena_alloc(&x->conn->arena, room);
    if (field_memory == NULL || x->decision.location.len > 2048) {
        respond_status(x, 414, "target_too_long");
        return;
    }
    outbuf_init(&page, page_memory, sizeof(page_memory));
    outbuf_init(&fields, field_memory, room);
    outbuf_put(&fields, STR("Location: "));
    outbuf_put(&fields, x->decision.location);
    outbuf_put(&fields, STR("\r\n"));
    x->reason = x->decision.reason;
    x->outcome = "allowed";
    page_status(&page, x->decision.status, x->reason, STR_NONE, 0);
    respond_own(x,
                &(struct own_answer){x->decision.status, outbuf_str(&fields), outbuf_str(&page)});
}

static void respond_options(struct exchange *x) {
    x->reason = x->decision.reason;
    x->outcome = "allowed";
    respond_own(x, &(struct own_answer){204, ALLOW, STR_NONE});
}

void respond_decision(struct exchange *x) {
    switch (x->decision.verdict) {
    case DECIDE_DENY:
        respond_status(x, x->decision.status, x->decision.reason);
        return;
    case DECIDE_CHALLENGE:
        respond_status(x, 401, x->decision.reason);
        return;
    case DECIDE_PORTAL:
    case DECIDE_SIGN_OUT:
        respond_portal(x);
        return;
    case DECIDE_REDIRECT:
        respond_redirect(x);
        return;
    case DECIDE_OPTIONS:
        respond_options(x);
        return;
    case DECIDE_NEED_BODY:
    case DECIDE_FORWARD:
        break;
    }
    respond_status(x, 403, "undecided"); /* not reached: these two go to the phone */
}

void respond_continue(struct exchange *x) {
    if (!x->view.expect_continue || x->continue_sent) return;
    x->continue_sent = true;
    put(x, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    x->interim_out = x->bytes_out;
    respond_flush(x);
    stream_flush(&x->conn->stream);
}

/* ---- a phone's answer ---- */

bool respond_take_back(struct exchange *x) {
    uint64_t answered = x->bytes_out - x->interim_out;
    if (x->answer != ANSWER_HEAD || x->plain == NULL || x->plain->len != answered) return false;
    x->plain->len = 0;
    x->bytes_out = x->interim_out;
    x->answer = ANSWER_NONE;
    return true;
}

static bool has_date(const struct response_view *res) {
    for (size_t i = 0; i < res->header_count; i++) {
        if (str_equal_icase(res->headers[i].name, STR("Date"))) return true;
    }
    return false;
}

/* Of equal directives in one policy the first counts, so a profile's cannot take ours away. */
static void put_content_policy(const struct exchange *x, struct outbuf *out) {
    struct str more = x->decision.phone->profile->content_security_policy;
    outbuf_put(out, STR("Content-Security-Policy: frame-ancestors 'self'"));
    if (more.len > 0) outbuf_put(out, STR("; "));
    outbuf_put(out, more);
    outbuf_put(out, STR("\r\n"));
}

void respond_phone_head(struct exchange *x, const struct response_view *res) {
    struct io_buf *buf = io_take(&x->worker->io);
    struct outbuf out;
    outbuf_init(&out, buf->data, sizeof(buf->data));
    x->phone_status = x->status = res->status;
    x->framing = http_choose_framing(res, x->view.minor);
    if (x->body_mode != BODY_DONE) x->close_after = true; /* an answer before the body's end */
    if (x->framing == FRAMING_CLOSE) x->close_after = true;
    http_write_status(&out, res->status, page_phrase(res->status));
    put_common(x, &out, has_date(res));
    put_content_policy(x, &out);
    hdrfilter_response(res->headers, res->header_count, &x->hdr_site, &out);
    http_write_framing(&out, x->framing, res, x->view.method == METHOD_HEAD);
    http_write_end(&out);
    if (!out.full) {
        put(x, outbuf_str(&out));
        x->answer = ANSWER_HEAD;
        x->outcome = "allowed";
        x->reason = "ok";
        x->in_one =
            x->framing == FRAMING_LENGTH && res->content_length <= sizeof(buf->data) - out.len;
    }
    io_give(&x->worker->io, buf);
}

void respond_phone_body(struct exchange *x, struct str data) {
    if (x->framing == FRAMING_CHUNKED) {
        char size[18];
        put(x, (struct str){size, chunked_write_size(data.len, size)});
        put(x, data);
        put(x, STR("\r\n"));
    } else {
        put(x, data);
    }
}

void respond_phone_done(struct exchange *x) {
    if (x->framing == FRAMING_CHUNKED) put(x, STR("0\r\n\r\n"));
    respond_flush(x);
    x->answer = ANSWER_DONE;
}

/* ---- a kept copy ---- */

/* The browser may keep it, and asks each time: the gate decides and writes a record again, and the
 * phone is left alone. */
static void put_copy_caching(struct exchange *x, struct outbuf *out) {
    struct asset_cache *cache = x->worker->shared->assets;
    const struct asset *copy = x->asset.copy;
    outbuf_put(out, STR("Cache-Control: private, no-cache\r\nETag: "));
    outbuf_put(out, copy->validators.tag);
    outbuf_put(out, STR("\r\nAge: "));
    outbuf_u64(out, asset_cache_age(cache, copy, worker_now(x->worker)) / 1000);
    outbuf_put(out, STR("\r\n"));
}

void respond_copy(struct exchange *x) {
    const struct asset *copy = x->asset.copy;
    bool held = asset_is_held(&x->view, &copy->validators);
    struct io_buf *buf = io_take(&x->worker->io);
    struct outbuf out;
    outbuf_init(&out, buf->data, sizeof(buf->data));
    x->status = held ? 304 : 200;
    x->outcome = "allowed";
    x->reason = "ok";
    http_write_status(&out, x->status, page_phrase(x->status));
    put_common(x, &out, false);
    put_copy_caching(x, &out);
    put_content_policy(x, &out);
    if (!held) {
        hdrfilter_response(copy->headers, copy->header_count, &x->hdr_site, &out);
        outbuf_put(&out, STR("Content-Length: "));
        outbuf_u64(&out, copy->body.len);
        outbuf_put(&out, STR("\r\n"));
    }
    outbuf_put(&out, STR("\r\n"));
    ENSURE(!out.full); /* see ASSET_FIELDS_MAX */
    put(x, outbuf_str(&out));
    io_give(&x->worker->io, buf);
    x->answer = ANSWER_HEAD;
    if (held || x->view.method == METHOD_HEAD) x->asset.sent = copy->body.len;
    respond_copy_more(x);
}

/* Piece by piece: a slow reader holds no more than the connection's own buffers. */
void respond_copy_more(struct exchange *x) {
    struct str body = x->asset.copy->body;
    while (x->asset.sent < body.len && !stream_is_full(&x->conn->stream)) {
        struct str piece = str_part(body, x->asset.sent, IO_BUF_SIZE);
        x->asset.sent += piece.len;
        put(x, piece);
    }
    respond_flush(x);
    if (x->asset.sent == body.len) x->answer = ANSWER_DONE;
}
