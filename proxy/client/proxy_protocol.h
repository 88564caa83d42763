/* proxy_protocol.h: the address a balancer saw (HAProxy's PROXY protocol, versions 1 and 2).
 *
 * Required from the addresses named in https.proxy_protocol_from and read from nobody else. */
#ifndef PROXY_CLIENT_PROXY_PROTOCOL_H
#define PROXY_CLIENT_PROXY_PROTOCOL_H

#include <sys/socket.h>

#include "policy/base/str.h"

/* The longest header that is read: version 2 with 2 KiB of extensions. */
#define PROXY_PROTOCOL_MAX 2064

enum proxy_protocol {
    PROXY_PROTOCOL_MORE,  /* not complete yet */
    PROXY_PROTOCOL_ADDR,  /* *addr is the client's */
    PROXY_PROTOCOL_LOCAL, /* the balancer speaks for itself (LOCAL, UNKNOWN): the socket's address
                             stands */
    PROXY_PROTOCOL_BAD,
};

/* Read the header at the front of `text`; *used is its length once it is complete. */
MUST_USE enum proxy_protocol proxy_protocol_read(struct str text, size_t *used,
                                                 struct sockaddr_storage *addr);

#endif
