#include <linux/sockios.h>
#include <openssl/err.h>
#include <sys/ioctl.h>

#include "proxy/net/stream_parts.h"

uint64_t stream_taken(const struct stream *s) {
    uv_os_fd_t fd;
    int queued = 0;
    uint64_t given = s->queued_total - stream_unsent(s);
    if (uv_fileno((const uv_handle_t *)&s->tcp, &fd) != 0 || ioctl(fd, SIOCOUTQ, &queued) != 0 ||
        queued < 0 || (uint64_t)queued > given)
        return given;
    return given - (uint64_t)queued;
}

/* While the last answer is being taken, it may take its time; behind it nothing is waited for
 * longer. */
static void on_linger(uv_timer_t *timer) {
    struct stream *s = timer->data;
    uint64_t taken = stream_taken(s);
    if (stream_unsent(s) == 0 || taken < s->taken_before + STREAM_FINISH_LEAST) {
        stream_close(s);
        return;
    }
    s->taken_before = taken;
    uv_timer_start(timer, on_linger, STREAM_FINISH_MS, 0);
}

static void on_shutdown(uv_shutdown_t *req, int status) {
    struct stream *s = req->handle->data;
    if (s->state == STREAM_CLOSED) return;
    if (status != 0 || s->ended) stream_close(s);
}

/* Everything is with the kernel: half-close, and wait a moment for the other side, so that a reset
 * does not overtake our last answer (RFC 9112 9.6). */
void stream_finish_sent(struct stream *s) {
    if (uv_shutdown(&s->shutdown, (uv_stream_t *)&s->tcp, on_shutdown) != 0) {
        stream_close(s);
        return;
    }
    uv_timer_start(&s->linger, on_linger, STREAM_LINGER_MS, 0);
    s->paused = false;
    free(s->saved);
    s->saved = NULL;
    if (!s->ended) stream_read(s);
}

void stream_finish_end(struct stream *s, enum stream_end why) {
    bool listens = why == STREAM_END_NOTIFY || why == STREAM_END_EOF;
    if (!listens || stream_unsent(s) == 0) stream_close(s);
}

void stream_finish(struct stream *s) {
    if (s->state == STREAM_CLOSED || s->state == STREAM_FINISHING) return;
    if (s->state == STREAM_OPEN && s->ssl != NULL) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl); /* close_notify (RFC 8446 6.1) */
    }
    s->state = STREAM_FINISHING;
    s->taken_before = stream_taken(s);
    uv_timer_start(&s->linger, on_linger, STREAM_FINISH_MS, 0);
    stream_flush(s);
}
