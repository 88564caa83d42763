#include "policy/auth/nonce.h"

#include <string.h>

/* The wire form, in this order: issue time, random bits, signature, instance id. The first 32
 * octets name a nonce among those of one instance and are what an entry keeps. */
#define TIME_LEN    6
#define MAC_AT      (TIME_LEN + NONCE_RANDOM_LEN)
#define MAC_LEN     16
#define INSTANCE_AT (MAC_AT + MAC_LEN)
#define NAME_LEN    INSTANCE_AT
#define TIME_MASK   ((UINT64_C(1) << 48) - 1)

/* Workers read their clocks at different moments; a nonce from further ahead than this is not one
 * of this clock. */
#define CLOCK_SKEW_MS 10000

/* Entries looked at for expiry with each new one: the table is swept twice while it fills once. */
#define SWEEP_STEP 2
/* A full table makes room for this part of itself at once, so that the walk is paid for. */
#define EVICT_PART  16
#define SAMPLE_SIZE 64

/* Slot 0 of every array is unused: an index of 0 is "none", and fresh memory needs no set-up. */
struct entry {
    uint8_t name[NAME_LEN];
    uint64_t seen; /* bit i: nc `highest - i` was accepted */
    uint32_t highest;
    uint32_t owner; /* index of the holder; 0 in a free slot */
    uint32_t next;  /* in the same bucket, or in the list of free slots */
    uint32_t newer; /* of the same holder, by issue time */
};
_Static_assert(sizeof(struct entry) + sizeof(uint32_t) <= 64, "an entry and its bucket");
_Static_assert(NONCE_WINDOW == 64, "the window is the 64 bits of `seen`");

/* A user with entries. At the limit, the oldest of them is the user's horizon: nothing as old gets
 * in. Below the limit the user needs none, because only the table takes entries away without
 * another one coming, and its floor then lies above them and all that went before. */
struct holder {
    uint64_t key;
    uint32_t oldest, newest; /* entries in order of issue time */
    uint32_t count;
    uint32_t next; /* in the same bucket, or in the list of free slots */
};

/* When something is asked, and how long nonces live then. */
struct moment {
    uint64_t now_ms;
    uint64_t lifetime_ms;
};

/* Slots never used lie at and behind `top`. */
struct slots {
    uint32_t top;
    uint32_t free;
};

/* The key that signs, and the one that did before it. */
struct keys {
    uint8_t current[NONCE_KEY_LEN];
    uint8_t previous[NONCE_KEY_LEN];
    bool has_previous;
};

struct nonce_table {
    uint64_t instance;
    uint64_t hash_key[2];
    struct policy_lock lock;
    uint32_t capacity;
    uint32_t bucket_mask;
    /* Everything below is guarded by the lock. */
    struct keys keys;
    uint32_t live;
    uint32_t hand; /* where the sweep goes on */
    /* The table's horizon: nonces issued before it are stale unless they have an entry. Rises when
     * an entry leaves because it expired (then only nonces that have expired as well lie behind it,
     * until somebody makes the lifetime longer) and when a full table makes room. */
    uint64_t floor;
    struct slots entry_slots, holder_slots;
    struct entry *entries;    /* owned, capacity + 1 */
    struct holder *holders;   /* owned, capacity + 1: every holder has an entry */
    uint32_t *entry_buckets;  /* owned, bucket_mask + 1 */
    uint32_t *holder_buckets; /* owned, bucket_mask + 1 */
};

static void table_lock(const struct nonce_table *t) {
    if (t->lock.acquire != NULL) t->lock.acquire(t->lock.owner);
}

static void table_unlock(const struct nonce_table *t) {
    if (t->lock.release != NULL) t->lock.release(t->lock.owner);
}

