/* secrets.h: the passwords and PINs of one phone, wherever they are kept.
 *
 * The names of accounts are the configuration's. A password is there as well (password_file), or in
 * the vault, where it has up to two values: the one in force, and a candidate that was written
 * before the phone was told. New ones are made here, and only as candidates. */
#ifndef PROXY_HARDEN_SECRETS_H
#define PROXY_HARDEN_SECRETS_H

#include "proxy/harden/way.h"
#include "proxy/vault/vault.h"

struct secrets {
    const struct config_phone *phone;
    struct vault *vault; /* NULL: none is configured */
};

/* The accounts, by the value that is asked for; .user is empty where there is no such value. A
 * password of the configuration is the one in force and has no candidate. */
struct way_account secrets_login(const struct secrets *s, enum vault_which which);
struct way_account secrets_service(const struct secrets *s, enum vault_which which);

/* Is it kept in the vault? Names of accounts are not, nor what a password_file holds. */
bool secrets_is_in_vault(const struct secrets *s, struct str setting);
bool secrets_has(const struct secrets *s, struct str setting, enum vault_which which);
MUST_USE bool secrets_get(const struct secrets *s, struct str setting, enum vault_which which,
                          struct str *value);

/* The settings that hold this phone's passwords and names; NULL behind the last. */
extern const char *const secrets_settings[];

enum secrets_verdict {
    SECRETS_OK,
    SECRETS_NO_ACCOUNT, /* the configuration names no such account */
    SECRETS_NO_VAULT,   /* it would have to be made, and there is nowhere to keep it */
    SECRETS_UNKNOWN,    /* no setting that is known here */
    SECRETS_DAMAGED,    /* its record in the vault cannot be read: see phonegate secret list */
    SECRETS_FAILED,     /* no random octets, or the vault takes no more */
};

/* The value that `setting` is to get: a candidate where there is one, since the phone may have it
 * already; else, unless a `fresh` one is wanted, the one in force; else a new one, which is put
 * into the vault as a candidate (in memory: the caller commits before anything is sent). */
MUST_USE enum secrets_verdict secrets_value(const struct secrets *s, struct str setting, bool fresh,
                                            struct str *value);

/* The phone has saved the candidate, or the caller keeps what it may go back to: it is the one in
 * force. True where the vault was changed. */
bool secrets_promote(const struct secrets *s, struct str setting);

const char *secrets_verdict_str(enum secrets_verdict verdict);

#endif
