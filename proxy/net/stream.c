#include "proxy/net/stream_parts.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#define WRITE_BUFS_MAX 16

/* ---- end of life ---- */

static void on_handle_closed(uv_handle_t *handle) {
    struct stream *s = handle->data;
    if (--s->closes_left > 0) return;
    io_give_list(s->io, s->out_first);
    io_give_list(s->io, s->flight);
    s->out_first = s->out_last = s->flight = NULL;
    free(s->saved);
    s->saved = NULL;
    SSL_free(s->ssl);
    s->ssl = NULL;
    s->ops->on_closed(s);
}

static void soon_remove(struct stream *s) {
    if (!s->soon) return;
    s->soon = false;
    *(s->soon_prev != NULL ? &s->soon_prev->soon_next : &s->io->soon_first) = s->soon_next;
    *(s->soon_next != NULL ? &s->soon_next->soon_prev : &s->io->soon_last) = s->soon_prev;
}

void stream_close(struct stream *s) {
    if (s->state == STREAM_CLOSED) return;
    soon_remove(s);
    stream_leave_warm(s);
    s->state = STREAM_CLOSED;
    s->closes_left = 2;
    uv_close((uv_handle_t *)&s->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&s->linger, on_handle_closed);
}

void stream_reset(struct stream *s) {
    if (s->state == STREAM_CLOSED) return;
    soon_remove(s);
    stream_leave_warm(s);
    if (uv_tcp_close_reset(&s->tcp, on_handle_closed) != 0) {
        stream_close(s);
        return;
    }
    s->state = STREAM_CLOSED;
    s->closes_left = 2;
    uv_close((uv_handle_t *)&s->linger, on_handle_closed);
}

bool stream_is_closed(const struct stream *s) {
    return s->state == STREAM_CLOSED;
}

int stream_init(struct stream *s, struct io *io, const struct stream_ops *ops) {
    *s = (struct stream){.ops = ops, .io = io, .state = STREAM_CLEAR};
    s->tcp.data = s;
    s->linger.data = s;
    int rc = uv_tcp_init(io->loop, &s->tcp);
    ENSURE(rc == 0);
    rc = uv_timer_init(io->loop, &s->linger);
    ENSURE(rc == 0);
    return 0;
}

/* ---- reading ---- */

static void end(struct stream *s, enum stream_end why) {
    bool news = !s->ended || (why == STREAM_END_RESET && !s->lost);
    if (!news || s->state == STREAM_CLOSED) return;
    s->ended = true;
    s->lost = why == STREAM_END_RESET;
    if (s->state == STREAM_FINISHING)
        stream_finish_end(s, why);
    else
        s->ops->on_end(s, why);
}

/* OpenSSL could not go on: nothing to read yet, a clean end, or a failure whose alert is in the
 * queue now. */
static void tls_stopped(struct stream *s, int result) {
    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return;
    case SSL_ERROR_ZERO_RETURN:
        end(s, STREAM_END_NOTIFY);
        return;
    default:
        ERR_clear_error(); /* the next SSL_get_error must find the queue empty; see below */
        stream_flush(s);
        end(s, STREAM_END_TLS);
    }
}

/* SSL_get_error looks at the thread's queue of errors, so nothing may be left in it. Others nearly
 * never leave something, and to look costs less than to clear. */
static void forget_errors(void) {
    if (ERR_peek_error() != 0) ERR_clear_error();
}

static bool tls_handshake(struct stream *s) {
    forget_errors();
    int result = SSL_do_handshake(s->ssl);
    if (result != 1) {
        if (SSL_get_error(s->ssl, result) == SSL_ERROR_WANT_READ)
            stream_flush(s);
        else
            tls_stopped(s, result);
        return false;
    }
    s->state = STREAM_OPEN;
    s->ops->on_open(s);
    if (s->state != STREAM_CLOSED) stream_flush(s);
    return s->state == STREAM_OPEN;
}

static bool may_give_data(const struct stream *s) {
    return !s->paused && !s->ended && (s->state == STREAM_OPEN || s->state == STREAM_CLEAR);
}

static void tls_read(struct stream *s) {
    struct io_buf *buf = io_take(s->io);
    while (may_give_data(s)) {
        forget_errors();
        size_t before = s->cipher.len;
        int got = SSL_read(s->ssl, buf->data, IO_BUF_SIZE);
        s->barren = got > 0 ? 0 : s->barren + before - s->cipher.len;
        if (s->barren > STREAM_BARREN_MAX)
            end(s, STREAM_END_TLS);
        else if (got <= 0)
            tls_stopped(s, got);
        if (got <= 0) break;
        s->ops->on_data(s, (struct str){buf->data, (size_t)got});
        /* Most often one record is all there is: spare the call that would find nothing. */
        if (s->cipher.len == 0 && SSL_has_pending(s->ssl) == 0) break;
    }
    io_give(s->io, buf);
}

static void feed_clear(struct stream *s) {
    while (s->cipher.len > 0 && may_give_data(s) && s->ssl == NULL) {
        struct str all = s->cipher;
        s->cipher = STR_NONE;
        s->ops->on_data(s, all);
    }
}

