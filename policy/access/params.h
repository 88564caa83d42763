/* params.h: every parameter a phone could read out of a query or a body, under any reading (U05,
 * U06).
 *
 * Phones differ: some split at '&', some at ';' as well, some take the last value, some ignore
 * case. So all readings are listed: split at '&', at ';' and at both; names decoded once, '+' as a
 * blank. */
#ifndef POLICY_ACCESS_PARAMS_H
#define POLICY_ACCESS_PARAMS_H

#include "policy/base/arena.h"
#include "policy/base/request.h"

enum params_verdict {
    PARAMS_OK,
    PARAMS_BAD_ESCAPE,   /* a '%' without two hex digits in a name */
    PARAMS_AMBIGUOUS,    /* a control octet or a double escape in a name */
    PARAMS_UNKNOWN_BODY, /* a body of a type that is not read here */
    PARAMS_NO_MEMORY,
};

struct params {
    struct str *names; /* decoded once, blanks at the ends removed, case as sent; in the arena */
    size_t count;
};

/* Add every name in `text` (a query or an urlencoded body). An empty text adds none; "&&" adds
 * none; "=x" adds the empty name. */
MUST_USE enum params_verdict params_add_urlencoded(struct params *params, struct str text,
                                                   struct arena *arena);

/* Add every field name of a body of this Content-Type. */
MUST_USE enum params_verdict params_add_body(struct params *params, struct str content_type,
                                             struct str body, struct arena *arena);
const char *params_verdict_str(enum params_verdict verdict);

#endif
