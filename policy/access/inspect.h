/* inspect.h: what is looked at before the rules are asked: what kind of body there is, and the
 * parameters of query and body. */
#ifndef POLICY_ACCESS_INSPECT_H
#define POLICY_ACCESS_INSPECT_H

#include "policy/access/policy.h"
#include "policy/access/rules.h"

/* Before it was read: is there a body, and could it be judged? It must be of a kind that is read
 * here, in no content coding, and no longer than policy.judged_body_bytes. */
enum rules_body inspect_body(const struct policy *policy, const struct request_view *req);

/* Fill `params` (empty so far) with the parameters of the query and, where `state` is SEEN, of
 * `body`. UNKNOWN_BODY: nobody can say what the body holds after all. A query is part of the
 * target, and an ambiguous target is refused whatever the rules say; a body is collected only where
 * a rule asks for it. */
MUST_USE enum params_verdict inspect_parameters(const struct request_view *req,
                                                enum rules_body state, struct str body,
                                                struct params *params, struct arena *arena);

#endif
