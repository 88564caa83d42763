/* pin_look.h: the certificate that a phone shows now. Nothing is said to it beyond the handshake,
 * and whatever it shows is believed by nobody: a person decides. */
#ifndef PROXY_CMD_PIN_LOOK_H
#define PROXY_CMD_PIN_LOOK_H

#include "proxy/config/config.h"

#define PIN_LOOK_NAME_MAX 256

struct pin_look {
    uint8_t pin[32]; /* SHA-256 of the SPKI */
    char subject[PIN_LOOK_NAME_MAX], issuer[PIN_LOOK_NAME_MAX];
    char from[32], to[32]; /* "2026-11-30T13:40:00Z" */
    char key[64];          /* "RSA, 2048 bits" */
    char version[16];      /* "TLSv1.2" */
    bool over;             /* not valid now */
};

/* Connect, and shake hands within `timeout_ms` each. False with a line in `error`. */
MUST_USE bool pin_look(const struct config_phone *phone, uint64_t timeout_ms, struct pin_look *look,
                       char *error, size_t error_len);

#endif
