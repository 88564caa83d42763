/* exchange_parts.h: what the files of an exchange share, and nobody else sees.
 *
 * exchange.c: the head, the decision, the phone, the record. exchange_body.c: the request's body.
 */
#ifndef PROXY_CLIENT_EXCHANGE_PARTS_H
#define PROXY_CLIENT_EXCHANGE_PARTS_H

#include "proxy/client/exchange.h"

struct decide_ctx exchange_decide_ctx(struct exchange *x);
/* Do what the decision says. */
void exchange_act(struct exchange *x);
/* The phone exchange is over or let go: keep its times. */
void exchange_note_phone(struct exchange *x);

#endif