struct nonce_table *nonce_table_new(size_t capacity, const uint8_t key[NONCE_KEY_LEN],
                                    uint64_t instance, const uint64_t hash_key[2],
                                    struct policy_lock lock) {
    ENSURE(capacity >= 1 && capacity <= (size_t)1 << 30);
    struct nonce_table *t = calloc(1, sizeof(*t));
    ENSURE(t != NULL);
    memcpy(t->keys.current, key, NONCE_KEY_LEN);
    memcpy(t->hash_key, hash_key, sizeof(t->hash_key));
    t->instance = instance;
    t->lock = lock;
    t->capacity = (uint32_t)capacity;
    uint32_t buckets = 1;
    while (buckets < t->capacity) buckets *= 2;
    t->bucket_mask = buckets - 1;
    t->entry_slots.top = t->holder_slots.top = t->hand = 1;
    t->entries = calloc(capacity + 1, sizeof(struct entry));
    t->holders = calloc(capacity + 1, sizeof(struct holder));
    t->entry_buckets = calloc(buckets, sizeof(uint32_t));
    t->holder_buckets = calloc(buckets, sizeof(uint32_t));
    ENSURE(t->entries != NULL && t->holders != NULL);
    ENSURE(t->entry_buckets != NULL && t->holder_buckets != NULL);
    return t;
}

void nonce_table_free(struct nonce_table *t) {
    if (t == NULL) return;
    bytes_wipe(&t->keys, sizeof(t->keys));
    free(t->entries);
    free(t->holders);
    free(t->entry_buckets);
    free(t->holder_buckets);
    free(t);
}

void nonce_table_rekey(struct nonce_table *t, const uint8_t key[NONCE_KEY_LEN],
                       const uint8_t *previous) {
    table_lock(t);
    memcpy(t->keys.current, key, NONCE_KEY_LEN);
    t->keys.has_previous = previous != NULL;
    if (previous != NULL) memcpy(t->keys.previous, previous, NONCE_KEY_LEN);
    table_unlock(t);
}

size_t nonce_table_live(const struct nonce_table *t) {
    table_lock(t);
    size_t live = t->live;
    table_unlock(t);
    return live;
}

uint64_t nonce_user_key(const struct nonce_table *t, struct str name) {
    return str_hash(name, t->hash_key, false);
}

/* ---- The text of a nonce ---- */

static uint64_t issued_at(const uint8_t *raw) {
    uint64_t value = 0;
    for (size_t i = 0; i < TIME_LEN; i++) value = value << 8 | raw[i];
    return value;
}

/* HMAC over a label (the key may come to sign other things), time, random bits and instance. */
static bool sign(const uint8_t key[NONCE_KEY_LEN], struct hasher *h,
                 const uint8_t raw[NONCE_RAW_LEN], uint8_t mac[MAC_LEN]) {
    static const char label[] = "nonce 1";
    char message[sizeof(label) + MAC_AT + 8];
    memcpy(message, label, sizeof(label));
    memcpy(message + sizeof(label), raw, MAC_AT);
    memcpy(message + sizeof(label) + MAC_AT, raw + INSTANCE_AT, 8);
    uint8_t full[32];
    if (!hash_hmac_sha256(h, key, (struct str){message, sizeof(message)}, full)) return false;
    memcpy(mac, full, MAC_LEN);
    bytes_wipe(full, sizeof(full));
    return true;
}

void nonce_issue(const struct nonce_table *t, struct hasher *h, uint64_t now_ms,
                 const uint8_t random[NONCE_RANDOM_LEN], struct outbuf *out) {
    uint8_t raw[NONCE_RAW_LEN];
    uint8_t time[8];
    char text[NONCE_TEXT_MAX];
    bytes_put_u64(time, now_ms & TIME_MASK);
    memcpy(raw, time + 8 - TIME_LEN, TIME_LEN);
    memcpy(raw + TIME_LEN, random, NONCE_RANDOM_LEN);
    bytes_put_u64(raw + INSTANCE_AT, t->instance);
    uint8_t key[NONCE_KEY_LEN];
    table_lock(t);
    memcpy(key, t->keys.current, sizeof(key));
    table_unlock(t);
    /* A libcrypto without SHA-256 is refused at start. */
    ENSURE(sign(key, h, raw, raw + MAC_AT));
    bytes_wipe(key, sizeof(key));
    bytes_to_b64(raw, sizeof(raw), text);
    outbuf_put(out, (struct str){text, sizeof(text)});
}

