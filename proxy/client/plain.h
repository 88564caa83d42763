/* plain.h: the plain-HTTP listener: refuses, or sends people to HTTPS.
 *
 * Never a challenge, never a cookie, never a phone. A redirect goes only to a name that the
 * certificate covers; whether a phone has the name is never visible. */
#ifndef PROXY_CLIENT_PLAIN_H
#define PROXY_CLIENT_PLAIN_H

#include "proxy/client/conn.h"

/* Answer the one request of a plain connection and record it; the caller closes. */
void plain_answer(struct conn *c, struct str head, const struct http_refusal *refusal);

#endif
