#include "policy/auth/session.h"

#include <string.h>

/* Slot 0 is unused: an index of 0 is "none". */
struct slot {
    struct session_entry entry;
    uint32_t next; /* in the same bucket */
    uint32_t older, newer;
};

struct sessions {
    uint64_t hash_key[2];
    struct policy_lock lock;
    uint32_t capacity, bucket_mask;
    /* Everything below is guarded by the lock. */
    uint32_t count;
    uint32_t oldest, newest; /* by when they were seen */
    uint64_t floor_ms;       /* not_before of everybody without an entry */
    uint64_t changes;
    struct slot *slots; /* owned */
    uint32_t *buckets;  /* owned */
};

static void table_lock(const struct sessions *s) {
    if (s->lock.acquire != NULL) s->lock.acquire(s->lock.owner);
}

static void table_unlock(const struct sessions *s) {
    if (s->lock.release != NULL) s->lock.release(s->lock.owner);
}

struct sessions *sessions_new(size_t capacity, const uint64_t hash_key[2],
                              struct policy_lock lock) {
    ENSURE(capacity >= 1 && capacity <= (size_t)1 << 24);
    struct sessions *s = calloc(1, sizeof(*s));
    ENSURE(s != NULL);
    memcpy(s->hash_key, hash_key, sizeof(s->hash_key));
    s->lock = lock;
    s->capacity = (uint32_t)capacity;
    uint32_t buckets = 1;
    while (buckets < s->capacity) buckets *= 2;
    s->bucket_mask = buckets - 1;
    s->slots = calloc(capacity + 1, sizeof(*s->slots));
    s->buckets = calloc(buckets, sizeof(*s->buckets));
    ENSURE(s->slots != NULL && s->buckets != NULL);
    return s;
}

void sessions_free(struct sessions *s) {
    if (s == NULL) return;
    free(s->slots);
    free(s->buckets);
    free(s);
}

uint64_t sessions_user_key(const struct sessions *s, struct str name) {
    return str_hash(name, s->hash_key, false);
}

/* The key is a keyed hash already. */
static uint32_t *bucket_of(struct sessions *s, uint64_t user) {
    return &s->buckets[user & s->bucket_mask];
}

static uint32_t find(struct sessions *s, uint64_t user) {
    uint32_t i = *bucket_of(s, user);
    while (i != 0 && s->slots[i].entry.user != user) i = s->slots[i].next;
    return i;
}

static void detach(struct sessions *s, uint32_t i) {
    const struct slot *slot = &s->slots[i];
    if (slot->older != 0)
        s->slots[slot->older].newer = slot->newer;
    else
        s->oldest = slot->newer;
    if (slot->newer != 0)
        s->slots[slot->newer].older = slot->older;
    else
        s->newest = slot->older;
}

static void attach(struct sessions *s, uint32_t i) {
    s->slots[i].older = s->newest;
    s->slots[i].newer = 0;
    if (s->newest != 0)
        s->slots[s->newest].newer = i;
    else
        s->oldest = i;
    s->newest = i;
}

static uint32_t take_slot(struct sessions *s) {
    if (s->count < s->capacity) return ++s->count;
    uint32_t i = s->oldest;
    const struct session_entry *gone = &s->slots[i].entry;
    if (gone->not_before_ms > s->floor_ms) s->floor_ms = gone->not_before_ms;
    detach(s, i);
    uint32_t *link = bucket_of(s, gone->user);
    while (*link != i) link = &s->slots[*link].next;
    *link = s->slots[i].next;
    return i;
}

/* The user's entry, made where there is none; now the newest. */
static struct session_entry *touch(struct sessions *s, uint64_t user) {
    uint32_t i = find(s, user);
    if (i != 0) {
        detach(s, i);
    } else {
        i = take_slot(s);
        uint32_t *bucket = bucket_of(s, user);
        /* The floor was this user's moment until now. */
        s->slots[i] =
            (struct slot){.entry = {.user = user, .not_before_ms = s->floor_ms}, .next = *bucket};
        *bucket = i;
    }
    attach(s, i);
    return &s->slots[i].entry;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* When the session ends or has ended by itself. */
static uint64_t end_of(const struct session_entry *e, const struct session_settings *settings) {
    uint64_t end = UINT64_MAX;
    if (e->since_ms == 0) return end;
    if (settings->max_ms > 0) end = earlier(end, e->since_ms + settings->max_ms);
    if (settings->idle_ms > 0) end = earlier(end, e->last_ms + settings->idle_ms);
    return end;
}

static void set_moment(struct sessions *s, struct session_entry *e, uint64_t moment_ms) {
    if (moment_ms > e->not_before_ms) e->not_before_ms = moment_ms;
    e->since_ms = 0;
    s->changes++;
}

static enum session_verdict check(struct sessions *s, const struct session_settings *settings,
                                  struct session_entry *e, uint64_t issued_ms, bool accepted,
                                  uint64_t now_ms) {
    if (issued_ms < e->not_before_ms) return SESSION_SIGNED_OUT;
    uint64_t end = end_of(e, settings);
    if (end <= now_ms) {
        /* A nonce from after the end was given to somebody who has just been asked. */
        set_moment(s, e, end);
        if (issued_ms < end) return SESSION_OVER;
    }
    if (!accepted) return SESSION_GOES_ON;
    if (e->since_ms == 0) e->since_ms = now_ms;
    if (now_ms > e->last_ms) e->last_ms = now_ms;
    return SESSION_GOES_ON;
}

enum session_verdict sessions_check(struct sessions *s, const struct session_settings *settings,
                                    uint64_t user, uint64_t issued_ms, bool accepted,
                                    uint64_t now_ms) {
    table_lock(s);
    enum session_verdict verdict = check(s, settings, touch(s, user), issued_ms, accepted, now_ms);
    table_unlock(s);
    return verdict;
}

void sessions_end(struct sessions *s, uint64_t user, uint64_t now_ms) {
    table_lock(s);
    /* Nonces of this very millisecond as well. */
    set_moment(s, touch(s, user), now_ms + 1);
    table_unlock(s);
}

void sessions_end_unknown(struct sessions *s, uint64_t now_ms) {
    table_lock(s);
    if (now_ms > s->floor_ms) s->floor_ms = now_ms;
    s->changes++;
    table_unlock(s);
}

uint64_t sessions_since(struct sessions *s, uint64_t user) {
    table_lock(s);
    uint32_t i = find(s, user);
    uint64_t since = i != 0 ? s->slots[i].entry.since_ms : 0;
    table_unlock(s);
    return since;
}

size_t sessions_copy(struct sessions *s, struct session_entry *out, size_t max,
                     uint64_t *floor_ms) {
    size_t count = 0;
    table_lock(s);
    for (uint32_t i = s->oldest; i != 0 && count < max; i = s->slots[i].newer)
        out[count++] = s->slots[i].entry;
    *floor_ms = s->floor_ms;
    table_unlock(s);
    return count;
}

void sessions_add(struct sessions *s, const struct session_entry *entry) {
    table_lock(s);
    *touch(s, entry->user) = *entry;
    table_unlock(s);
}

uint64_t sessions_changes(struct sessions *s) {
    table_lock(s);
    uint64_t changes = s->changes;
    table_unlock(s);
    return changes;
}
