/* first.h: what comes before the first request: who connects, from where, in which language. */
#ifndef PROXY_CLIENT_FIRST_H
#define PROXY_CLIENT_FIRST_H

#include "proxy/client/conn.h"

/* Records a second and worker of connections that end before a request. */
#define FIRST_RECORDS_S 100

/* A connection from `addr` was accepted: admit or refuse it. */
void first_begin(struct conn *c, const struct sockaddr_storage *addr);
/* Octets in state CONN_FIRST. */
void first_octets(struct conn *c, struct str data);
/* Its turn has come: `hello` is what was read so far. */
void first_start_tls(struct conn *c, struct str hello);
/* One record about a connection without a request. */
void first_record(struct conn *c, const char *event, const char *reason, unsigned status);
/* The handshake, or what should have been one, failed: one record, and the end. */
void first_failed(struct conn *c, const char *reason);

#endif
