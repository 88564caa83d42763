#include "policy/auth/lockout.h"

#include <string.h>

#include "policy/auth/lockout_known.h"

/* Entries are evicted by how many failures they have, one list for each number; what has more
 * stands with the last. */
#define CLASSES 16
/* Entries looked at with each new one, whether nothing hangs on them any more. */
#define SWEEP_STEP 2

/* A block, from its beginning until somebody was told of its end. */
struct block {
    struct block *next;
    struct lockout_event event;
    uint32_t entry; /* 0 once the entry is gone */
    uint64_t until_ms;
    bool told; /* of the beginning */
};

/* What is counted for one user at one address, one user, or one address; the other part is zero. */
struct key {
    uint64_t kind;
    struct lockout_who who;
};

/* Slot 0 is unused: an index of 0 is "none". */
struct entry {
    struct key key;
    struct lockout_address from; /* of the last failure, for events and for unlocking */
    uint64_t window_ms;          /* when the window began */
    uint64_t until_ms;           /* end of the block; 0: there was none */
    uint64_t keep_ms;            /* nothing hangs on the entry from then on */
    struct block *block;
    uint32_t failures;     /* in this window */
    uint32_t score;        /* in all */
    uint32_t strikes;      /* blocks so far */
    uint32_t next;         /* in the same bucket, or in the list of free slots */
    uint32_t older, newer; /* in the list of the class */
    bool used;
};

struct lockout {
    uint64_t hash_key[2];
    struct policy_lock lock;
    uint32_t capacity, bucket_mask;
    /* Everything below is guarded by the lock. */
    uint32_t live, top, free_slot, hand;
    struct entry *entries; /* owned */
    uint32_t *buckets;     /* owned */
    uint32_t oldest[CLASSES], newest[CLASSES];
    struct block *blocks; /* owned, a list */
    size_t block_count;
    struct places places;
};

static void table_lock(const struct lockout *l) {
    if (l->lock.acquire != NULL) l->lock.acquire(l->lock.owner);
}

static void table_unlock(const struct lockout *l) {
    if (l->lock.release != NULL) l->lock.release(l->lock.owner);
}

struct lockout *lockout_new(size_t capacity, size_t known_capacity, const uint64_t hash_key[2],
                            struct policy_lock lock) {
    ENSURE(capacity >= 1 && capacity <= (size_t)1 << 24);
    struct lockout *l = calloc(1, sizeof(*l));
    ENSURE(l != NULL);
    memcpy(l->hash_key, hash_key, sizeof(l->hash_key));
    l->lock = lock;
    l->capacity = (uint32_t)capacity;
    uint32_t buckets = 1;
    while (buckets < l->capacity) buckets *= 2;
    l->bucket_mask = buckets - 1;
    l->top = l->hand = 1;
    l->entries = calloc(capacity + 1, sizeof(*l->entries));
    l->buckets = calloc(buckets, sizeof(*l->buckets));
    ENSURE(l->entries != NULL && l->buckets != NULL);
    places_init(&l->places, known_capacity, hash_key);
    return l;
}

void lockout_free(struct lockout *l) {
    if (l == NULL) return;
    while (l->blocks != NULL) {
        struct block *next = l->blocks->next;
        free(l->blocks);
        l->blocks = next;
    }
    places_deinit(&l->places);
    free(l->entries);
    free(l->buckets);
    free(l);
}

uint64_t lockout_user_key(const struct lockout *l, struct str name) {
    return str_hash(name, l->hash_key, false);
}

static struct key key_of(enum lockout_kind kind, const struct lockout_who *who) {
    struct key key;
    memset(&key, 0, sizeof(key)); /* it is hashed and compared as octets */
    key.kind = (uint64_t)kind;
    if (kind != LOCKOUT_ADDRESS) key.who.user = who->user;
    if (kind != LOCKOUT_USER) key.who.address = who->address;
    return key;
}

static uint32_t *bucket_of(struct lockout *l, const struct key *key) {
    const struct str bytes = {(const char *)key, sizeof(*key)};
    return &l->buckets[str_hash(bytes, l->hash_key, false) & l->bucket_mask];
}

static struct entry *find(struct lockout *l, const struct key *key) {
    for (uint32_t i = *bucket_of(l, key); i != 0; i = l->entries[i].next) {
        if (memcmp(&l->entries[i].key, key, sizeof(*key)) == 0) return &l->entries[i];
    }
    return NULL;
}

/* ---- the lists of the classes ---- */

static uint32_t class_of(const struct entry *entry) {
    return entry->score < CLASSES ? entry->score : CLASSES - 1;
}

static void class_leave(struct lockout *l, const struct entry *entry) {
    uint32_t class = class_of(entry);
    if (entry->older != 0)
        l->entries[entry->older].newer = entry->newer;
    else
        l->oldest[class] = entry->newer;
    if (entry->newer != 0)
        l->entries[entry->newer].older = entry->older;
    else
        l->newest[class] = entry->older;
}

