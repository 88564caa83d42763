/* nonce.h: nonces that cost nothing until a person has proved who they are.
 *
 * A nonce is its issue time, random bits and the id of the instance that made it, signed with a
 * server key; nothing is stored when it is issued. The first right answer makes an entry in a
 * bounded table, with a bitmap of the nonce counts (nc) already seen, so that requests may arrive
 * out of order and none is ever accepted twice. The rules of eviction stand in the design: an entry
 * belongs to the user who proved it; a user holds at most NONCE_PER_USER; beyond that the user's
 * oldest goes and only that user's horizon rises; the table's own horizon moves only when the whole
 * table is full. What lies behind a horizon is stale, never accepted again.
 *
 * The table is shared by all workers. policy knows no threads: the caller lends a lock, and each
 * function says whether it takes it. Times are milliseconds of one clock that never goes back (the
 * caller's), below 2^48. */
#ifndef POLICY_AUTH_NONCE_H
#define POLICY_AUTH_NONCE_H

#include "policy/base/bytes.h"
#include "policy/base/hash.h"
#include "policy/base/outbuf.h"
#include "policy/base/str.h"

#define NONCE_KEY_LEN    32
#define NONCE_RANDOM_LEN 10 /* two nonces of one millisecond are the same once in 2^80 */
/* Issue time (6), random bits, signature (16), instance id (8). */
#define NONCE_RAW_LEN  (6 + NONCE_RANDOM_LEN + 16 + 8)
#define NONCE_TEXT_MAX BYTES_B64_LEN(NONCE_RAW_LEN) /* characters of a nonce as sent: always 54 */
#define NONCE_WINDOW                                                                               \
    64 /* how far behind the highest nc seen a late one is still accepted; at least 64 */
#define NONCE_PER_USER 256 /* live entries of one user */

/* A lock lent by the caller; both functions may be NULL (one thread). */
struct policy_lock {
    void *owner;
    void (*acquire)(void *owner);
    void (*release)(void *owner);
};

struct nonce_table;

/* `capacity` entries in all, 1 to 2^30, at 60 octets an entry and 28 a user with entries; memory is
 * touched only as it is needed. `instance` is drawn at random at start. The key is copied and wiped
 * when the table is freed. */
struct nonce_table *nonce_table_new(size_t capacity, const uint8_t key[NONCE_KEY_LEN],
                                    uint64_t instance, const uint64_t hash_key[2],
                                    struct policy_lock lock);
void nonce_table_free(struct nonce_table *t);

/* Sign with `key` from now on. Nonces signed with `previous` (NULL: none) are ours as well, so that
 * a change of the key asks nobody for a password. Both are copied. Takes the lock. */
void nonce_table_rekey(struct nonce_table *t, const uint8_t key[NONCE_KEY_LEN],
                       const uint8_t *previous);
/* Entries in the table; some of them may have expired since. Takes the lock. */
size_t nonce_table_live(const struct nonce_table *t);

/* Write a fresh nonce: printable ASCII without '"' and '\'. Takes the lock for a look at the key,
 * stores nothing. */
void nonce_issue(const struct nonce_table *t, struct hasher *h, uint64_t now_ms,
                 const uint8_t random[NONCE_RANDOM_LEN], struct outbuf *out);

enum nonce_verdict {
    NONCE_FRESH,   /* ours, of this instance, alive */
    NONCE_EXPIRED, /* ours, too old */
    NONCE_FOREIGN, /* signed with our key, by another instance (before a restart, a replica) */
    NONCE_FORGED,  /* not ours: never used to check a response */
};

/* Judge a nonce without regard to nc and users. Takes the lock for a look into the table: the
 * signature of a nonce that has an entry was checked when the entry was made. */
MUST_USE enum nonce_verdict nonce_check(struct nonce_table *t, struct hasher *h, struct str nonce,
                                        uint64_t now_ms, uint64_t lifetime_ms);

enum nonce_use {
    NONCE_USE_OK,       /* first time: noted */
    NONCE_USE_REPLAYED, /* this nc was seen, or lies behind the window */
    NONCE_USE_EVICTED,  /* behind a horizon, or proved by another user */
};

/* When a nonce that is not FORGED was issued. Only its time is read. */
uint64_t nonce_issued_ms(struct str nonce);

/* The key of a user for nonce_use: the same for the same name as long as the table lives, whatever
 * is reloaded meanwhile (a user's horizon hangs on it). */
uint64_t nonce_user_key(const struct nonce_table *t, struct str name);

/* Note that `user` (nonce_user_key) gave a right response with this FRESH nonce and `nc`. Takes the
 * lock; call it only after nonce_check said FRESH and the response was verified. Never accepts the
 * same user, nonce and nc twice, whatever the table's state; no two users share an entry. */
MUST_USE enum nonce_use nonce_use(struct nonce_table *t, struct str nonce, uint64_t user,
                                  uint32_t nc, uint64_t now_ms, uint64_t lifetime_ms);

#endif