static bool is_signed_with(const uint8_t key[NONCE_KEY_LEN], struct hasher *h,
                           const uint8_t raw[NONCE_RAW_LEN]) {
    uint8_t mac[MAC_LEN];
    return sign(key, h, raw, mac) && bytes_equal_ct(mac, raw + MAC_AT, MAC_LEN);
}

uint64_t nonce_issued_ms(struct str nonce) {
    uint8_t time[TIME_LEN]; /* whole characters: 6 octets are 8 of them */
    struct str text = str_part(nonce, 0, BYTES_B64_LEN(TIME_LEN));
    return bytes_from_b64(text, time, sizeof(time)) ? issued_at(time) : 0;
}

static bool is_too_old(uint64_t issued, struct moment m) {
    return issued < m.now_ms && m.now_ms - issued > m.lifetime_ms;
}

static bool is_from_ahead(uint64_t issued, struct moment m) {
    return issued > m.now_ms && issued - m.now_ms > CLOCK_SKEW_MS;
}

/* ---- Look-up ---- */

/* By time and random bits under a key of ours: a peer neither steers the bucket nor learns by
 * timing about the signature, which is compared in constant time. */
static uint32_t *entry_bucket(struct nonce_table *t, const uint8_t *name) {
    const struct str open_part = {(const char *)name, MAC_AT};
    return &t->entry_buckets[str_hash(open_part, t->hash_key, false) & t->bucket_mask];
}

static struct entry *entry_find(struct nonce_table *t, const uint8_t *name) {
    for (uint32_t i = *entry_bucket(t, name); i != 0; i = t->entries[i].next) {
        if (bytes_equal_ct(t->entries[i].name, name, NAME_LEN)) return &t->entries[i];
    }
    return NULL;
}

static uint32_t *holder_bucket(struct nonce_table *t, uint64_t key) {
    return &t->holder_buckets[key & t->bucket_mask];
}

static struct holder *holder_find(struct nonce_table *t, uint64_t key) {
    for (uint32_t i = *holder_bucket(t, key); i != 0; i = t->holders[i].next) {
        if (t->holders[i].key == key) return &t->holders[i];
    }
    return NULL;
}

enum nonce_verdict nonce_check(struct nonce_table *t, struct hasher *h, struct str nonce,
                               uint64_t now_ms, uint64_t lifetime_ms) {
    uint8_t raw[NONCE_RAW_LEN];
    if (!bytes_from_b64(nonce, raw, sizeof(raw))) return NONCE_FORGED;
    bool own = bytes_get_u64(raw + INSTANCE_AT) == t->instance;
    struct keys keys = {.has_previous = false};
    table_lock(t);
    bool is_ours = own && entry_find(t, raw) != NULL;
    if (!is_ours) keys = t->keys;
    table_unlock(t);
    if (!is_ours) {
        is_ours = is_signed_with(keys.current, h, raw) ||
                  (keys.has_previous && is_signed_with(keys.previous, h, raw));
        bytes_wipe(&keys, sizeof(keys));
    }
    if (!is_ours) return NONCE_FORGED;
    if (!own) return NONCE_FOREIGN;
    const struct moment m = {now_ms, lifetime_ms};
    bool expired = is_too_old(issued_at(raw), m) || is_from_ahead(issued_at(raw), m);
    return expired ? NONCE_EXPIRED : NONCE_FRESH;
}

/* ---- Slots and lists ---- */

static void unlink_entry(struct nonce_table *t, uint32_t index) {
    uint32_t *link = entry_bucket(t, t->entries[index].name);
    while (*link != index) link = &t->entries[*link].next;
    *link = t->entries[index].next;
}