/* Put aside what was not taken because the owner paused. */
static void save_rest(struct stream *s) {
    if (s->cipher.len == 0 || s->state >= STREAM_FINISHING) return;
    char *kept = malloc(s->cipher.len);
    ENSURE(kept != NULL);
    memcpy(kept, s->cipher.ptr, s->cipher.len);
    s->saved_len = s->cipher.len;
    free(s->saved);
    s->saved = kept;
    s->cipher = STR_NONE;
}

void stream_feed(struct stream *s, struct str octets) {
    /* Behind the last answer nothing is looked at, not even whether it is TLS: an error would close
     * a connection with octets unread, and the reset would take the answer away (RFC 9112 9.6). */
    if (s->state == STREAM_FINISHING) return;
    if (s->feeding) { /* from inside on_data, when TLS was just started: the running feed goes on
                         with it */
        s->cipher = octets;
        return;
    }
    s->feeding = true;
    s->stirred = true;
    s->cipher = octets;
    if (s->ssl == NULL) feed_clear(s);
    if (s->ssl != NULL && s->state != STREAM_CLOSED) {
        if (s->state != STREAM_HANDSHAKE || tls_handshake(s)) tls_read(s);
    }
    save_rest(s);
    s->cipher = STR_NONE;
    s->feeding = false;
    if (s->unsent > 0) stream_flush_soon(s); /* alerts that OpenSSL wrote while it read */
    if (s->state != STREAM_CLOSED) s->ops->on_batch(s);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    (void)suggested;
    struct stream *s = handle->data;
    *buf = uv_buf_init(s->io->read_buffer, IO_READ_SIZE);
}

static void on_read(uv_stream_t *tcp, ssize_t got, const uv_buf_t *buf) {
    struct stream *s = tcp->data;
    if (got == 0) return;
    if (got < 0) {
        end(s, got == UV_EOF && !s->broken ? STREAM_END_EOF : STREAM_END_RESET);
        return;
    }
    stream_feed(s, (struct str){buf->base, (size_t)got});
    if (s->paused && s->saved != NULL && s->reading && s->state != STREAM_CLOSED) {
        s->reading = false;
        uv_read_stop(tcp);
    }
}

void stream_read(struct stream *s) {
    if (s->reading || s->state == STREAM_CLOSED) return;
    s->reading = true;
    int rc = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
    if (rc != 0) end(s, STREAM_END_RESET);
}

void stream_pause(struct stream *s) {
    if (s->paused || s->state == STREAM_CLOSED) return;
    s->paused = true;
    if (s->reading && !s->feeding) {
        s->reading = false;
        uv_read_stop((uv_stream_t *)&s->tcp);
    }
}

void stream_resume(struct stream *s) {
    if (!s->paused || s->state == STREAM_CLOSED) return;
    s->paused = false;
    if (s->feeding) return;
    if (s->saved != NULL) {
        char *octets = s->saved;
        s->saved = NULL;
        stream_feed(s, (struct str){octets, s->saved_len});
        free(octets);
    }
    if (!s->paused && !s->ended) stream_read(s);
}

static void bind_tls(struct stream *s, SSL *ssl) {
    BIO *bio = BIO_new(s->io->bio_method);
    ENSURE(bio != NULL);
    BIO_set_data(bio, s);
    SSL_set_bio(ssl, bio, bio); /* the BIO of another worker, if there was one, goes */
    s->ssl = ssl;
}

void stream_adopt(struct stream *s, SSL *ssl) {
    if (ssl == NULL) return;
    bind_tls(s, ssl);
    SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS); /* it may have been busy on another worker */
    s->state = STREAM_OPEN;
}

void stream_start_tls(struct stream *s, SSL *ssl) {
    if (s->state == STREAM_CLOSED) {
        SSL_free(ssl);
        return;
    }
    bind_tls(s, ssl);
    s->state = STREAM_HANDSHAKE;
    if (SSL_is_server(ssl)) return;
    if (!s->feeding) stream_feed(s, STR_NONE); /* the client speaks first */
}

/* ---- writing ---- */

size_t stream_unsent(const struct stream *s) {
    return s->unsent +
           (s->writing ? uv_stream_get_write_queue_size((const uv_stream_t *)&s->tcp) : 0);
}

bool stream_is_full(const struct stream *s) {
    return stream_unsent(s) >= STREAM_HIGH_WATER;
}

void stream_write(struct stream *s, struct str data) {
    if (s->state != STREAM_OPEN && s->state != STREAM_CLEAR) return;
    if (s->ssl == NULL) {
        stream_out_append(s, data.ptr, data.len);
        return;
    }
    size_t written;
    s->stirred = true;
    if (!s->warm) stream_warm_up(s);
    /* The BIO takes everything, so only a broken connection object can fail here; the read side
     * reports it. What OpenSSL thinks of it is not asked: no need to forget_errors(). */
    if (data.len > 0 && SSL_write_ex(s->ssl, data.ptr, data.len, &written) != 1)
        end(s, STREAM_END_TLS);
}

