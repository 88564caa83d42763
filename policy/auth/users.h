/* users.h: who may sign in, and the hash that proves it.
 *
 * Built once from the lines of a users file (htdigest: name:realm:HA1), then immutable: safe to
 * read from any thread. HA1 is as good as the password for this realm (RFC 7616 5.2): wiped when
 * the table is freed, never logged. */
#ifndef POLICY_AUTH_USERS_H
#define POLICY_AUTH_USERS_H

#include "policy/base/hash.h"
#include "policy/base/str.h"

struct user {
    struct str name; /* UTF-8, owned by the table */
    bool has[HASH_ALGS];
    uint8_t ha1[HASH_ALGS][HASH_MAX_LEN];
};

struct users;

enum users_line {
    USERS_LINE_OK,
    USERS_LINE_EMPTY,     /* blank or a comment: nothing added */
    USERS_LINE_MALFORMED, /* not name:realm:hex */
    USERS_LINE_BAD_NAME,  /* empty, not UTF-8, a control character, a colon or over USERS_NAME_MAX
                             octets */
    USERS_LINE_BAD_REALM, /* another realm than the gate's */
    USERS_LINE_BAD_HASH,  /* neither 32 nor 64 hex digits, or the hash of nothing */
    USERS_LINE_REPEATED,  /* this user has a line of this algorithm already */
};

#define USERS_NAME_MAX 255

/* An empty table; `key` keys its hash (16 random bytes). Free with users_free. */
struct users *users_new(struct str realm, const uint64_t key[2]);
void users_free(struct users *u);

/* Add one line of a users file, line end already removed. The line is split at its last two colons,
 * so a name may not but a realm need not be free of them... names with a colon are refused (RFC
 * 7616 3.4). Only while the table is built. */
MUST_USE enum users_line users_add_line(struct users *u, struct str line);
const char *users_line_str(enum users_line verdict);

/* NULL where there is no such user. Byte for byte; constant time on average, whatever the name. */
const struct user *users_find(const struct users *u, struct str name);
size_t users_count(const struct users *u);
/* Users in the order of their first line. */
const struct user *users_at(const struct users *u, size_t index);

/* HA1 = H(name ":" realm ":" password) (RFC 7616 3.4.2). */
MUST_USE bool users_ha1(struct hasher *h, enum hash_alg alg, struct str name, struct str realm,
                        struct str password, uint8_t out[HASH_MAX_LEN]);

#endif
