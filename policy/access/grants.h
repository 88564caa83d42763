/* grants.h: what a person may reach at all: the first grant, in the order of the file, that names
 * them and covers the phone.
 *
 * Names are compared byte for byte, phone ids with patterns ("*" is any run of characters). The
 * index only makes it quick; it never changes the answer. */
#ifndef POLICY_ACCESS_GRANTS_H
#define POLICY_ACCESS_GRANTS_H

#include "policy/access/policy.h"

/* An index by user over `grants`, which must outlive it; `key` keys the hash (16 random bytes). */
struct grant_index *grant_index_new(const struct grant *grants, size_t count,
                                    const uint64_t key[2]);
void grant_index_free(struct grant_index *index);

/* NULL where no grant covers both. Without policy->grant_index the grants are searched one by one.
 */
const struct grant *grant_find(const struct policy *policy, struct str user, struct str phone_id);

#endif
