/* vault.h: passwords and PINs of phones in one file, each sealed by itself.
 *
 * A record is named by a phone's id, a setting by the vendor's name (http_pass, keyboard_lock_pw)
 * and which of two values it is: the one in force, or a candidate, which is written before a phone
 * is changed and promoted once the phone proved that it took it.
 *
 * The file is text: a header (vault_seal.h), an index, then a line for each record:
 *
 *     phonegate-vault 1 ...
 *     #index SEALED
 *     PHONE SETTING current|candidate SEALED
 *
 * A record's name is authenticated with its value, so records cannot be swapped or renamed, and
 * those of another vault do not open. The index holds the tag of each record, and how often the
 * vault was written (its generation): a record that is missing, was put in, or is an older one of
 * this vault, is noticed. The length of a value is hidden up to VAULT_PAD.
 *
 * Damage costs what it hits: a record that is missing, altered or older is named and refused, the
 * others are read. A damaged header or another key is an error of the whole. What is damaged is
 * written back as it was found until somebody puts or drops the record of this name.
 *
 * The whole file put back as it once was (a backup, or an attacker with the right to write there)
 * is a vault in good order: nothing in it can tell. It discloses nothing; its older passwords are
 * rejected by phones that were changed since, which opens the account's breaker (phone.h). The
 * generation shows it to who compares: `phonegate secret list` prints it, and a running gate that
 * finds a lower one than before says so.
 *
 * One thread at a time. Between programs: vault_commit takes a lock, reads what others wrote
 * meanwhile, applies what was changed here since the last commit, and replaces the file in one
 * step; for one and the same value the last one counts. */
#ifndef PROXY_VAULT_VAULT_H
#define PROXY_VAULT_VAULT_H

#include "proxy/vault/vault_key.h"

#define VAULT_RECORDS_MAX ((size_t)200000)
#define VAULT_FILE_MAX    ((size_t)128 << 20)
#define VAULT_VALUE_MAX   ((size_t)1024)
#define VAULT_NAME_MAX    ((size_t)64) /* of a phone or a setting */
#define VAULT_PAD         ((size_t)32)

enum vault_which { VAULT_CURRENT, VAULT_CANDIDATE };

struct vault;

/* Read the vault `path`. With `create` there must be none yet: the first commit makes it. NULL with
 * one line of English in `error`. Damaged records are no error: ask vault_damage. */
MUST_USE struct vault *vault_open(const char *path, const struct vault_key_source *key, bool create,
                                  char *error, size_t error_len);
/* Wipes. NULL is fine; what was not committed is gone. */
void vault_close(struct vault *v);

/* The value, in memory of the vault's own until vault_close, whatever is put or dropped later.
 * False where there is none, or none that can be trusted. */
MUST_USE bool vault_get(const struct vault *v, struct str phone, struct str setting,
                        enum vault_which which, struct str *value);
/* Why the record of this name cannot be used; NULL where it is fine or there is none. */
const char *vault_problem(const struct vault *v, struct str phone, struct str setting,
                          enum vault_which which);
/* False: the index is damaged, so nobody can say which records are missing. */
bool vault_names_all(const struct vault *v);

/* In memory, until vault_commit. put: false for a name of other than 1 to VAULT_NAME_MAX graphic
 * ASCII characters or with # first, and for an empty or too long value. promote: the candidate
 * becomes the value in force; false where there is none. drop: false where there was none. */
MUST_USE bool vault_put(struct vault *v, struct str phone, struct str setting,
                        enum vault_which which, struct str value);
MUST_USE bool vault_promote(struct vault *v, struct str phone, struct str setting);
bool vault_drop(struct vault *v, struct str phone, struct str setting, enum vault_which which);

/* Write what was changed. When this returns true it outlives a power cut. False with one line in
 * `error`: the file is as before (or, where only the last sync failed, as intended but perhaps not
 * on the disk), and a later commit tries again. */
MUST_USE bool vault_commit(struct vault *v, char *error, size_t error_len);

/* How often it was written. */
uint64_t vault_generation(const struct vault *v);

struct vault_entry {
    struct str phone, setting;
    enum vault_which which;
    const char *problem; /* NULL: it is fine */
};
/* The records in the order of the file, *at from 0 on; false at the end. */
bool vault_next(const struct vault *v, size_t *at, struct vault_entry *entry);

/* What is damaged, a line each: "101 http_pass current: WHY" or "line 7: WHY"; *at from 0 on. The
 * text is cut to `len`. False at the end. */
bool vault_damage(const struct vault *v, size_t *at, char *text, size_t len);

#endif
