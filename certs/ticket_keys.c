#include "certs/ticket_keys.h"

#include <openssl/rand.h>
#include <string.h>

#include "policy/base/bytes.h"

void ticket_keys_init(struct ticket_keys *keys) {
    memset(keys, 0, sizeof(*keys));
    ENSURE(pthread_mutex_init(&keys->lock, NULL) == 0);
}

void ticket_keys_deinit(struct ticket_keys *keys) {
    pthread_mutex_destroy(&keys->lock);
    bytes_wipe(&keys->current, sizeof(keys->current));
    bytes_wipe(&keys->previous, sizeof(keys->previous));
}

/* With the lock held: wipe what is past its time and move a key that sealed long enough. */
static void turn(struct ticket_keys *keys, uint64_t now_s) {
    if (keys->current.valid && now_s - keys->current.made_s >= TICKET_KEY_TURN_S) {
        keys->previous = keys->current;
        bytes_wipe(&keys->current, sizeof(keys->current));
    }
    if (keys->previous.valid && now_s - keys->previous.made_s >= 2 * TICKET_KEY_TURN_S) {
        bytes_wipe(&keys->previous, sizeof(keys->previous));
    }
}

static bool make(struct ticket_key *key, uint64_t now_s) {
    if (RAND_bytes(key->name, sizeof(key->name)) != 1 ||
        RAND_priv_bytes(key->cipher, sizeof(key->cipher)) != 1 ||
        RAND_priv_bytes(key->mac, sizeof(key->mac)) != 1) {
        return false;
    }
    key->made_s = now_s;
    key->valid = true;
    return true;
}

bool ticket_keys_current(struct ticket_keys *keys, uint64_t now_s, struct ticket_key *key) {
    ENSURE(pthread_mutex_lock(&keys->lock) == 0);
    turn(keys, now_s);
    bool ok = keys->current.valid || make(&keys->current, now_s);
    if (ok) *key = keys->current;
    ENSURE(pthread_mutex_unlock(&keys->lock) == 0);
    return ok;
}

bool ticket_keys_find(struct ticket_keys *keys, uint64_t now_s, const uint8_t name[16],
                      struct ticket_key *key) {
    ENSURE(pthread_mutex_lock(&keys->lock) == 0);
    turn(keys, now_s);
    const struct ticket_key *found = NULL;
    if (keys->current.valid && memcmp(keys->current.name, name, sizeof(keys->current.name)) == 0) {
        found = &keys->current;
    } else if (keys->previous.valid &&
               memcmp(keys->previous.name, name, sizeof(keys->previous.name)) == 0) {
        found = &keys->previous;
    }
    if (found != NULL) *key = *found;
    ENSURE(pthread_mutex_unlock(&keys->lock) == 0);
    return found != NULL;
}
