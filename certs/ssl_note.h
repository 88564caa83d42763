/* ssl_note.h: what our callbacks remember about one handshake.
 *
 * OpenSSL's callbacks may only answer yes or no; the reason, and the key that a refused phone
 * showed, are kept in a note that hangs on the SSL and is freed with it. Made on first use: a
 * handshake that went well costs nothing. One thread at a time, as the SSL itself. */
#ifndef CERTS_SSL_NOTE_H
#define CERTS_SSL_NOTE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct ssl_note {
    const char *refusal; /* static text, or NULL */
    uint8_t pin[32];     /* SHA-256 of the SPKI, where pin_seen */
    bool pin_seen;
};

/* The note of `ssl`, made where there is none; NULL when out of memory. */
struct ssl_note *ssl_note_make(SSL *ssl);

/* The note of `ssl`, or NULL. */
const struct ssl_note *ssl_note_of(const SSL *ssl);

/* Keep `reason` (static text); the first one stays. */
void ssl_note_refuse(SSL *ssl, const char *reason);

/* Tie `object` to `ctx`: destroy(object) runs when the last reference to `ctx` goes, that of every
 * SSL included, so a callback never meets an object that is gone. False when out of memory: nothing
 * is tied then. */
bool ssl_note_tie(SSL_CTX *ctx, void *object, void (*destroy)(void *object));

/* What was tied to the context of `ssl`, or NULL. */
void *ssl_note_tied(const SSL *ssl);

#endif
