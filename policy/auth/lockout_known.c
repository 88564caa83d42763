#include "policy/auth/lockout_known.h"

#include <string.h>

struct place {
    struct lockout_who who;
    uint64_t seen_ms;
    uint32_t next; /* in the same bucket */
    uint32_t older, newer;
};

void places_init(struct places *p, size_t capacity, const uint64_t hash_key[2]) {
    ENSURE(capacity >= 1 && capacity <= (size_t)1 << 24);
    *p = (struct places){.capacity = (uint32_t)capacity, .bucket_mask = 1};
    while (p->bucket_mask < p->capacity) p->bucket_mask *= 2;
    p->slots = calloc(capacity + 1, sizeof(*p->slots));
    p->buckets = calloc(p->bucket_mask, sizeof(*p->buckets));
    ENSURE(p->slots != NULL && p->buckets != NULL);
    p->bucket_mask--;
    memcpy(p->hash_key, hash_key, sizeof(p->hash_key));
}

void places_deinit(struct places *p) {
    free(p->slots);
    free(p->buckets);
}

static uint32_t *bucket_of(const struct places *p, const struct lockout_who *who) {
    const struct str bytes = {(const char *)who, sizeof(*who)};
    return &p->buckets[str_hash(bytes, p->hash_key, false) & p->bucket_mask];
}

static uint32_t find(const struct places *p, const struct lockout_who *who) {
    uint32_t i = *bucket_of(p, who);
    while (i != 0 && memcmp(&p->slots[i].who, who, sizeof(*who)) != 0) i = p->slots[i].next;
    return i;
}

uint64_t places_seen(const struct places *p, const struct lockout_who *who) {
    uint32_t i = find(p, who);
    return i != 0 ? p->slots[i].seen_ms : 0;
}

static void detach(struct places *p, uint32_t i) {
    const struct place *place = &p->slots[i];
    if (place->older != 0)
        p->slots[place->older].newer = place->newer;
    else
        p->oldest = place->newer;
    if (place->newer != 0)
        p->slots[place->newer].older = place->older;
    else
        p->newest = place->older;
}

static void attach(struct places *p, uint32_t i) {
    p->slots[i].older = p->newest;
    p->slots[i].newer = 0;
    if (p->newest != 0)
        p->slots[p->newest].newer = i;
    else
        p->oldest = i;
    p->newest = i;
}

static uint32_t take_slot(struct places *p) {
    if (p->count < p->capacity) return ++p->count;
    uint32_t i = p->oldest;
    detach(p, i);
    uint32_t *link = bucket_of(p, &p->slots[i].who);
    while (*link != i) link = &p->slots[*link].next;
    *link = p->slots[i].next;
    return i;
}

void places_see(struct places *p, const struct lockout_who *who, uint64_t now_ms) {
    uint32_t i = find(p, who);
    if (i != 0 && now_ms < p->slots[i].seen_ms + LOCKOUT_KNOWN_STEP_MS) return;
    if (i != 0) {
        detach(p, i);
    } else {
        i = take_slot(p);
        uint32_t *bucket = bucket_of(p, who);
        p->slots[i] = (struct place){.who = *who, .next = *bucket};
        *bucket = i;
    }
    p->slots[i].seen_ms = now_ms;
    attach(p, i);
    p->changes++;
}

size_t places_copy(const struct places *p, struct lockout_known *out, size_t max) {
    size_t count = 0;
    for (uint32_t i = p->oldest; i != 0 && count < max; i = p->slots[i].newer)
        out[count++] = (struct lockout_known){p->slots[i].who, p->slots[i].seen_ms};
    return count;
}
