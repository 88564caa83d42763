/* rules_trace.h: why a rule does not match, for people who ask.
 *
 * Nothing is judged here: rules_judge is asked about one rule at a time, and then about the same
 * rule with all its conditions but one taken away. So a trace cannot say anything else than the
 * decision does. */
#ifndef POLICY_ACCESS_RULES_TRACE_H
#define POLICY_ACCESS_RULES_TRACE_H

#include "policy/access/rules.h"

/* The first condition that is not met, in this order. */
#define RULES_MISSES(X)                                                                            \
    X(NONE, "matches")                                                                             \
    X(ROLE, "role")                                                                                \
    X(METHOD, "method")                                                                            \
    X(PATH, "path")                                                                                \
    X(LIFTED, "class_lifted")             /* the grant allows what this rule denies */             \
    X(PARAMETER, "parameter")             /* allow: `parameter` is not allowed here */             \
    X(NO_PARAMETER, "no_parameter")       /* deny: none of its parameters is there */              \
    X(HAS_BODY, "body")                   /* allow without `parameters`: there is a body */        \
    X(BODY_UNREAD, "body_unread")         /* allow: what the body holds has not been looked at */  \
    X(BODY_UNREADABLE, "body_unreadable") /* allow: nobody can say what the body holds */

enum rules_miss {
#define X(name, text) RULES_MISS_##name,
    RULES_MISSES(X)
#undef X
};

struct rules_trace {
    enum rules_miss miss;
    struct str parameter; /* with PARAMETER, and with NONE where a listed one makes a deny match:
                             the first such name. .ptr NULL: none */
};

/* Why rule `index` of the profile does or does not match; its place among the others does not
 * count. */
struct rules_trace rules_trace(const struct profile *profile, size_t index,
                               const struct rules_question *question);

const char *rules_miss_str(enum rules_miss miss);

#endif
