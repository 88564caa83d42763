/* users.h: who may sign in, and the hash that proves it.
 *
 * Built once from the lines of a users file (htdigest: name:realm:HA1, lighttpd's
 * name:realm:HA1:userhash, or name:realm:SHA-512-256:HA1), then immutable: safe to read from any
 * thread. HA1 is as good as the password for this realm (RFC 7616 5.2): wiped when the table is
 * freed, never logged. */
#ifndef POLICY_AUTH_USERS_H
#define POLICY_AUTH_USERS_H

#include "policy/base/hash.h"
#include "policy/base/str.h"

/* What the configuration takes away from an account. */
struct user_limits {
    bool disabled;
    bool md5_is_off;  /* the hash is forgotten, so an MD5 answer is nobody's */
    uint64_t ends_ms; /* the first millisecond since 1970 at which it is over; 0: never */
};

struct user {
    struct str name; /* UTF-8, owned by the table */
    struct user_limits limits;
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
    USERS_LINE_BAD_HASH,  /* not the number of hex digits, or the hash of nothing */
    USERS_LINE_REPEATED,  /* this user has a line of this algorithm already */
};

#define USERS_NAME_MAX 255

/* An empty table; `key` keys its hash (16 random bytes). Free with users_free. */
struct users *users_new(struct str realm, const uint64_t key[2]);
void users_free(struct users *u);

/* A line of a users file, split from its end: a realm has no colon, and a name with one is refused
 * later (RFC 7616 3.4). */
struct users_fields {
    struct str name, realm;
    struct str algorithm; /* "SHA-512-256"; empty: 32 digits are MD5, 64 are SHA-256 */
    struct str hex;
    struct str userhash; /* H(name ":" realm) as lighttpd writes it; never used: we compute it */
};

/* False where there are too few colons. Blank lines and comments are the caller's to know. */
MUST_USE bool users_split_line(struct str line, struct users_fields *fields);

/* Add one line of a users file, line end already removed. Only while the table is built. */
MUST_USE enum users_line users_add_line(struct users *u, struct str line);
const char *users_line_str(enum users_line verdict);

/* Limit an account, before users_hash_names. False where there is no such user. */
MUST_USE bool users_limit(struct users *u, struct str name, const struct user_limits *limits);

/* Make users found by the hash of their name as well: one hash a line, once, behind the last line.
 */
void users_hash_names(struct users *u, struct hasher *h);

/* NULL where there is no such user. Byte for byte; constant time on average, whatever the name. */
const struct user *users_find(const struct users *u, struct str name);
/* By H(name ":" realm) (userhash, RFC 7616 3.4.4), hash_len(alg) octets: users with a line of this
 * algorithm, after users_hash_names. Constant time on average as well. */
const struct user *users_find_hashed(const struct users *u, enum hash_alg alg, const uint8_t *hash);
size_t users_count(const struct users *u);
/* Users in the order of their first line. */
const struct user *users_at(const struct users *u, size_t index);

/* H(name ":" realm) (RFC 7616 3.4.4). */
MUST_USE bool users_name_hash(struct hasher *h, enum hash_alg alg, struct str name,
                              struct str realm, uint8_t out[HASH_MAX_LEN]);

/* HA1 = H(name ":" realm ":" password) (RFC 7616 3.4.2). */
MUST_USE bool users_ha1(struct hasher *h, enum hash_alg alg, struct str name, struct str realm,
                        struct str password, uint8_t out[HASH_MAX_LEN]);

#endif
