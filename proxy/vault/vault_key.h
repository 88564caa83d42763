/* vault_key.h: where the key of a vault comes from.
 *
 * A key is 32 octets: a file that holds exactly these, or the same as 64 hexadecimal digits
 * (`openssl rand -hex 32`). A passphrase is one line of text, from which scrypt makes a key with
 * the parameters in the vault's header. */
#ifndef PROXY_VAULT_VAULT_KEY_H
#define PROXY_VAULT_VAULT_KEY_H

#include "proxy/vault/vault_memory.h"

#define VAULT_KEY_LEN        32
#define VAULT_PASSPHRASE_MIN 12 /* octets */
#define VAULT_PASSPHRASE_MAX 1024

enum vault_key_kind {
    VAULT_KEY_FILE,
    VAULT_KEY_CREDENTIAL,     /* of systemd: $CREDENTIALS_DIRECTORY/NAME, read as a key file */
    VAULT_KEY_PASSPHRASE_FILE /* one line */
};

struct vault_key_source {
    enum vault_key_kind kind;
    const char *where; /* path, or the credential's name */
};

/* What was read. */
struct vault_secret {
    bool passphrase; /* else VAULT_KEY_LEN octets */
    struct str bytes;
};

/* Read it into `memory`. The rules of secrets hold for the file's mode (textfile.h). False with one
 * line of English in `error`; nothing of the secret is in it. */
MUST_USE bool vault_key_read(const struct vault_key_source *source, struct vault_memory *memory,
                             struct vault_secret *secret, char *error, size_t error_len);

/* Can `name` be a credential's: letters, digits, . _ -, and no path. */
bool vault_key_name_is_good(struct str name);

#endif
