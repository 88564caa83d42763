/* crowd.h: one worker's connections over which nobody has signed in yet, the oldest first.
 *
 * When there is no room for a new connection, the oldest of these goes: a browser whose password
 * box is open connects again by itself, and who only holds connections loses them. The lists are
 * intrusive, each call takes constant time. Belongs to one thread. */
#ifndef PROXY_RUN_CROWD_H
#define PROXY_RUN_CROWD_H

#include "proxy/run/peers.h"

/* A connection younger than this is not sent away for another: it may be about to sign in. */
#define CROWD_AGE_MS  500
#define CROWD_BUCKETS 4096

struct crowd_address;
struct crowd_list;

/* A place in a list. */
struct crowd_link {
    struct crowd_link *older, *newer;
};

/* Embedded in a connection. */
struct guest {
    struct crowd_link by_age, by_address;
    struct crowd_list *list;       /* NULL: it is in no list */
    struct crowd_address *address; /* of the crowd */
    uint64_t since_ms;
    bool handshakes; /* counts among its address's handshakes */
};

struct crowd_list {
    struct crowd_link ends; /* ends.newer is the oldest */
};

struct crowd {
    struct crowd_list strangers; /* from addresses where nobody signed in lately */
    struct crowd_list others;    /* from those where somebody did */
    struct crowd_address **buckets;
    uint64_t hash_key[2];
};

void crowd_init(struct crowd *crowd, const uint64_t hash_key[2]);
/* Nobody is in it any more. */
void crowd_deinit(struct crowd *crowd);

void crowd_join(struct crowd *crowd, struct guest *guest, const struct peer *peer, uint64_t now_ms);
/* Somebody has signed in, or it ends. Fine where it is in no list. */
void crowd_leave(struct crowd *crowd, struct guest *guest);

/* Its handshake begins or waits for its turn. False: `max` others from its address do; not counted.
 */
MUST_USE bool crowd_handshake_begin(struct guest *guest, size_t max);
void crowd_handshake_end(struct guest *guest);

/* The oldest one that is old enough to go, or NULL: of all strangers; of all; of one address. */
struct guest *crowd_oldest_stranger(struct crowd *crowd, uint64_t now_ms);
struct guest *crowd_oldest(struct crowd *crowd, uint64_t now_ms);
struct guest *crowd_oldest_of(struct crowd *crowd, const struct peer_key *key, uint64_t now_ms);

#endif
