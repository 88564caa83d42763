#include "proxy/run/peers.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#define BUCKETS 4096

struct entry {
    struct entry *next;
    struct peer_key key;
    size_t count;
};

/* An address that is remembered. */
struct place {
    struct peer_key key;
    uint64_t seen_ms; /* 0: the slot is empty */
    uint64_t tokens;  /* thousandths of a connection that a stranger's address may open now */
};

struct peers {
    pthread_mutex_t lock;
    uint64_t hash_key[2];
    size_t total, strangers;
    struct entry *buckets[BUCKETS];
    struct place known[PEERS_SETS][PEERS_WAYS]; /* of people */
    struct place rates[PEERS_SETS][PEERS_WAYS]; /* of strangers */
};

struct peers *peers_new(const uint64_t key[2]) {
    struct peers *p = calloc(1, sizeof(*p));
    ENSURE(p != NULL);
    pthread_mutex_init(&p->lock, NULL);
    p->hash_key[0] = key[0];
    p->hash_key[1] = key[1];
    return p;
}

void peers_free(struct peers *p) {
    if (p == NULL) return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (p->buckets[i] != NULL) {
            struct entry *next = p->buckets[i]->next;
            free(p->buckets[i]);
            p->buckets[i] = next;
        }
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

struct network_address peer_address_of(const struct sockaddr *addr) {
    struct network_address address = {{0}};
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, addr, sizeof(v4));
        address.bytes[10] = address.bytes[11] = 0xff; /* ::ffff:a.b.c.d */
        memcpy(address.bytes + 12, &v4.sin_addr, 4);
    } else if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, addr, sizeof(v6));
        memcpy(address.bytes, &v6.sin6_addr, 16);
    }
    return address;
}

struct peer_key peer_key_of(const struct sockaddr *addr) {
    static const struct network ipv4 = {.bytes = {[10] = 0xff, [11] = 0xff}, .prefix_bits = 96};
    struct network_address address = peer_address_of(addr);
    struct peer_key key = {{0}};
    memcpy(key.bytes, address.bytes, network_holds(&ipv4, &address) ? 16 : 8);
    return key;
}

static uint64_t hash_of(const struct peers *p, const struct peer_key *key) {
    return str_hash((struct str){(const char *)key->bytes, sizeof(key->bytes)}, p->hash_key, false);
}

