/* phone_tls.h: proving that a phone is the phone (T13, T16).
 *
 * Each phone has a context of its own, so a floor lowered for one old phone touches no other.
 * Verified by pin (SHA-256 of the SPKI, compared in constant time), by CA and name, or not at all
 * where its entry says so; never by accident. */
#ifndef CERTS_PHONE_TLS_H
#define CERTS_PHONE_TLS_H

#include <openssl/ssl.h>

#include "policy/base/str.h"

struct phone_tls_settings {
    const uint8_t (*pins)[32];   /* copied */
    size_t pin_count;            /* above 0: one of them must equal */
    const uint64_t *pin_until_s; /* copied; for each pin, from when on it counts no longer, in
                                    seconds since 1970; 0: it has no end. NULL: none has one */
    const char *ca_file;         /* NULL: no CA; with pins both must hold */
    struct str name;  /* with ca_file: name or address literal the certificate must cover */
    bool verify_none; /* must be set when there is neither pin nor CA, and only then */
    bool any_version; /* with verify_none: also what is not fit for use, to look at old phones;
                         nothing secret may go over such a connection */
};

struct phone_tls;

/* NULL on failure with one line in `error`. Settings that would verify nothing without saying so
 * are refused. */
MUST_USE struct phone_tls *phone_tls_new(const struct phone_tls_settings *settings, char *error,
                                         size_t error_len);

/* Connections made from it may live on. NULL is fine. */
void phone_tls_free(struct phone_tls *tls);

/* A fresh client SSL (verification and TLS 1.2 as the floor set), SNI set where `host` is a name,
 * the last session offered. A session is offered only while what it was verified by still holds;
 * one of TLS 1.3 is offered once. Thread-safe. NULL when out of memory or `host` cannot be a name.
 */
MUST_USE SSL *phone_tls_connect(struct phone_tls *tls, struct str host);

/* Why verification failed on this connection: "pin_mismatch", "ca_mismatch", "name_mismatch",
 * "expired", "weak_key" (below 112 bits, T11), or NULL. The handshake fails with it, so no octet of
 * ours reaches a wrong phone. */
const char *phone_tls_refusal(const SSL *ssl);

/* SHA-256 of the SPKI of the certificate the phone showed; false where it showed none. */
bool phone_tls_seen_pin(const SSL *ssl, uint8_t pin[32]);

#endif
