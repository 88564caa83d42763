/* ticket_keys.h: keys for stateless session tickets (T05).
 *
 * Made here, never written anywhere. A key seals new tickets for 12 hours, opens old ones for 12
 * more, and is wiped at the next use after that. Safe to call from several threads. Time is an
 * argument: seconds of any clock that only rises. */
#ifndef CERTS_TICKET_KEYS_H
#define CERTS_TICKET_KEYS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/base/ensure.h"

enum { TICKET_KEY_TURN_S = 12 * 3600 };

struct ticket_key {
    uint8_t name[16]; /* stands in front of each ticket, in clear */
    uint8_t cipher[32];
    uint8_t mac[32];
    uint64_t made_s;
    bool valid;
};

struct ticket_keys {
    pthread_mutex_t lock;
    struct ticket_key current, previous;
};

/* No key yet: the first use makes one. */
void ticket_keys_init(struct ticket_keys *keys);
void ticket_keys_deinit(struct ticket_keys *keys);

/* The key that seals new tickets, copied to *key (wipe it). False when there is no randomness. */
MUST_USE bool ticket_keys_current(struct ticket_keys *keys, uint64_t now_s, struct ticket_key *key);

/* The key of that name, copied to *key (wipe it); false where it is unknown or too old. */
MUST_USE bool ticket_keys_find(struct ticket_keys *keys, uint64_t now_s, const uint8_t name[16],
                               struct ticket_key *key);

#endif
