/* status.h: the status listener: /healthz, /readyz and /metrics, for machines, read-only.
 *
 * Says nothing about persons, phones' names or requests' contents: numbers only. One request a
 * connection. */
#ifndef PROXY_CLIENT_STATUS_H
#define PROXY_CLIENT_STATUS_H

#include "proxy/client/conn.h"

/* Answer the one request of a status connection; the caller closes. */
void status_answer(struct conn *c, struct str head, const struct http_refusal *refusal);

#endif
