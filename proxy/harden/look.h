/* look.h: one glance at a phone's port, without a login: who answers there, and what for.
 *
 * Opens a connection of its own, notes what TLS shows, and where asked sends one GET / without
 * credentials and reads the answer to its end, within bounds, so that the phone is free again. No
 * password and no cookie ever goes this way. The caller holds the phone's slot. */
#ifndef PROXY_HARDEN_LOOK_H
#define PROXY_HARDEN_LOOK_H

#include "policy/harden/harden.h"
#include "proxy/phone/phone_exchange.h"

/* From the beginning of an answer to its end. */
#define LOOK_ANSWER_MS 10000

struct look_request {
    bool ask;  /* send GET /; else only connect */
    bool keep; /* the connection becomes one of the phone's idle ones */
    struct phone_timeouts timeouts;
};

struct look_answer {
    const char *reason; /* NULL: connected, and answered where that was asked for; else phone_conn's
                           name, "phone_connect_timeout", "phone_first_byte_timeout" */
    bool accepted;      /* somebody listens there, whatever came of it */
    unsigned status;    /* 0: no answer began */
    bool to_https;      /* a Location to https:// came along */
    enum harden_challenge challenge; /* of a 401; UNKNOWN else */
    int tls_version; /* that was agreed on, whatever came of the certificate; 0: none */
    bool has_pin;    /* a certificate was shown, trusted or not */
    uint8_t pin[32];
};

/* Called exactly once, never from inside look_start; the look is gone then. */
typedef void look_done(void *user, const struct look_answer *answer);

struct look;

struct look *look_start(struct worker *w, struct phone *phone, const struct look_request *request,
                        look_done *done, void *user);
void look_cancel(struct look *look);

#endif
