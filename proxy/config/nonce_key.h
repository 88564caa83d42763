/* nonce_key.h: the file with the key that signs nonces.
 *
 * One line: 64 hex digits, and optionally a blank and when the key was made (seconds since 1970).
 * A second line of the same form is the key before it. `openssl rand -hex 32` makes such a file.
 * The rules of secrets hold (textfile.h). */
#ifndef PROXY_CONFIG_NONCE_KEY_H
#define PROXY_CONFIG_NONCE_KEY_H

#include "policy/auth/nonce.h"

struct nonce_keys {
    uint8_t current[NONCE_KEY_LEN];
    uint8_t previous[NONCE_KEY_LEN];
    bool has_previous;
    uint64_t made_s; /* 0: not said */
};

/* In the state directory, where the gate keeps a key of its own. */
#define NONCE_KEY_NAME "nonce.key"

/* The longest text of two lines. */
#define NONCE_KEY_TEXT_MAX (2 * (2 * NONCE_KEY_LEN + 1 + 20 + 2))

/* False with one line of English in `error`; nothing of the key is in it. */
MUST_USE bool nonce_key_parse(struct str text, struct nonce_keys *keys, char *error,
                              size_t error_len);
MUST_USE bool nonce_key_read(const char *path, struct nonce_keys *keys, char *error,
                             size_t error_len);
/* As it is read. */
void nonce_key_write(const struct nonce_keys *keys, struct outbuf *out);

#endif
