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

struct peers {
    pthread_mutex_t lock;
    uint64_t hash_key[2];
    size_t total;
    struct entry *buckets[BUCKETS];
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

static struct entry **find(struct peers *p, const struct peer_key *key) {
    struct str bytes = {(const char *)key->bytes, sizeof(key->bytes)};
    struct entry **slot = &p->buckets[str_hash(bytes, p->hash_key, false) % BUCKETS];
    while (*slot != NULL && memcmp((*slot)->key.bytes, key->bytes, sizeof(key->bytes)) != 0)
        slot = &(*slot)->next;
    return slot;
}

static size_t with_reserve(size_t max) {
    return max + (max / 8 > 8 ? max / 8 : 8);
}

static enum peers_verdict add_locked(struct peers *p, const struct peer_key *key, size_t total_max,
                                     size_t address_max) {
    struct entry **slot = find(p, key);
    size_t here = *slot != NULL ? (*slot)->count : 0;
    if (p->total >= with_reserve(total_max) || here >= with_reserve(address_max))
        return PEERS_REFUSED;
    if (*slot == NULL) {
        *slot = calloc(1, sizeof(**slot));
        ENSURE(*slot != NULL);
        (*slot)->key = *key;
    }
    (*slot)->count++;
    p->total++;
    if (p->total > total_max) return PEERS_FULL;
    return here >= address_max ? PEERS_ADDRESS_FULL : PEERS_OK;
}

enum peers_verdict peers_add(struct peers *p, const struct peer_key *key, size_t total_max,
                             size_t address_max) {
    pthread_mutex_lock(&p->lock);
    enum peers_verdict verdict = add_locked(p, key, total_max, address_max);
    pthread_mutex_unlock(&p->lock);
    return verdict;
}

void peers_remove(struct peers *p, const struct peer_key *key) {
    pthread_mutex_lock(&p->lock);
    struct entry **slot = find(p, key);
    ENSURE(*slot != NULL && p->total > 0);
    p->total--;
    if (--(*slot)->count == 0) {
        struct entry *empty = *slot;
        *slot = empty->next;
        free(empty);
    }
    pthread_mutex_unlock(&p->lock);
}

size_t peers_total(struct peers *p) {
    pthread_mutex_lock(&p->lock);
    size_t total = p->total;
    pthread_mutex_unlock(&p->lock);
    return total;
}
