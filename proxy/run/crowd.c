#include "proxy/run/crowd.h"

#include <string.h>

struct crowd_address {
    struct crowd_address *next; /* in its bucket */
    struct peer_key key;
    struct crowd_list guests;
    size_t handshakes;
};

static void list_init(struct crowd_list *list) {
    list->ends.older = list->ends.newer = &list->ends;
}

static bool list_is_empty(const struct crowd_list *list) {
    return list->ends.newer == &list->ends;
}

static void link_in(struct crowd_list *list, struct crowd_link *link) {
    link->newer = &list->ends;
    link->older = list->ends.older;
    link->older->newer = link;
    link->newer->older = link;
}

static void link_out(struct crowd_link *link) {
    link->older->newer = link->newer;
    link->newer->older = link->older;
    link->older = link->newer = NULL;
}

void crowd_init(struct crowd *crowd, const uint64_t hash_key[2]) {
    list_init(&crowd->strangers);
    list_init(&crowd->others);
    crowd->hash_key[0] = hash_key[0];
    crowd->hash_key[1] = hash_key[1];
    crowd->buckets = calloc(CROWD_BUCKETS, sizeof(struct crowd_address *));
    ENSURE(crowd->buckets != NULL);
}

void crowd_deinit(struct crowd *crowd) {
    ENSURE(list_is_empty(&crowd->strangers) && list_is_empty(&crowd->others));
    free(crowd->buckets);
    crowd->buckets = NULL;
}

/* Where the address stands, or NULL behind the last of its bucket. */
static struct crowd_address **find(const struct crowd *crowd, const struct peer_key *key) {
    struct str bytes = {(const char *)key->bytes, sizeof(key->bytes)};
    size_t bucket = str_hash(bytes, crowd->hash_key, false) % CROWD_BUCKETS;
    struct crowd_address **at = &crowd->buckets[bucket];
    while (*at != NULL && memcmp((*at)->key.bytes, key->bytes, sizeof(key->bytes)) != 0)
        at = &(*at)->next;
    return at;
}

void crowd_join(struct crowd *crowd, struct guest *guest, const struct peer *peer,
                uint64_t now_ms) {
    ENSURE(guest->list == NULL);
    struct crowd_address **at = find(crowd, &peer->key);
    if (*at == NULL) {
        *at = calloc(1, sizeof(**at));
        ENSURE(*at != NULL);
        (*at)->key = peer->key;
        list_init(&(*at)->guests);
    }
    guest->list = peer->known ? &crowd->others : &crowd->strangers;
    guest->address = *at;
    guest->since_ms = now_ms;
    link_in(guest->list, &guest->by_age);
    link_in(&guest->address->guests, &guest->by_address);
}

bool crowd_handshake_begin(struct guest *guest, size_t max) {
    ENSURE(guest->list != NULL && !guest->handshakes);
    if (guest->address->handshakes >= max) return false;
    guest->address->handshakes++;
    guest->handshakes = true;
    return true;
}

void crowd_handshake_end(struct guest *guest) {
    if (!guest->handshakes) return;
    guest->address->handshakes--;
    guest->handshakes = false;
}

void crowd_leave(struct crowd *crowd, struct guest *guest) {
    if (guest->list == NULL) return;
    crowd_handshake_end(guest);
    link_out(&guest->by_age);
    link_out(&guest->by_address);
    guest->list = NULL;
    if (list_is_empty(&guest->address->guests)) {
        struct crowd_address **at = find(crowd, &guest->address->key);
        struct crowd_address *empty = *at;
        ENSURE(empty == guest->address);
        *at = empty->next;
        free(empty);
    }
    guest->address = NULL;
}

static bool is_old(const struct guest *guest, uint64_t now_ms) {
    return now_ms - guest->since_ms >= CROWD_AGE_MS;
}

static struct guest *oldest_in(struct crowd_list *list, uint64_t now_ms) {
    if (list_is_empty(list)) return NULL;
    struct guest *guest = container_of(list->ends.newer, struct guest, by_age);
    return is_old(guest, now_ms) ? guest : NULL;
}

struct guest *crowd_oldest_stranger(struct crowd *crowd, uint64_t now_ms) {
    return oldest_in(&crowd->strangers, now_ms);
}

struct guest *crowd_oldest(struct crowd *crowd, uint64_t now_ms) {
    struct guest *guest = oldest_in(&crowd->strangers, now_ms);
    return guest != NULL ? guest : oldest_in(&crowd->others, now_ms);
}

struct guest *crowd_oldest_of(struct crowd *crowd, const struct peer_key *key, uint64_t now_ms) {
    struct crowd_address *address = *find(crowd, key);
    if (address == NULL) return NULL;
    struct guest *guest = container_of(address->guests.ends.newer, struct guest, by_address);
    return is_old(guest, now_ms) ? guest : NULL;
}