static bool same_key(const struct peer_key *a, const struct peer_key *b) {
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static struct entry **find(struct peers *p, const struct peer_key *key) {
    struct entry **slot = &p->buckets[hash_of(p, key) % BUCKETS];
    while (*slot != NULL && !same_key(&(*slot)->key, key)) slot = &(*slot)->next;
    return slot;
}

/* ---- addresses remembered ---- */

/* NULL where it is not remembered. */
static struct place *place_find(struct place set[PEERS_WAYS], const struct peer_key *key) {
    for (size_t i = 0; i < PEERS_WAYS; i++)
        if (set[i].seen_ms != 0 && same_key(&set[i].key, key)) return &set[i];
    return NULL;
}

/* An empty one in place of the one longest unseen. */
static struct place *place_make(struct place set[PEERS_WAYS], const struct peer_key *key) {
    struct place *oldest = &set[0];
    for (size_t i = 1; i < PEERS_WAYS; i++)
        if (set[i].seen_ms < oldest->seen_ms) oldest = &set[i];
    *oldest = (struct place){.key = *key};
    return oldest;
}

static struct place *set_of(struct peers *p, struct place table[PEERS_SETS][PEERS_WAYS],
                            const struct peer_key *key) {
    return table[hash_of(p, key) / BUCKETS % PEERS_SETS];
}

static void remember(struct peers *p, const struct peer_key *key, uint64_t now_ms) {
    struct place *set = set_of(p, p->known, key);
    struct place *place = place_find(set, key);
    if (place == NULL) place = place_make(set, key);
    place->seen_ms = now_ms + 1; /* 0 is none */
}

/* Each worker has a clock of its own, a moment behind or before the others'. */
static uint64_t unseen_ms(const struct place *place, uint64_t now_ms) {
    return now_ms + 1 > place->seen_ms ? now_ms + 1 - place->seen_ms : 0;
}

static bool is_known(struct peers *p, const struct peer_key *key, uint64_t known_ms,
                     uint64_t now_ms) {
    const struct place *place = place_find(set_of(p, p->known, key), key);
    return place != NULL && unseen_ms(place, now_ms) < known_ms;
}

/* A bucket that fills by `rate` a second up to `burst`. */
static bool is_too_fast(struct peers *p, const struct peers_limits *limits,
                        const struct peer_key *key, uint64_t now_ms) {
    if (limits->rate == 0) return false;
    struct place *set = set_of(p, p->rates, key);
    struct place *place = place_find(set, key);
    uint64_t most = limits->burst * 1000;
    if (place == NULL) {
        place = place_make(set, key);
        place->tokens = most;
    } else {
        uint64_t more = unseen_ms(place, now_ms) * limits->rate;
        place->tokens = more < most && place->tokens < most - more ? place->tokens + more : most;
    }
    place->seen_ms = now_ms + 1;
    if (place->tokens < 1000) return true;
    place->tokens -= 1000;
    return false;
}

/* ---- counting ---- */

static size_t with_reserve(size_t max) {
    return max + (max / 8 > 8 ? max / 8 : 8);
}

static size_t most_strangers(const struct peers_limits *limits) {
    return limits->reserve < limits->total ? limits->total - limits->reserve : 1;
}

/* Strangers who are only told so do not fill the reserve. */
static bool is_full(const struct peers *p, const struct peers_limits *limits, bool known) {
    size_t most = most_strangers(limits);
    size_t told = p->strangers > most ? p->strangers - most : 0;
    if (known) return p->total - told >= limits->total;
    return p->total >= limits->total || p->strangers >= most;
}

/* Not even room to be told in all. */
static bool is_refused(const struct peers *p, const struct peers_limits *limits, bool known) {
    size_t told = with_reserve(limits->total) - limits->total;
    return p->total >= limits->total + told ||
           (!known && p->strangers >= most_strangers(limits) + told);
}

static enum peers_verdict add_locked(struct peers *p, const struct peers_limits *limits,
                                     struct peer *peer, uint64_t now_ms) {
    peer->known = is_known(p, &peer->key, limits->known_ms, now_ms);
    if (!peer->known && is_too_fast(p, limits, &peer->key, now_ms)) return PEERS_TOO_FAST;
    struct entry **slot = find(p, &peer->key);
    size_t here = *slot != NULL ? (*slot)->count : 0;
    if (here >= with_reserve(limits->per_address)) return PEERS_ADDRESS_REFUSED;
    if (is_refused(p, limits, peer->known)) return PEERS_REFUSED;
    if (*slot == NULL) {
        *slot = calloc(1, sizeof(**slot));
        ENSURE(*slot != NULL);
        (*slot)->key = peer->key;
    }
    bool full = is_full(p, limits, peer->known);
    (*slot)->count++;
    p->total++;
    if (!peer->known) p->strangers++;
    peer->counted = true;
    if (full) return PEERS_FULL;
    return here >= limits->per_address ? PEERS_ADDRESS_FULL : PEERS_OK;
}

enum peers_verdict peers_add(struct peers *p, const struct peers_limits *limits, struct peer *peer,
                             uint64_t now_ms) {
    ENSURE(!peer->counted);
    pthread_mutex_lock(&p->lock);
    enum peers_verdict verdict = add_locked(p, limits, peer, now_ms);
    pthread_mutex_unlock(&p->lock);
    return verdict;
}

void peers_prove(struct peers *p, struct peer *peer, uint64_t now_ms) {
    pthread_mutex_lock(&p->lock);
    remember(p, &peer->key, now_ms);
    if (peer->counted && !peer->known) p->strangers--;
    peer->known = peer->proved = true;
    pthread_mutex_unlock(&p->lock);
}

static void remove_locked(struct peers *p, const struct peer *peer) {
    struct entry **slot = find(p, &peer->key);
    ENSURE(*slot != NULL && p->total > 0);
    p->total--;
    if (!peer->known) p->strangers--;
    if (--(*slot)->count == 0) {
        struct entry *empty = *slot;
        *slot = empty->next;
        free(empty);
    }
}

void peers_remove(struct peers *p, struct peer *peer, uint64_t now_ms) {
    if (!peer->counted) return;
    pthread_mutex_lock(&p->lock);
    remove_locked(p, peer);
    /* Who worked on one connection for hours is not forgotten with it. */
    if (peer->proved) remember(p, &peer->key, now_ms);
    pthread_mutex_unlock(&p->lock);
    peer->counted = false;
}

struct peers_numbers peers_numbers(struct peers *p) {
    pthread_mutex_lock(&p->lock);
    struct peers_numbers numbers = {p->total, p->strangers};
    pthread_mutex_unlock(&p->lock);
    return numbers;
}

size_t peers_total(struct peers *p) {
    return peers_numbers(p).total;
}
