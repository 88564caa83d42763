/* lockout_known.h: where people have signed in from, for lockout.c only; no lock of its own. */
#ifndef POLICY_AUTH_LOCKOUT_KNOWN_H
#define POLICY_AUTH_LOCKOUT_KNOWN_H

#include "policy/auth/lockout.h"

struct place;

/* Slot 0 is unused: an index of 0 is "none". */
struct places {
    struct place *slots; /* owned */
    uint32_t *buckets;   /* owned */
    uint32_t bucket_mask, capacity, count;
    uint32_t oldest, newest; /* by when they were seen */
    uint64_t changes;
    uint64_t hash_key[2];
};

void places_init(struct places *p, size_t capacity, const uint64_t hash_key[2]);
void places_deinit(struct places *p);
/* When `who` was seen last; 0: never. */
uint64_t places_seen(const struct places *p, const struct lockout_who *who);
void places_see(struct places *p, const struct lockout_who *who, uint64_t now_ms);
size_t places_copy(const struct places *p, struct lockout_known *out, size_t max);

#endif
