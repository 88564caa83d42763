/* exchange_parts.h: what the files of an exchange share, and nobody else sees.
 *
 * exchange.c: the head, the decision, the phone, the record. exchange_body.c: the request's body.
 * exchange_asset.c: answers from kept copies, and what is kept. */
#ifndef PROXY_CLIENT_EXCHANGE_PARTS_H
#define PROXY_CLIENT_EXCHANGE_PARTS_H

#include "proxy/client/exchange.h"

struct decide_ctx exchange_decide_ctx(struct exchange *x);
/* Do what the decision says. */
void exchange_act(struct exchange *x);
/* The phone exchange is over or let go: keep its times. */
void exchange_note_phone(struct exchange *x);

/* Forwarded, and for something static: answer from a copy if there is a good one. False: ask the
 * phone, with the head of exchange_asset_view. */
bool exchange_asset_answer(struct exchange *x);
/* The request as the phone gets it: asked about the copy at hand instead of the browser's. */
struct request_view exchange_asset_view(struct exchange *x);
/* The phone's turn has come: has a copy come meanwhile? */
bool exchange_asset_came(struct exchange *x);
/* The phone's answer passes by. True from _head: it says that the copy is right and is not for the
 * person. True from _done: the copy was the answer. */
bool exchange_asset_head(struct exchange *x, const struct response_view *res);
void exchange_asset_body(struct exchange *x, struct str data);
bool exchange_asset_done(struct exchange *x);
void exchange_asset_end(struct exchange *x);

#endif