static void holder_drop(struct nonce_table *t, struct holder *holder) {
    uint32_t index = (uint32_t)(holder - t->holders);
    uint32_t *link = holder_bucket(t, holder->key);
    while (*link != index) link = &t->holders[*link].next;
    *link = holder->next;
    holder->next = t->holder_slots.free;
    t->holder_slots.free = index;
}

/* Take a holder's oldest entry away. With the last entry the holder goes too; false then. */
static bool drop_oldest(struct nonce_table *t, struct holder *holder) {
    uint32_t index = holder->oldest;
    struct entry *entry = &t->entries[index];
    unlink_entry(t, index);
    holder->oldest = entry->newer;
    entry->owner = 0;
    entry->next = t->entry_slots.free;
    t->entry_slots.free = index;
    t->live--;
    if (--holder->count > 0) return true;
    holder_drop(t, holder);
    return false;
}

static uint64_t oldest_issued(const struct nonce_table *t, const struct holder *holder) {
    return issued_at(t->entries[holder->oldest].name);
}

/* The same on the table's account: its floor rises above what goes. */
static bool table_lets_go(struct nonce_table *t, struct holder *holder) {
    uint64_t issued = oldest_issued(t, holder);
    if (issued >= t->floor) t->floor = issued + 1;
    return drop_oldest(t, holder);
}

static void drop_expired(struct nonce_table *t, struct holder *holder, struct moment m) {
    while (is_too_old(oldest_issued(t, holder), m)) {
        if (!table_lets_go(t, holder)) return;
    }
}

static uint32_t take_slot(struct slots *slots, uint32_t next_free) {
    if (slots->free == 0) return slots->top++;
    uint32_t index = slots->free;
    slots->free = next_free;
    return index;
}

static struct holder *holder_add(struct nonce_table *t, uint64_t key) {
    uint32_t index = take_slot(&t->holder_slots, t->holders[t->holder_slots.free].next);
    ENSURE(index <= t->capacity);
    uint32_t *bucket = holder_bucket(t, key);
    t->holders[index] = (struct holder){.key = key, .next = *bucket};
    *bucket = index;
    return &t->holders[index];
}

/* Into the holder's list by issue time: nearly always at its end. */
static void holder_link(struct nonce_table *t, struct holder *holder, uint32_t index) {
    uint64_t issued = issued_at(t->entries[index].name);
    uint32_t *link = &holder->oldest;
    if (holder->newest != 0 && issued_at(t->entries[holder->newest].name) <= issued)
        link = &t->entries[holder->newest].newer;
    while (*link != 0 && issued_at(t->entries[*link].name) <= issued)
        link = &t->entries[*link].newer;
    t->entries[index].newer = *link;
    if (*link == 0) holder->newest = index;
    *link = index;
    holder->count++;
}

static void entry_add(struct nonce_table *t, struct holder *holder, const uint8_t *name,
                      uint32_t nc) {
    uint32_t index = take_slot(&t->entry_slots, t->entries[t->entry_slots.free].next);
    ENSURE(index <= t->capacity);
    struct entry *entry = &t->entries[index];
    uint32_t *bucket = entry_bucket(t, name);
    *entry = (struct entry){
        .seen = 1, .highest = nc, .owner = (uint32_t)(holder - t->holders), .next = *bucket};
    memcpy(entry->name, name, NAME_LEN);
    *bucket = index;
    holder_link(t, holder, index);
    t->live++;
}

/* ---- Making room ---- */

/* Look at the next slots from the hand on and drop what has expired. */
static void sweep(struct nonce_table *t, struct moment m) {
    for (unsigned i = 0; i < SWEEP_STEP; i++) {
        if (t->hand >= t->entry_slots.top) t->hand = 1;
        const struct entry *entry = &t->entries[t->hand++];
        if (entry->owner != 0 && is_too_old(issued_at(entry->name), m))
            drop_expired(t, &t->holders[entry->owner], m);
    }
}