static void class_join(struct lockout *l, struct entry *entry) {
    uint32_t class = class_of(entry), index = (uint32_t)(entry - l->entries);
    entry->older = l->newest[class];
    entry->newer = 0;
    if (entry->older != 0)
        l->entries[entry->older].newer = index;
    else
        l->oldest[class] = index;
    l->newest[class] = index;
}

/* ---- entries come and go ---- */

static void end_block(struct entry *entry, enum lockout_end end, uint64_t now_ms) {
    struct block *block = entry->block;
    entry->block = NULL;
    if (block == NULL) return;
    block->entry = 0;
    if (block->until_ms <= now_ms) return; /* it is over anyway */
    block->until_ms = now_ms;
    block->event.end = end;
}

static void drop(struct lockout *l, struct entry *entry, enum lockout_end end, uint64_t now_ms) {
    uint32_t index = (uint32_t)(entry - l->entries);
    end_block(entry, end, now_ms);
    class_leave(l, entry);
    uint32_t *link = bucket_of(l, &entry->key);
    while (*link != index) link = &l->entries[*link].next;
    *link = entry->next;
    *entry = (struct entry){.next = l->free_slot};
    l->free_slot = index;
    l->live--;
}

static void sweep(struct lockout *l, uint64_t now_ms) {
    for (unsigned i = 0; i < SWEEP_STEP; i++) {
        if (l->hand >= l->top) l->hand = 1;
        struct entry *entry = &l->entries[l->hand++];
        if (entry->used && entry->keep_ms <= now_ms) drop(l, entry, LOCKOUT_EXPIRED, now_ms);
    }
}

static void evict(struct lockout *l, uint64_t now_ms) {
    uint32_t class = 0;
    while (l->oldest[class] == 0) class ++;
    drop(l, &l->entries[l->oldest[class]], LOCKOUT_EVICTED, now_ms);
}

static struct entry *add(struct lockout *l, const struct key *key, uint64_t now_ms) {
    sweep(l, now_ms);
    if (l->live == l->capacity) evict(l, now_ms);
    uint32_t index = l->free_slot;
    if (index != 0)
        l->free_slot = l->entries[index].next;
    else
        index = l->top++;
    uint32_t *bucket = bucket_of(l, key);
    struct entry *entry = &l->entries[index];
    *entry = (struct entry){.key = *key, .window_ms = now_ms, .next = *bucket, .used = true};
    *bucket = index;
    l->live++;
    class_join(l, entry);
    return entry;
}

/* ---- counting ---- */

/* A wrong response, as it came. */
struct failure {
    const struct lockout_who *who;
    struct str name;
    bool name_is_known;
    uint64_t now_ms;
};

static void remember_block(struct lockout *l, struct entry *entry, const struct failure *failure,
                           uint64_t length_ms) {
    /* Nobody takes the news: they are dropped, the blocks stand all the same. */
    if (l->block_count >= (size_t)l->capacity * 2) return;
    struct block *block = calloc(1, sizeof(*block));
    ENSURE(block != NULL);
    block->event = (struct lockout_event){.kind = (enum lockout_kind)entry->key.kind,
                                          .end = LOCKOUT_EXPIRED,
                                          .address = entry->from,
                                          .length_ms = length_ms};
    if (block->event.kind != LOCKOUT_ADDRESS) {
        struct str name = str_part(failure->name, 0, LOCKOUT_NAME_MAX);
        if (name.len > 0) memcpy(block->event.name, name.ptr, name.len);
        block->event.name_len = name.len;
        block->event.name_is_known = failure->name_is_known;
    }
    block->until_ms = entry->until_ms;
    block->entry = (uint32_t)(entry - l->entries);
    if (entry->block != NULL) entry->block->entry = 0;
    entry->block = block;
    block->next = l->blocks;
    l->blocks = block;
    l->block_count++;
}

/* Each block twice as long as the one before, within bounds. */
static uint64_t block_length(const struct lockout_settings *settings, uint32_t strikes) {
    uint64_t length = settings->block_ms;
    while (strikes-- > 0 && length < LOCKOUT_BLOCK_MAX_MS) length *= 2;
    return length < LOCKOUT_BLOCK_MAX_MS ? length : LOCKOUT_BLOCK_MAX_MS;
}

static struct entry *entry_for(struct lockout *l, const struct key *key, uint64_t now_ms) {
    struct entry *entry = find(l, key);
    if (entry != NULL && entry->keep_ms <= now_ms) {
        drop(l, entry, LOCKOUT_EXPIRED, now_ms);
        entry = NULL;
    }
    return entry != NULL ? entry : add(l, key, now_ms);
}

