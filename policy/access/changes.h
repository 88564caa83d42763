/* changes.h: what a request that is let through may change at the phone, by name, for the record.
 *
 * Names only: values may be passwords. The profile says of which parameters they may be recorded
 * all the same. A name is listed where an ordinary reader sees it; what other readings of the
 * request find (params.h) may be a piece of some value, so it is only said that there is more. */
#ifndef POLICY_ACCESS_CHANGES_H
#define POLICY_ACCESS_CHANGES_H

#include "policy/access/rules.h"

#define CHANGES_MAX      32 /* names, and values, in one record */
#define CHANGES_TEXT_MAX 64 /* octets of a name, and of a value; the rest is cut off */

struct changes {
    bool possible; /* the request carries something that the rule does not call harmless */
    bool unseen;   /* ... in a body that nobody looked at */
    bool more;     /* there is more than is listed: too many, or under another reading */
    const struct str *names; /* as sent, each once whatever its case; in the arena */
    size_t count;
    const struct str *values; /* "name=value", of the profile's harmless_values */
    size_t value_count;
};

/* What `rule`, which allows, lets through. False when the arena is used up. */
MUST_USE bool changes_find(const struct profile *profile, const struct rule *rule,
                           const struct rules_question *question, struct arena *arena,
                           struct changes *changes);

#endif
