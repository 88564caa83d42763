/* stream_parts.h: what the files of a stream share, and nobody else sees.
 *
 * stream.c: the connection. stream_bio.c: the BIO between OpenSSL and our buffers. stream_warm.c:
 * which connections keep TLS's own buffers. */
#ifndef PROXY_NET_STREAM_PARTS_H
#define PROXY_NET_STREAM_PARTS_H

#include "proxy/net/stream.h"

/* Queue octets for the kernel. */
void stream_out_append(struct stream *s, const char *data, size_t len);

/* A write through TLS is about to happen on a stream that is not warm. */
void stream_warm_up(struct stream *s);
/* It does not count any more. */
void stream_leave_warm(struct stream *s);

#endif
