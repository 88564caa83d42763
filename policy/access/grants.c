#include "policy/access/grants.h"

#include <stdlib.h>

#include "policy/access/urlpath.h"

/* ---- limits ---- */

static bool is_from(const struct grant *grant, const struct network_address *address) {
    if (grant->from_count == 0) return true;
    for (size_t i = 0; i < grant->from_count; i++)
        if (network_holds(&grant->from[i], address)) return true;
    return false;
}

enum grant_limit grant_limit(const struct grant *grant, const struct when *when,
                             const struct network_address *address) {
    bool timed = grant->since_s != 0 || grant->until_s != 0 || grant->hours_count > 0;
    if (timed && when->utc_s <= 0) return GRANT_CLOCK;
    if (grant->since_s != 0 && when->utc_s < grant->since_s) return GRANT_SINCE;
    if (grant->until_s != 0 && when->utc_s >= grant->until_s) return GRANT_UNTIL;
    if (!is_from(grant, address)) return GRANT_FROM;
    if (grant->hours_count > 0 && !when_in_hours(grant->hours, grant->hours_count, when))
        return GRANT_HOURS;
    return GRANT_IN_FORCE;
}

const char *grant_limit_str(enum grant_limit limit) {
    switch (limit) {
    case GRANT_IN_FORCE:
        return "";
    case GRANT_CLOCK:
        return "clock";
    case GRANT_SINCE:
        return "since";
    case GRANT_UNTIL:
        return "until";
    case GRANT_FROM:
        return "from";
    case GRANT_HOURS:
        return "hours";
    }
    return "";
}

/* ---- the index ---- */

/* One slot per user, open-addressed, at most half full. The grants of a user stand side by side in
 * `grants`, in the order of the file. */
struct grant_slot {
    uint64_t hash;
    struct str user; /* .ptr NULL: empty */
    size_t first, count;
};

struct grant_index {
    uint64_t key[2];
    size_t mask, users;
    struct grant_slot *slots;
    const struct grant **grants;
};

/* The user's slot, or the empty one where it would stand. */
static struct grant_slot *slot_of(const struct grant_index *index, uint64_t hash, struct str user) {
    size_t at = (size_t)hash & index->mask;
    while (index->slots[at].user.ptr != NULL &&
           (index->slots[at].hash != hash || !str_equal(index->slots[at].user, user)))
        at = (at + 1) & index->mask;
    return &index->slots[at];
}

static const struct grant_slot *find_slot(const struct grant_index *index, struct str user) {
    return slot_of(index, str_hash(user, index->key, false), user);
}

static void make_slots(struct grant_index *index, size_t count) {
    index->mask = count - 1;
    index->slots = calloc(count, sizeof(*index->slots));
    ENSURE(index->slots != NULL);
}

static void grow(struct grant_index *index) {
    struct grant_slot *old = index->slots;
    size_t count = index->mask + 1;
    make_slots(index, 2 * count);
    for (size_t i = 0; i < count; i++)
        if (old[i].user.ptr != NULL) *slot_of(index, old[i].hash, old[i].user) = old[i];
    free(old);
}

/* One more grant of this user's. */
static void count_one(struct grant_index *index, struct str user) {
    uint64_t hash = str_hash(user, index->key, false);
    struct grant_slot *slot = slot_of(index, hash, user);
    slot->count++;
    if (slot->user.ptr != NULL) return;
    slot->hash = hash;
    slot->user = user;
    if (2 * ++index->users > index->mask) grow(index);
}

/* Where each user's begin; they are counted again while they are filled in. */
static void lay_out(struct grant_index *index) {
    size_t first = 0;
    for (size_t at = 0; at <= index->mask; at++) {
        index->slots[at].first = first;
        first += index->slots[at].count;
        index->slots[at].count = 0;
    }
    index->grants = calloc(first + 1, sizeof(struct grant *));
    ENSURE(index->grants != NULL);
}

static void put_one(struct grant_index *index, struct str user, const struct grant *grant) {
    struct grant_slot *slot = slot_of(index, str_hash(user, index->key, false), user);
    index->grants[slot->first + slot->count++] = grant;
}

struct grant_index *grant_index_new(const struct grant *grants, size_t count,
                                    const uint64_t key[2]) {
    struct grant_index *index = calloc(1, sizeof(*index));
    ENSURE(index != NULL);
    index->key[0] = key[0];
    index->key[1] = key[1];
    make_slots(index, 8);
    for (size_t i = 0; i < count; i++)
        for (size_t u = 0; u < grants[i].user_count; u++) count_one(index, grants[i].users[u]);
    lay_out(index);
    for (size_t i = 0; i < count; i++)
        for (size_t u = 0; u < grants[i].user_count; u++)
            put_one(index, grants[i].users[u], &grants[i]);
    return index;
}

void grant_index_free(struct grant_index *index) {
    if (index == NULL) return;
    free(index->slots);
    free(index->grants);
    free(index);
}

/* ---- which one counts ---- */

static bool covers(const struct grant *grant, struct str phone_id) {
    for (size_t i = 0; i < grant->phone_count; i++) {
        if (urlpath_matches(grant->phones[i], phone_id, false)) return true;
    }
    return false;
}

static bool names(const struct grant *grant, struct str user) {
    for (size_t i = 0; i < grant->user_count; i++) {
        if (str_equal(grant->users[i], user)) return true;
    }
    return false;
}

/* A grant of this user's: does it count? */
static bool counts(const struct grant *grant, const struct grant_question *q,
                   struct grant_missed *missed) {
    if (!covers(grant, q->phone_id)) return false;
    enum grant_limit limit = grant_limit(grant, &q->when, &q->address);
    if (limit == GRANT_IN_FORCE) return true;
    if (missed->grant == NULL) *missed = (struct grant_missed){grant, limit};
    return false;
}

static const struct grant *find_indexed(const struct grant_index *index,
                                        const struct grant_question *q,
                                        struct grant_missed *missed) {
    const struct grant_slot *slot = find_slot(index, q->user);
    for (size_t i = 0; i < slot->count; i++) {
        const struct grant *grant = index->grants[slot->first + i];
        if (counts(grant, q, missed)) return grant;
    }
    return NULL;
}

const struct grant *grant_find(const struct policy *policy, const struct grant_question *question,
                               struct grant_missed *missed) {
    struct grant_missed unused;
    if (missed == NULL) missed = &unused;
    *missed = (struct grant_missed){0};
    if (policy->grant_index != NULL) return find_indexed(policy->grant_index, question, missed);
    for (size_t i = 0; i < policy->grant_count; i++) {
        const struct grant *grant = &policy->grants[i];
        if (names(grant, question->user) && counts(grant, question, missed)) return grant;
    }
    return NULL;
}
