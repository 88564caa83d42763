#include "proxy/net/io.h"

#include "proxy/net/stream.h"

void io_init(struct io *io, uv_loop_t *loop) {
    *io = (struct io){.loop = loop, .bio_method = stream_bio_method_new()};
    io->read_buffer = malloc(IO_READ_SIZE);
    ENSURE(io->read_buffer != NULL);
}

void io_deinit(struct io *io) {
    while (io->spare != NULL) {
        struct io_buf *next = io->spare->next;
        free(io->spare);
        io->spare = next;
    }
    free(io->read_buffer);
    BIO_meth_free(io->bio_method);
}

void io_flush(struct io *io) {
    while (io->soon_first != NULL) stream_flush(io->soon_first);
}

void io_tidy(struct io *io) {
    for (; io->spare_low > 0; io->spare_low--) {
        struct io_buf *buf = io->spare;
        io->spare = buf->next;
        io->spare_count--;
        free(buf);
    }
    io->spare_low = io->spare_count;
}

struct io_buf *io_take(struct io *io) {
    struct io_buf *buf = io->spare;
    if (buf != NULL) {
        io->spare = buf->next;
        io->spare_count--;
        if (io->spare_count < io->spare_low) io->spare_low = io->spare_count;
    } else {
        buf = malloc(sizeof(*buf));
        ENSURE(buf != NULL);
    }
    buf->next = NULL;
    buf->from = 0;
    buf->len = 0;
    return buf;
}

void io_give(struct io *io, struct io_buf *buf) {
    if (buf == NULL) return;
    if (io->spare_count >= IO_SPARE_MAX) {
        free(buf);
        return;
    }
    buf->next = io->spare;
    io->spare = buf;
    io->spare_count++;
}

void io_give_list(struct io *io, struct io_buf *first) {
    while (first != NULL) {
        struct io_buf *next = first->next;
        io_give(io, first);
        first = next;
    }
}
