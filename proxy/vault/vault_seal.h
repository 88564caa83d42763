/* vault_seal.h: the cryptography of a vault: its header, and one sealed text.
 *
 * The first line of a vault is
 *
 *     phonegate-vault 1 ID KDF CHECK SUM
 *
 * with ID 16 random octets in hex, drawn when the file is made; KDF "key", or
 * "scrypt:LOG2N:R:P:SALT" where a passphrase is turned into the key; CHECK the HMAC-SHA-256 of what
 * stands before it, under the key; SUM the first 8 octets of the SHA-256 over all before it, which
 * tells a damaged header (SUM wrong) from another key (CHECK wrong).
 *
 * A text is sealed with AES-256-GCM, a fresh random nonce of 96 bits, and a key made of the vault's
 * key and its ID; so nothing that another vault sealed opens here. Its name is authenticated with
 * it. Sealed, it is nonce, ciphertext and tag in base64url. 2^32 texts under one key are the limit
 * that NIST SP 800-38D 8.3 sets for random nonces; a vault that is written 1,000 times a day with
 * two texts reaches it in 5,900 years. */
#ifndef PROXY_VAULT_VAULT_SEAL_H
#define PROXY_VAULT_VAULT_SEAL_H

#include "proxy/vault/vault_key.h"

#define VAULT_ID_LEN    16
#define VAULT_SALT_LEN  16
#define VAULT_NONCE_LEN 12
#define VAULT_TAG_LEN   16
#define VAULT_LINE_MAX  512 /* of the header */

/* scrypt: N = 2^15, r = 8, p = 3 takes 32 MiB and about 0.3 s. A header may ask for other values up
 * to these: 128 MiB. */
#define VAULT_SCRYPT_LOG2N     15
#define VAULT_SCRYPT_R         8
#define VAULT_SCRYPT_P         3
#define VAULT_SCRYPT_LOG2N_MIN 14
#define VAULT_SCRYPT_LOG2N_MAX 17
#define VAULT_SCRYPT_R_MAX     8
#define VAULT_SCRYPT_P_MAX     4

/* Lives in a vault's memory. */
struct vault_cipher {
    uint8_t key[VAULT_KEY_LEN]; /* seals */
    char header[VAULT_LINE_MAX];
    size_t header_len; /* without the line's end */
};

/* Read a header with this secret: NULL, or one line of English on why not. */
MUST_USE const char *vault_cipher_open(struct str header, const struct vault_secret *secret,
                                       struct vault_cipher *cipher);
/* The same for a new vault: draws ID and salt, writes the header. */
MUST_USE const char *vault_cipher_make(const struct vault_secret *secret,
                                       struct vault_cipher *cipher);

/* Characters of a sealed text of `len` octets. */
size_t vault_sealed_len(size_t len);
/* Octets in a sealed text of so many characters; false where there can be none. */
MUST_USE bool vault_opened_len(size_t sealed_len, size_t *len);

/* Seal `text` under `name` into `sealed` (vault_sealed_len characters); `tag` is the one that
 * stands in it. False when libcrypto fails. */
MUST_USE bool vault_seal(const struct vault_cipher *cipher, struct str name, struct str text,
                         char *sealed, uint8_t tag[VAULT_TAG_LEN]);
/* Open into `text` (vault_opened_len octets). False, and `text` is zeros, where it was altered, is
 * another's or another vault's. */
MUST_USE bool vault_unseal(const struct vault_cipher *cipher, struct str name, struct str sealed,
                           char *text, uint8_t tag[VAULT_TAG_LEN]);

#endif
