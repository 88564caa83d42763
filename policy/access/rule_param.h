/* rule_param.h: one entry of a rule's `parameters`: a name, and perhaps what its value must be.
 *
 *   "NAME"           whatever the value
 *   "NAME=V1|V2"     the value is one of these; "NAME=" is the empty value
 *   "NAME!=V1|V2"    the value is none of these
 *
 * '*' in NAME and in a value is any run of characters. Names and values are compared without ASCII
 * case and without blanks at their ends. A deny matches if any reading of the parameter does, an
 * allow only if all of them do; where readers would disagree about a value (params.h: UNCLEAR), a
 * deny that asks for the value matches and an allow does not. A deny matches the first and the last
 * word of a name as well ("?NAME", "NAME[]", "x[NAME]"). */
#ifndef POLICY_ACCESS_RULE_PARAM_H
#define POLICY_ACCESS_RULE_PARAM_H

#include "policy/access/params.h"

enum rule_param_test {
    RULE_PARAM_ANY_VALUE,
    RULE_PARAM_IS,
    RULE_PARAM_IS_NOT,
};

struct rule_param {
    struct str name;
    enum rule_param_test test;
    const struct str *values; /* of the tests: at least one */
    size_t value_count;
    bool name_is_pattern, values_are_patterns;
};

enum rule_param_verdict {
    RULE_PARAM_OK,
    RULE_PARAM_NO_NAME,
    RULE_PARAM_EMPTY_VALUE, /* beside '|' */
    RULE_PARAM_NO_MEMORY,
};

/* Read one entry; `out` points into `text` and the arena. */
MUST_USE enum rule_param_verdict rule_param_parse(struct str text, struct arena *arena,
                                                  struct rule_param *out);
const char *rule_param_verdict_str(enum rule_param_verdict verdict);

/* Exactly this name. */
bool rule_param_names(const struct rule_param *entry, struct str name);
/* Does the entry match, in a rule that denies, in one that allows? */
bool rule_param_denies(const struct rule_param *entry, const struct param *param);
bool rule_param_allows(const struct rule_param *entry, const struct param *param);

#endif
