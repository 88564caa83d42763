#include "policy/access/grants.h"

#include <stdlib.h>

#include "policy/access/urlpath.h"

/* One open-addressed slot per pair of user and grant, at most half full. The pairs of one user
 * stand in one probe run in the order in which they were added, which is the order of the file. */
struct grant_slot {
    uint64_t hash;
    struct str user;
    const struct grant *grant; /* NULL: empty */
};

struct grant_index {
    uint64_t key[2];
    size_t mask;
    struct grant_slot *slots;
};

struct grant_index *grant_index_new(const struct grant *grants, size_t count,
                                    const uint64_t key[2]) {
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++) pairs += grants[i].user_count;
    size_t slots = 8;
    while (slots < 2 * pairs) slots *= 2;
    struct grant_index *index = malloc(sizeof(*index));
    ENSURE(index != NULL);
    *index =
        (struct grant_index){{key[0], key[1]}, slots - 1, calloc(slots, sizeof(*index->slots))};
    ENSURE(index->slots != NULL);
    for (size_t i = 0; i < count; i++) {
        for (size_t u = 0; u < grants[i].user_count; u++) {
            struct str user = grants[i].users[u];
            uint64_t hash = str_hash(user, key, false);
            size_t at = (size_t)hash & index->mask;
            while (index->slots[at].grant != NULL) at = (at + 1) & index->mask;
            index->slots[at] = (struct grant_slot){hash, user, &grants[i]};
        }
    }
    return index;
}

void grant_index_free(struct grant_index *index) {
    if (index == NULL) return;
    free(index->slots);
    free(index);
}

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

static const struct grant *find_indexed(const struct grant_index *index, struct str user,
                                        struct str phone_id) {
    uint64_t hash = str_hash(user, index->key, false);
    for (size_t at = (size_t)hash & index->mask; index->slots[at].grant != NULL;
         at = (at + 1) & index->mask) {
        const struct grant_slot *slot = &index->slots[at];
        if (slot->hash != hash || !str_equal(slot->user, user)) continue;
        if (covers(slot->grant, phone_id)) return slot->grant;
    }
    return NULL;
}

const struct grant *grant_find(const struct policy *policy, struct str user, struct str phone_id) {
    if (policy->grant_index != NULL) return find_indexed(policy->grant_index, user, phone_id);
    for (size_t i = 0; i < policy->grant_count; i++) {
        const struct grant *grant = &policy->grants[i];
        if (names(grant, user) && covers(grant, phone_id)) return grant;
    }
    return NULL;
}
