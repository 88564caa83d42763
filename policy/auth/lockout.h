/* lockout.h: who guesses passwords has to wait.
 *
 * Every wrong response on a nonce that we signed is counted three times: for the user at this
 * address, for the user, and for the address. Too many within a window block what they were counted
 * for; each further block is twice as long, up to LOCKOUT_BLOCK_MAX_MS, until it has kept quiet for
 * as long as its last block was. Blocks of a user or an address pass over a user at an address from
 * which that user has signed in within LOCKOUT_KNOWN_MS: nobody locks a person out from elsewhere,
 * and colleagues behind one address stay usable. A right response does not clear what was counted:
 * Digest proves the person with every picture of a page, and a guesser behind the same address
 * would be forgiven each time. A window begins with its first failure.
 *
 * Users that do not exist are counted like those that do. Both tables are bounded: the first lets
 * the entry with the fewest failures go, the second the one longest unseen. The lock is lent as in
 * nonce.h and taken by every function; times are milliseconds of a clock that never goes back. */
#ifndef POLICY_AUTH_LOCKOUT_H
#define POLICY_AUTH_LOCKOUT_H

#include "policy/auth/nonce.h"

#define LOCKOUT_BLOCK_MAX_MS (UINT64_C(86400) * 1000)
#define LOCKOUT_KNOWN_MS     (UINT64_C(30) * 86400 * 1000)
/* How exactly it is remembered when a person was last seen at an address. */
#define LOCKOUT_KNOWN_STEP_MS (UINT64_C(3600) * 1000)
/* Octets of a name that an event holds. */
#define LOCKOUT_NAME_MAX 64

struct lockout_settings {
    uint32_t failures;                                /* 0: the lockout is off */
    uint32_t failures_per_user, failures_per_address; /* 0: not counted */
    uint64_t window_ms, block_ms;
};

/* IPv4 as ::ffff:a.b.c.d, IPv6 as its /64. */
struct lockout_address {
    uint8_t bytes[16];
};

struct lockout_who {
    uint64_t user; /* lockout_user_key */
    struct lockout_address address;
};

struct lockout;

/* `capacity` counters (1 to 2^24) and as many places of people as `known_capacity`. `hash_key` must
 * be the same after a restart where what was known is to be kept. */
struct lockout *lockout_new(size_t capacity, size_t known_capacity, const uint64_t hash_key[2],
                            struct policy_lock lock);
void lockout_free(struct lockout *l);

uint64_t lockout_user_key(const struct lockout *l, struct str name);

/* For how long `who` is still blocked; 0: not at all. The same work for everybody. */
MUST_USE uint64_t lockout_left_ms(struct lockout *l, const struct lockout_settings *settings,
                                  const struct lockout_who *who, uint64_t now_ms);
/* A wrong response. `name` is what was claimed, for events only. */
void lockout_failed(struct lockout *l, const struct lockout_settings *settings,
                    const struct lockout_who *who, struct str name, bool name_is_known,
                    uint64_t now_ms);
/* A right one. */
void lockout_proved(struct lockout *l, const struct lockout_who *who, uint64_t now_ms);
/* An administrator forgives a user, and the addresses that are counted for the user's failures.
 * False where nothing was counted. */
bool lockout_unlock(struct lockout *l, uint64_t user, uint64_t now_ms);

/* ---- news ---- */

enum lockout_kind { LOCKOUT_PAIR, LOCKOUT_USER, LOCKOUT_ADDRESS };
enum lockout_end { LOCKOUT_BEGUN, LOCKOUT_EXPIRED, LOCKOUT_UNLOCKED, LOCKOUT_EVICTED };

struct lockout_event {
    enum lockout_kind kind;
    enum lockout_end end;
    struct lockout_address address; /* of the failure that was one too many */
    char name[LOCKOUT_NAME_MAX];    /* empty with LOCKOUT_ADDRESS */
    size_t name_len;
    bool name_is_known;
    uint64_t length_ms; /* of the whole block */
};

/* Take the next beginning or end of a block that nobody was told of. False: there is none now. */
MUST_USE bool lockout_next_event(struct lockout *l, uint64_t now_ms, struct lockout_event *event);
/* Blocks in force, as far as their end was not told. */
size_t lockout_blocks(struct lockout *l);

/* ---- what outlives a restart: where people were seen ---- */

struct lockout_known {
    struct lockout_who who;
    uint64_t seen_ms;
};

/* At most `max` of them into `out`, longest unseen first. */
size_t lockout_known_copy(struct lockout *l, struct lockout_known *out, size_t max);
void lockout_known_add(struct lockout *l, const struct lockout_known *known);
/* Rises with each change of what lockout_known_copy gives. */
uint64_t lockout_known_changes(struct lockout *l);

#endif
