/* first.h: what comes before the first request: who connects, from where, in which language. */
#ifndef PROXY_CLIENT_FIRST_H
#define PROXY_CLIENT_FIRST_H

#include "proxy/client/conn.h"

/* A connection was accepted: find its address, admit or refuse it. */
void first_begin(struct conn *c);
/* Octets in state CONN_FIRST. */
void first_octets(struct conn *c, struct str data);
/* The handshake, or what should have been one, failed: one record, and the end. */
void first_failed(struct conn *c, const char *reason);

#endif
