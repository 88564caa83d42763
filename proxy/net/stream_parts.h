/* stream_parts.h: what the files of a stream share, and nobody else sees.
 *
 * stream.c: the connection. stream_bio.c: the BIO between OpenSSL and our buffers. stream_finish.c:
 * the last answer, and the end behind it. stream_warm.c: which connections keep TLS's own buffers.
 */
#ifndef PROXY_NET_STREAM_PARTS_H
#define PROXY_NET_STREAM_PARTS_H

#include "proxy/net/stream.h"

/* Queue octets for the kernel. */
void stream_out_append(struct stream *s, const char *data, size_t len);

/* FINISHING: all of it is with the kernel. */
void stream_finish_sent(struct stream *s);
/* FINISHING, and the other side has ended. Who only says nothing more still gets all of the last
 * answer. */
void stream_finish_end(struct stream *s, enum stream_end why);

/* A write through TLS is about to happen on a stream that is not warm. */
void stream_warm_up(struct stream *s);
/* It does not count any more. */
void stream_leave_warm(struct stream *s);

#endif