static void count(struct lockout *l, const struct lockout_settings *settings,
                  enum lockout_kind kind, uint32_t limit, const struct failure *failure) {
    const struct key key = key_of(kind, failure->who);
    uint64_t now_ms = failure->now_ms;
    if (limit == 0) return;
    struct entry *entry = entry_for(l, &key, now_ms);
    if (entry->until_ms > now_ms) return; /* a block that passes over this one stands already */
    entry->from = failure->who->address;
    if (now_ms - entry->window_ms >= settings->window_ms) {
        entry->window_ms = now_ms;
        entry->failures = 0;
    }
    entry->failures++;
    class_leave(l, entry);
    if (entry->score < UINT32_MAX) entry->score++;
    class_join(l, entry);
    uint64_t keep = entry->window_ms + settings->window_ms;
    if (entry->failures >= limit) {
        uint64_t length = block_length(settings, entry->strikes++);
        entry->until_ms = now_ms + length;
        entry->failures = 0;
        keep = entry->until_ms + length;
        remember_block(l, entry, failure, length);
    }
    if (keep > entry->keep_ms) entry->keep_ms = keep;
}

void lockout_failed(struct lockout *l, const struct lockout_settings *settings,
                    const struct lockout_who *who, struct str name, bool name_is_known,
                    uint64_t now_ms) {
    if (settings->failures == 0) return;
    const struct failure failure = {who, name, name_is_known, now_ms};
    table_lock(l);
    count(l, settings, LOCKOUT_PAIR, settings->failures, &failure);
    count(l, settings, LOCKOUT_USER, settings->failures_per_user, &failure);
    count(l, settings, LOCKOUT_ADDRESS, settings->failures_per_address, &failure);
    table_unlock(l);
}

/* ---- asking ---- */

static uint64_t left(struct lockout *l, struct key key, uint64_t now_ms) {
    const struct entry *entry = find(l, &key);
    return entry != NULL && entry->until_ms > now_ms ? entry->until_ms - now_ms : 0;
}

uint64_t lockout_left_ms(struct lockout *l, const struct lockout_settings *settings,
                         const struct lockout_who *who, uint64_t now_ms) {
    if (settings->failures == 0) return 0;
    uint64_t pair = 0, others = 0;
    bool known = false;
    table_lock(l);
    if (l->live > 0) {
        pair = left(l, key_of(LOCKOUT_PAIR, who), now_ms);
        uint64_t user = left(l, key_of(LOCKOUT_USER, who), now_ms);
        uint64_t address = left(l, key_of(LOCKOUT_ADDRESS, who), now_ms);
        others = user > address ? user : address;
        uint64_t seen = places_seen(&l->places, who);
        known = seen != 0 && now_ms < seen + LOCKOUT_KNOWN_MS;
    }
    table_unlock(l);
    return known || pair > others ? pair : others;
}

void lockout_proved(struct lockout *l, const struct lockout_who *who, uint64_t now_ms) {
    table_lock(l);
    places_see(&l->places, who, now_ms);
    table_unlock(l);
}

bool lockout_unlock(struct lockout *l, uint64_t user, uint64_t now_ms) {
    bool any = false;
    table_lock(l);
    for (uint32_t i = 1; i < l->top; i++) {
        struct entry *entry = &l->entries[i];
        if (!entry->used || entry->key.kind == LOCKOUT_ADDRESS || entry->key.who.user != user)
            continue;
        const struct key address =
            key_of(LOCKOUT_ADDRESS, &(struct lockout_who){.address = entry->from});
        drop(l, entry, LOCKOUT_UNLOCKED, now_ms);
        struct entry *other = find(l, &address);
        if (other != NULL) drop(l, other, LOCKOUT_UNLOCKED, now_ms);
        any = true;
    }
    table_unlock(l);
    return any;
}

/* ---- news ---- */

/* The news of one block; true where there is some, and *over where it is the last. */
static bool news_of(struct block *block, uint64_t now_ms, struct lockout_event *event, bool *over) {
    *event = block->event;
    *over = block->told && block->until_ms <= now_ms;
    if (!block->told) event->end = LOCKOUT_BEGUN;
    bool news = !block->told || *over;
    block->told = true;
    return news;
}

bool lockout_next_event(struct lockout *l, uint64_t now_ms, struct lockout_event *event) {
    bool news = false, over = false;
    table_lock(l);
    struct block **link = &l->blocks;
    while (*link != NULL && !(news = news_of(*link, now_ms, event, &over))) link = &(*link)->next;
    if (news && over) {
        struct block *block = *link;
        if (block->entry != 0) l->entries[block->entry].block = NULL;
        *link = block->next;
        free(block);
        l->block_count--;
    }
    table_unlock(l);
    return news;
}

size_t lockout_blocks(struct lockout *l) {
    table_lock(l);
    size_t blocks = l->block_count;
    table_unlock(l);
    return blocks;
}

/* ---- what outlives a restart ---- */

size_t lockout_known_copy(struct lockout *l, struct lockout_known *out, size_t max) {
    table_lock(l);
    size_t copied = places_copy(&l->places, out, max);
    table_unlock(l);
    return copied;
}

void lockout_known_add(struct lockout *l, const struct lockout_known *known) {
    lockout_proved(l, &known->who, known->seen_ms);
}

uint64_t lockout_known_changes(struct lockout *l) {
    table_lock(l);
    uint64_t changes = l->places.changes;
    table_unlock(l);
    return changes;
}