static void drop_sent(struct stream *s, size_t sent) {
    s->unsent -= sent;
    while (s->out_first != NULL) {
        struct io_buf *buf = s->out_first;
        size_t left = buf->len - buf->from;
        if (sent < left) {
            buf->from += sent;
            return;
        }
        sent -= left;
        s->out_first = buf->next;
        io_give(s->io, buf);
    }
    s->out_last = NULL;
}

/* What one system call may carry, from `first` on; *last is the last buffer taken, *total the
 * octets. */
static unsigned gather(struct io_buf *first, uv_buf_t bufs[WRITE_BUFS_MAX], struct io_buf **last,
                       size_t *total) {
    ENSURE(first != NULL);
    unsigned count = 0;
    *last = first;
    *total = 0;
    for (struct io_buf *buf = first; buf != NULL && count < WRITE_BUFS_MAX; buf = buf->next) {
        size_t len = buf->len - buf->from;
        bufs[count++] = uv_buf_init(buf->data + buf->from, (unsigned)len);
        *last = buf;
        *total += len;
    }
    return count;
}

static void drop_unsent(struct stream *s) {
    io_give_list(s->io, s->out_first);
    s->out_first = s->out_last = NULL;
    s->unsent = 0;
}

/* What the peer said before it hung up on us is still there to be read, and its end after it: an
 * answer that came before our request was through (413), from a phone that reads no further. */
static void write_failed(struct stream *s, int error) {
    if (s->state == STREAM_FINISHING) {
        stream_close(s);
        return;
    }
    s->broken = (error == UV_ECONNRESET || error == UV_EPIPE) && s->reading && !s->paused;
    if (s->broken)
        drop_unsent(s);
    else
        end(s, STREAM_END_RESET);
}

static void on_written(uv_write_t *req, int status) {
    struct stream *s = req->handle->data;
    s->writing = false;
    io_give_list(s->io, s->flight);
    s->flight = NULL;
    if (s->state == STREAM_CLOSED) return;
    if (status != 0)
        write_failed(s, status);
    else
        stream_flush(s);
}

/* The kernel's buffer is full: libuv sends the rest when it can. */
static void write_rest(struct stream *s) {
    uv_buf_t bufs[WRITE_BUFS_MAX];
    struct io_buf *last;
    size_t total;
    unsigned count = gather(s->out_first, bufs, &last, &total);
    s->flight = s->out_first;
    s->out_first = last->next;
    if (s->out_first == NULL) s->out_last = NULL;
    last->next = NULL;
    s->unsent -= total;
    s->writing = true;
    if (uv_write(&s->write, (uv_stream_t *)&s->tcp, bufs, count, on_written) != 0) {
        s->writing = false;
        end(s, STREAM_END_RESET);
    }
}

static void flush_done(struct stream *s) {
    if (s->state == STREAM_FINISHING && s->unsent == 0 && !s->writing) {
        stream_finish_sent(s);
        return;
    }
    if (s->was_full && stream_unsent(s) <= STREAM_LOW_WATER) {
        s->was_full = false;
        s->ops->on_writable(s);
    }
}

/* What the kernel takes now: the octets, or a libuv code. No uv_write is under way. send() spares a
 * socket the way of files, which write() goes. */
static int send_now(struct stream *s, const uv_buf_t *bufs, unsigned count) {
    uv_os_fd_t fd;
    if (count > 1 || uv_fileno((const uv_handle_t *)&s->tcp, &fd) != 0)
        return uv_try_write((uv_stream_t *)&s->tcp, bufs, count);
    ssize_t sent = send(fd, bufs[0].base, bufs[0].len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return (int)sent;
    return errno == EAGAIN || errno == EINTR ? UV_EAGAIN : uv_translate_sys_error(errno);
}

void stream_flush(struct stream *s) {
    soon_remove(s);
    if (s->state == STREAM_CLOSED) return;
    if (s->broken) drop_unsent(s);
    /* Whoever paused because we were full is told once there is room, even if all of it leaves
     * right now. */
    if (stream_is_full(s)) s->was_full = true;
    while (s->unsent > 0 && !s->writing) {
        uv_buf_t bufs[WRITE_BUFS_MAX];
        struct io_buf *last;
        size_t total;
        unsigned count = gather(s->out_first, bufs, &last, &total);
        int sent = send_now(s, bufs, count);
        if (sent < 0 && sent != UV_EAGAIN) {
            write_failed(s, sent);
            return;
        }
        if (sent > 0) drop_sent(s, (size_t)sent);
        if (sent < 0 || (size_t)sent < total) write_rest(s);
    }
    flush_done(s);
}

void stream_flush_soon(struct stream *s) {
    bool small = s->unsent > 0 && s->unsent <= STREAM_SOON_MAX;
    if (!small || s->writing || (s->state != STREAM_OPEN && s->state != STREAM_CLEAR)) {
        stream_flush(s);
        return;
    }
    if (s->soon) return;
    s->soon = true;
    s->soon_next = NULL;
    s->soon_prev = s->io->soon_last;
    *(s->soon_prev != NULL ? &s->soon_prev->soon_next : &s->io->soon_first) = s;
    s->io->soon_last = s;
}
