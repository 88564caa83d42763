/* io.h: what all connections of one worker share for reading and writing.
 *
 * One read buffer for the loop, a free list of buffers for what is under way, and the BIO method
 * that lets OpenSSL read straight from the loop's buffer. Belongs to one thread. */
#ifndef PROXY_NET_IO_H
#define PROXY_NET_IO_H

#include <openssl/bio.h>
#include <uv.h>

#include "policy/base/str.h"

/* One read takes up to four full TLS records from the kernel. */
#define IO_READ_SIZE 65536
/* A full TLS record with its header and tag (16384 + 5 + 16 + padding) fits. */
#define IO_BUF_SIZE 17408
/* Buffers kept for reuse: about 4 MiB. */
#define IO_SPARE_MAX 256
/* TLS connections that keep their record buffers of 33 KiB at the same time: about 8 MiB. */
#define IO_WARM_MAX 256

struct io_buf {
    struct io_buf *next;
    size_t from; /* octets before this one are done with */
    size_t len;  /* octets filled, from data[0] */
    char data[IO_BUF_SIZE];
};

struct stream;

struct io {
    uv_loop_t *loop;        /* the worker's, outlives this */
    BIO_METHOD *bio_method; /* owned */
    char *read_buffer;      /* IO_READ_SIZE octets, owned */
    struct io_buf *spare;   /* free list, owned */
    size_t spare_count;
    size_t spare_low;                      /* the fewest since io_tidy */
    size_t warm_count;                     /* TLS connections that keep their buffers */
    struct stream *soon_first, *soon_last; /* their octets leave at io_flush */
};

void io_init(struct io *io, uv_loop_t *loop);
void io_deinit(struct io *io);

/* Send what stream_flush_soon has left for later. Called before the loop sleeps. */
void io_flush(struct io *io);

/* Free the buffers that nobody has needed since the last call. */
void io_tidy(struct io *io);

/* An empty buffer; never NULL. Give it back with io_give. */
struct io_buf *io_take(struct io *io);
/* NULL is fine. What it held is not wiped: TLS records and requests only, never key material. */
void io_give(struct io *io, struct io_buf *buf);
void io_give_list(struct io *io, struct io_buf *first);

#endif