/* An issue time that about one entry in EVICT_PART does not exceed, from an even sample. */
static uint64_t old_enough(const struct nonce_table *t) {
    uint64_t sample[SAMPLE_SIZE] = {0};
    size_t count = t->capacity < SAMPLE_SIZE ? t->capacity : SAMPLE_SIZE;
    for (size_t i = 0; i < count; i++) {
        size_t slot = 1 + i * t->capacity / count;
        uint64_t issued = issued_at(t->entries[slot].name);
        size_t at = i;
        for (; at > 0 && sample[at - 1] > issued; at--) sample[at] = sample[at - 1];
        sample[at] = issued;
    }
    return sample[count / EVICT_PART];
}

/* Every slot is taken: let the oldest part go. */
static void evict_oldest(struct nonce_table *t) {
    uint64_t cut = old_enough(t);
    uint32_t goal = t->capacity - t->capacity / EVICT_PART;
    if (goal == t->capacity) goal--;
    for (uint32_t i = 1; i <= t->capacity && t->live > goal; i++) {
        const struct entry *entry = &t->entries[i];
        if (entry->owner != 0 && issued_at(entry->name) <= cut)
            (void)table_lets_go(t, &t->holders[entry->owner]);
    }
}

/* At the user's own limit the oldest goes. False where the new one is no younger than that: it may
 * have been here before. */
static bool make_room_for_user(struct nonce_table *t, struct holder *holder, uint64_t issued) {
    if (holder->count < NONCE_PER_USER) return true;
    if (issued <= oldest_issued(t, holder)) return false;
    return drop_oldest(t, holder);
}

/* ---- Use ---- */

static enum nonce_use note_nc(struct entry *entry, uint32_t nc) {
    if (nc > entry->highest) {
        uint32_t step = nc - entry->highest;
        entry->seen = (step < NONCE_WINDOW ? entry->seen << step : 0) | 1;
        entry->highest = nc;
        return NONCE_USE_OK;
    }
    uint32_t back = entry->highest - nc;
    if (back >= NONCE_WINDOW || (entry->seen >> back & 1) != 0) return NONCE_USE_REPLAYED;
    entry->seen |= UINT64_C(1) << back;
    return NONCE_USE_OK;
}

/* A nonce without an entry: it never had one, or lies behind a horizon. */
static enum nonce_use use_first(struct nonce_table *t, const uint8_t *name, uint64_t user,
                                uint32_t nc, struct moment m) {
    uint64_t issued = issued_at(name);
    if (is_too_old(issued, m) || is_from_ahead(issued, m) || issued < t->floor)
        return NONCE_USE_EVICTED;
    struct holder *holder = holder_find(t, user);
    if (holder != NULL) drop_expired(t, holder, m);
    holder = holder_find(t, user);
    if (holder != NULL && !make_room_for_user(t, holder, issued)) return NONCE_USE_EVICTED;
    sweep(t, m);
    if (t->live == t->capacity) evict_oldest(t);
    holder = holder_find(t, user);
    entry_add(t, holder != NULL ? holder : holder_add(t, user), name, nc);
    return NONCE_USE_OK;
}

enum nonce_use nonce_use(struct nonce_table *t, struct str nonce, uint64_t user, uint32_t nc,
                         uint64_t now_ms, uint64_t lifetime_ms) {
    uint8_t raw[NONCE_RAW_LEN];
    if (!bytes_from_b64(nonce, raw, sizeof(raw))) return NONCE_USE_EVICTED;
    if (bytes_get_u64(raw + INSTANCE_AT) != t->instance) return NONCE_USE_EVICTED;
    table_lock(t);
    enum nonce_use use;
    struct entry *entry = entry_find(t, raw);
    if (entry == NULL)
        use = use_first(t, raw, user, nc, (struct moment){now_ms, lifetime_ms});
    else if (t->holders[entry->owner].key != user)
        use = NONCE_USE_EVICTED;
    else
        use = note_nc(entry, nc);
    table_unlock(t);
    return use;
}
