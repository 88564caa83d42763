#include <string.h>

#include "policy/base/bytes.h"
#include "proxy/client/exchange_parts.h"
#include "proxy/client/respond.h"

static const struct config_limits *limits_of(const struct exchange *x) {
    return &x->site->config->limits;
}

static void body_failed(struct exchange *x, unsigned status, const char *reason) {
    x->close_after = true;
    if (x->px != NULL) {
        phone_exchange_detach(x->px);
        exchange_note_phone(x);
    }
    x->body_mode = BODY_DRAIN;
    if (x->answer == ANSWER_NONE) {
        respond_status(x, status, reason);
    } else if (x->answer == ANSWER_HEAD) { /* the phone answers early and the upload fails: nothing
                                              can end this well */
        x->outcome = "failed";
        x->reason = reason;
        conn_abort(x->conn, reason);
    }
}

static bool grow(struct exchange *x, size_t need) {
    if (need <= x->collected_cap) return true;
    size_t cap = x->collected_cap > 0 ? x->collected_cap * 2 : 4096;
    while (cap < need) cap *= 2;
    size_t more = cap - x->collected_cap;
    if (x->worker->collecting + more > EXCHANGE_COLLECT_TOTAL) return false;
    char *bigger = malloc(cap);
    ENSURE(bigger != NULL);
    if (x->collected_len > 0) memcpy(bigger, x->collected, x->collected_len);
    if (x->collected != NULL) bytes_wipe(x->collected, x->collected_len);
    free(x->collected);
    x->collected = bigger;
    x->collected_cap = cap;
    x->worker->collecting += more;
    return true;
}

static void collect_octets(struct exchange *x, struct str data) {
    if (x->collected_len + data.len > x->collect_max) {
        if (x->decision.verdict != DECIDE_NEED_BODY) {
            body_failed(x, 413, "body_too_large");
            return;
        }
        struct decide_ctx ctx = exchange_decide_ctx(x);
        decide_body_too_long(&ctx, &x->view, &x->decision);
        if (x->decision.verdict != DECIDE_FORWARD) {
            respond_decision(x);
            return;
        }
        x->collect_max = (size_t)limits_of(x)->body_bytes;
    }
    if (x->collected_len + data.len > x->collect_max) {
        body_failed(x, 413, "body_too_large");
    } else if (!grow(x, x->collected_len + data.len)) {
        body_failed(x, 503, "bodies_too_large");
    } else {
        memcpy(x->collected + x->collected_len, data.ptr, data.len);
        x->collected_len += data.len;
    }
}

/* One piece of the body, decoded. */
static void sink(struct exchange *x, struct str data) {
    x->body_seen += data.len;
    switch (x->body_mode) {
    case BODY_COLLECT:
        collect_octets(x, data);
        return;
    case BODY_STREAM:
        phone_exchange_send_body(x->px, data);
        return;
    case BODY_DRAIN:
        x->drained += data.len;
        if (x->drained > EXCHANGE_DRAIN_BYTES) x->close_after = true;
        return;
    case BODY_WAIT:
    case BODY_DONE:
        return;
    }
}

static void body_complete(struct exchange *x) {
    enum body_mode mode = x->body_mode;
    x->body_mode = BODY_DONE;
    if (mode == BODY_STREAM) phone_exchange_flush_body(x->px);
    if (mode != BODY_COLLECT) return;
    if (x->decision.verdict == DECIDE_NEED_BODY) {
        struct decide_ctx ctx = exchange_decide_ctx(x);
        struct arena bodies;
        arena_init(&bodies, DECIDE_BODY_ARENA(x->collected_len));
        ctx.bodies = &bodies;
        decide_body(&ctx, &x->view, (struct str){x->collected, x->collected_len}, &x->decision);
        arena_release(&bodies);
    }
    exchange_act(x);
}

static size_t take_length(struct exchange *x, struct str in) {
    size_t take = in.len < x->body_left ? in.len : (size_t)x->body_left;
    x->body_left -= take;
    sink(x, str_part(in, 0, take));
    if (x->body_left == 0) body_complete(x);
    return take;
}

static size_t take_chunked(struct exchange *x, struct str in) {
    struct str rest = in;
    struct str piece;
    chunked_read(&x->chunked, &rest, &piece);
    if (x->chunked.state == CHUNKED_BAD) {
        body_failed(x, 400, "bad_chunk");
        return in.len;
    }
    if (piece.len > 0) sink(x, piece);
    if (x->chunked.state == CHUNKED_DONE) body_complete(x);
    return in.len - rest.len;
}

size_t exchange_take_body(struct exchange *x, struct str in) {
    if (x->body_mode == BODY_WAIT || x->body_mode == BODY_DONE) return 0;
    if (x->body_mode == BODY_STREAM && phone_exchange_body_is_full(x->px)) return 0;
    uint64_t now = worker_now(x->worker);
    x->body_progress_ms = now;
    x->body_window += in.len;
    if (!x->has_view || (x->body_mode == BODY_DRAIN && x->close_after)) return in.len;
    return x->view.body == BODY_CHUNKED ? take_chunked(x, in) : take_length(x, in);
}

void exchange_flush_body(struct exchange *x) {
    if (x->px != NULL && x->body_mode == BODY_STREAM) phone_exchange_flush_body(x->px);
}

void exchange_writable(struct exchange *x) {
    if (x->px != NULL) {
        phone_exchange_resume(x->px);
    } else if (x->asset.copy != NULL && x->answer == ANSWER_HEAD) {
        respond_copy_more(x);
        conn_advance(x->conn);
    }
}

/* Do we wait for octets of the person? Then they must come: none for body_stall_ms, or, over as
 * long a time, fewer than body_min_bytes_s a second, is the end. */
void exchange_check(struct exchange *x) {
    uint64_t now = worker_now(x->worker);
    bool waiting = x->body_mode == BODY_COLLECT || x->body_mode == BODY_DRAIN ||
                   (x->body_mode == BODY_STREAM && !phone_exchange_body_is_full(x->px));
    if (!waiting) {
        x->body_since_ms = x->body_progress_ms = now;
        x->body_window = 0;
        return;
    }
    const struct config_limits *l = limits_of(x);
    uint64_t span = now - x->body_since_ms;
    bool stalled = now - x->body_progress_ms >= l->body_stall_ms;
    bool slow = span >= l->body_stall_ms && x->body_window < l->body_min_bytes_s * span / 1000;
    if (span >= l->body_stall_ms) {
        x->body_since_ms = now;
        x->body_window = 0;
    }
    if (stalled || slow) atomic_fetch_add(&x->worker->shared->defence.slow[SLOW_BODY], 1);
    if (stalled || slow) body_failed(x, 408, stalled ? "body_timeout" : "body_too_slow");
}
