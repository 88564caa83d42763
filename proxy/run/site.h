/* site.h: a configuration snapshot made ready to serve: its TLS identity and its phones.
 *
 * Immutable but for the phones, which have their own locks, and the flags of those that are
 * restricted; reference-counted. A reload builds a
 * whole new one and keeps the phones whose settings are the same. */
#ifndef PROXY_RUN_SITE_H
#define PROXY_RUN_SITE_H

#include "certs/server_tls.h"
#include "proxy/config/config.h"
#include "proxy/phone/phone.h"

struct site {
    atomic_uint refs;
    struct config *config;
    struct server_tls *tls;
    struct server_tls *pull_tls; /* of the listener for phones; NULL: there is none */
    struct phone **phones;       /* phones[i] goes with config->phones[i] */
    /* restricted[i]: phones[i] was hardened and no longer is, and only admins may use it. Written
     * by proxy/harden/held, read by decide(). */
    atomic_bool *restricted;
};

/* Takes the reference on `config` in any case. NULL with one line in `error`. `previous` may be
 * NULL; nothing of it is changed, since the new one may still be refused. */
struct site *site_new(struct config *config, const struct site *previous, char *error,
                      size_t error_len);
/* A worker goes from `old` to `next`: it closes its idle connections to phones that are gone or
 * changed, and keeps none of them later; those that stay have the new queue. */
void site_leave(const struct site *old, const struct site *next, struct worker *w);
struct site *site_hold(struct site *site);
void site_release(struct site *site);

#endif
