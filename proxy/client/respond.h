/* respond.h: answers towards the person, written anew: our own pages and what phones say. */
#ifndef PROXY_CLIENT_RESPOND_H
#define PROXY_CLIENT_RESPOND_H

#include "proxy/client/exchange.h"

/* Answer with a page of ours that explains `status`. What is left of the body is drained or the
 * connection closes. */
void respond_status(struct exchange *x, unsigned status, const char *reason);
/* Answer what decide() said where no phone is asked. */
void respond_decision(struct exchange *x);
/* "HTTP/1.1 100 Continue", once, where the person waits for it. */
void respond_continue(struct exchange *x);

/* A phone's answer: its head, its body, its end. */
void respond_phone_head(struct exchange *x, const struct response_view *res);
void respond_phone_body(struct exchange *x, struct str data);
void respond_phone_done(struct exchange *x);
/* The copy in x->asset is the answer: 304 where the browser holds it, else its head and as much of
 * its body as the connection takes. */
void respond_copy(struct exchange *x);
/* More of it. */
void respond_copy_more(struct exchange *x);
/* The phone failed: forget its answer where not one octet of it has gone out, so that the person
 * gets a page instead of a broken connection. False: too late. */
bool respond_take_back(struct exchange *x);

/* Give what is collected to TLS and the kernel. */
void respond_flush(struct exchange *x);

#endif
