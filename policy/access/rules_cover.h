/* rules_cover.h: rules that can never decide anything, for a warning. Nothing is decided here.
 *
 * Exact in one direction: a rule that is said to be covered never decides, whatever is asked. One
 * that only several parameters, values or paths of earlier rules together make useless may go
 * unnoticed. */
#ifndef POLICY_ACCESS_RULES_COVER_H
#define POLICY_ACCESS_RULES_COVER_H

#include "policy/access/profile.h"

/* Can rule `index` never decide, because for every role, method and path of its own an earlier one
 * always matches, whatever exceptions a grant has? `roles`: every role that a grant may give. `by`
 * becomes one of those earlier rules, `alone` whether it is the only one. */
MUST_USE bool rules_is_covered(const struct profile *profile, size_t index, const struct str *roles,
                               size_t role_count, const struct rule **by, bool *alone);

/* Is there a canonical path that `pattern` could cover? Not with '?', '#', ';', '\', an escape, an
 * empty or a dot segment in it (urlpath.h). */
bool rules_path_is_possible(struct str pattern);

#endif
