/* rules.h: which of a profile's rules decides a request.
 *
 * The first rule that matches wins; where none does, the answer is no. A rule matches when role,
 * method, path and parameters match:
 *
 *                 no `parameters` key        [ "a", "b" ]                       [ "*" ]
 *   allow         no parameter and no body   every parameter is in the list     always
 *   deny          always                     one in the list is enough          always
 *
 * Parameters are those of query and body together, under every reading (params.h); an entry of a
 * list may ask for values as well (rule_param.h). An allow needs all of them known, a deny is
 * content with one: so where a body cannot be read (unknown type, longer than may be judged), a
 * list in an allow rule does not match, and a list in a deny rule does. A deny rule whose class the
 * grant lifts is passed over. */
#ifndef POLICY_ACCESS_RULES_H
#define POLICY_ACCESS_RULES_H

#include "policy/access/params.h"
#include "policy/access/profile.h"

enum rules_body {
    RULES_BODY_NONE,
    RULES_BODY_UNSEEN,     /* there is one and it can be read, but it has not been yet */
    RULES_BODY_SEEN,       /* `params` holds its names as well */
    RULES_BODY_UNREADABLE, /* nobody can say what it holds */
};

struct rules_question {
    struct str role;
    enum method method;
    struct str path; /* canonical, decoded */
    const struct params *params;
    enum rules_body body;
    const struct str *lifted; /* classes of deny rules that the grant's `allow` lifts */
    size_t lifted_count;
};

enum rules_verdict {
    RULES_DENY,        /* `rule` is the one that refused, NULL where none matched */
    RULES_DENY_UNREAD, /* the same, only because nobody can say what the body holds: never NULL */
    RULES_ALLOW,       /* `rule` is the one that allows, never NULL */
    RULES_NEED_BODY,   /* what the body holds can still lead to an allow; only with UNSEEN */
};

/* Judge; allocates nothing. Where every way on leads to a refusal the body is not asked for. */
MUST_USE enum rules_verdict rules_judge(const struct profile *profile,
                                        const struct rules_question *question,
                                        const struct rule **rule);

#endif
