#include "proxy/client/conn_parts.h"

bool conn_reader_is_stuck(struct conn *c) {
    const struct config_limits *l = &c->worker->site->config->limits;
    uint64_t now = worker_now(c->worker);
    size_t unsent = stream_unsent(&c->stream);
    uint64_t sent = stream_taken(&c->stream);
    uint64_t in_window = sent > c->window_sent ? sent - c->window_sent : 0;
    if (unsent == 0 || sent != c->sent_seen) c->stuck_since_ms = now;
    c->sent_seen = sent;
    uint64_t span = now - c->window_since_ms;
    bool slow = span >= l->answer_stall_ms && in_window < l->answer_min_bytes_s * span / 1000;
    if (unsent == 0 || span >= l->answer_stall_ms) {
        c->window_since_ms = now;
        c->window_sent = sent;
    }
    return unsent > 0 && (slow || now - c->stuck_since_ms >= l->answer_stall_ms);
}

bool conn_reader_left(const struct conn *c) {
    /* A write found the reset; behind what cannot be read now, reading would not find it. */
    if (c->stream.broken) return true;
    return c->read_ended && c->stream.queued_total == c->ended_queued &&
           worker_now(c->worker) - c->ended_ms >= CONN_HALF_CLOSED_MS;
}
