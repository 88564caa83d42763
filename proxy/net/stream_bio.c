#include <string.h>

#include "proxy/net/stream_parts.h"

static int bio_read(BIO *bio, char *out, int len) {
    struct stream *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (s->cipher.len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t take = s->cipher.len < (size_t)len ? s->cipher.len : (size_t)len;
    memcpy(out, s->cipher.ptr, take);
    s->cipher = str_part(s->cipher, take, s->cipher.len);
    return (int)take;
}

void stream_out_append(struct stream *s, const char *data, size_t len) {
    s->unsent += len;
    s->queued_total += len;
    while (len > 0) {
        if (s->out_last == NULL || s->out_last->len == IO_BUF_SIZE) {
            struct io_buf *fresh = io_take(s->io);
            if (s->out_last == NULL)
                s->out_first = fresh;
            else
                s->out_last->next = fresh;
            s->out_last = fresh;
        }
        struct io_buf *last = s->out_last;
        size_t room = IO_BUF_SIZE - last->len;
        size_t take = len < room ? len : room;
        memcpy(last->data + last->len, data, take);
        last->len += take;
        data += take;
        len -= take;
    }
}

static int bio_write(BIO *bio, const char *data, int len) {
    BIO_clear_retry_flags(bio);
    if (len > 0) stream_out_append(BIO_get_data(bio), data, (size_t)len);
    return len;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr) {
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *stream_bio_method_new(void) {
    BIO_METHOD *method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "phonegate stream");
    ENSURE(method != NULL);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
    BIO_meth_set_create(method, bio_create);
    return method;
}
