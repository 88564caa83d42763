/* respond_parts.h: what the files of answers share, and nobody else sees.
 *
 * respond.c: heads, refusals, what phones say. respond_portal.c: the portal's own pages. */
#ifndef PROXY_CLIENT_RESPOND_PARTS_H
#define PROXY_CLIENT_RESPOND_PARTS_H

#include "proxy/client/exchange.h"

struct own_answer {
    unsigned status;
    struct str fields; /* further header lines */
    struct str page;
};

/* Write a page of ours, whole. */
void respond_own(struct exchange *x, const struct own_answer *own);
/* The page that the decision names; signs the person out where it says so. */
void respond_portal(struct exchange *x);

#endif
