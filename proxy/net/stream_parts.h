/* stream_parts.h: what the files of a stream share, and nobody else sees.
 *
 * stream.c: the connection. stream_bio.c: the BIO between OpenSSL and our buffers. */
#ifndef PROXY_NET_STREAM_PARTS_H
#define PROXY_NET_STREAM_PARTS_H

#include "proxy/net/stream.h"

/* Queue octets for the kernel. */
void stream_out_append(struct stream *s, const char *data, size_t len);

#endif
