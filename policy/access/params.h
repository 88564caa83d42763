/* params.h: every parameter a phone could read out of a query or a body, under any reading (U05,
 * U06).
 *
 * Phones differ: some split at '&', some at ';' as well, some take the last value, some decode
 * before they split, some ignore case, some ignore the Content-Type. So all readings are listed and
 * nobody guesses which one a phone takes. A name may stand in the list more than once. A list that
 * is too long (an allow rule then fails to match) is safe, one that is too short is not. */
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

/* Start with {0}. */
struct params {
    struct str *names; /* decoded once, blanks at the ends removed, case as sent; in the arena or
                          slices of the text */
    size_t count;
    size_t capacity;
};

/* Add every name in `text` (a query or an urlencoded body): split at '&', at ';', at both, and at
 * both after decoding; '+' is a blank. An empty text adds none; "&&" adds none; "=x" adds the empty
 * name. `text` must live as long as the list. */
MUST_USE enum params_verdict params_add_urlencoded(struct params *params, struct str text,
                                                   struct arena *arena);

/* One name, blanks at its ends removed; false when the arena is used up. */
MUST_USE bool params_add(struct params *params, struct str name, struct arena *arena);

/* Add what `text` holds when it is read as urlencoded although nobody says it is: split at '&' and
 * ';', bad escapes and control octets left as they are. False when the arena is used up. */
MUST_USE bool params_add_loose(struct params *params, struct str text, struct arena *arena);

/* Does `s` hold one of the characters of `set` (NUL-terminated)? */
bool params_has_any(struct str s, const char *set);

enum params_body {
    PARAMS_BODY_UNKNOWN, /* no type, or one that is not read here: nobody can say what it holds */
    PARAMS_BODY_URLENCODED,
    PARAMS_BODY_PLAIN,     /* lines "name:value", as Snom phones take them */
    PARAMS_BODY_MULTIPART, /* multipart/form-data */
};

/* The kind of a body of this Content-Type; a charset other than UTF-8, US-ASCII or ISO-8859-1 makes
 * it unknown. */
enum params_body params_body_kind(struct str content_type);

/* Add every field name of a body of this Content-Type, and what the other kinds' readings would
 * find in it as well: a phone may ignore the type. With UNKNOWN_BODY the names are added all the
 * same. */
MUST_USE enum params_verdict params_add_body(struct params *params, struct str content_type,
                                             struct str body, struct arena *arena);
const char *params_verdict_str(enum params_verdict verdict);

#endif
