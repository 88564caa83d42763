/* grants.h: what a person may reach at all: the first grant, in the order of the file, that names
 * them, covers the phone and is in force.
 *
 * Names are compared byte for byte, phone ids with patterns ("*" is any run of characters). A grant
 * may be limited to networks, to a span of time and to hours of the week; one whose limits do not
 * hold here and now does not count, and what cannot be known (no clock, no address) does not hold.
 * The index only makes it quick; it never changes the answer. */
#ifndef POLICY_ACCESS_GRANTS_H
#define POLICY_ACCESS_GRANTS_H

#include "policy/access/policy.h"

/* An index by user over `grants`, which must outlive it; `key` keys the hash (16 random bytes). */
struct grant_index *grant_index_new(const struct grant *grants, size_t count,
                                    const uint64_t key[2]);
void grant_index_free(struct grant_index *index);

/* The limit that does not hold, the first in this order. */
enum grant_limit {
    GRANT_IN_FORCE,
    GRANT_CLOCK, /* it is limited by time, and nobody knows what time it is */
    GRANT_SINCE,
    GRANT_UNTIL,
    GRANT_FROM,
    GRANT_HOURS,
};
enum grant_limit grant_limit(const struct grant *grant, const struct when *when,
                             const struct network_address *address);
/* "since", "until", "from", "hours", "clock"; "" for GRANT_IN_FORCE. */
const char *grant_limit_str(enum grant_limit limit);

struct grant_question {
    struct str user, phone_id;
    struct when when;
    struct network_address address;
};

struct grant_missed {
    const struct grant *grant; /* NULL: none */
    enum grant_limit limit;
};

/* NULL where no grant counts. `missed`, which may be NULL, becomes the first grant that names the
 * user and covers the phone but is not in force. Without policy->grant_index the grants are
 * searched one by one. */
const struct grant *grant_find(const struct policy *policy, const struct grant_question *question,
                               struct grant_missed *missed);

#endif
